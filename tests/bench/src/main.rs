//! `bench`: see the library for what it does, [`bench::cli`] for its commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::cli::run(std::env::args_os())
}
