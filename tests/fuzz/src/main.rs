//! `fuzzing`: see the library for what it does, [`fuzzing::cli`] for its commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    fuzzing::cli::run(std::env::args_os())
}
