//! `plugin-builder`: see the library for what it does, [`plugin_builder::cli`] for its commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    plugin_builder::cli::run(std::env::args_os())
}
