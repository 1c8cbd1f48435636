//! The command line: which command, its arguments, its exit code.

mod arguments;
mod check;
mod convert;
mod demo;
mod error;
mod help;
mod run;
mod settings;

use std::ffi::OsString;
use std::io::{self, Write};

use lexopt::Parser;

use crate::config::Settings;
use crate::convert::Start;
use crate::listen::{self, Bound, ListenAddr, Listener, Watch};
use crate::privileges::{Reach, confine};
use crate::timer::block_on;
use arguments::{Command, Show, parse};
use error::CliError;

/// Runs the command line and returns the exit code; problems are on standard error.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match parse(Parser::from_iter(arguments)).and_then(|command| run(&command)) {
        Ok(()) => 0,
        Err(error) => {
            let code = error.exit_code();
            if code != 0 {
                let _ = writeln!(io::stderr(), "{error}");
            }
            code
        }
    }
}

fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::Plugin => run::plugin(&settings_in_force()?),
        Command::Agent => run::agent(&settings_in_force()?),
        Command::Check => check::check(&settings_in_force()?),
        Command::Convert { from_zero, files } => {
            let start = if *from_zero { Start::Zero } else { Start::FirstScrape };
            convert::convert(&settings_in_force()?, start, files)
        }
        Command::Demo { limit } => demo::demo(*limit),
        Command::Listen { show, address } => listen(*show, address),
        Command::Settings(form) => print(&settings::table(*form, variable)),
        Command::Help(text) => print(text),
        Command::Version => print(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

/// Ends only when standard output is closed.
fn listen(show: Show, address: &ListenAddr) -> Result<(), CliError> {
    let failed = |source| CliError::Listen { address: address.clone(), source };
    let bound = Bound::at(address).map_err(failed)?;
    // Binding may need them: a port below 1024, somebody else's folder. What arrives is read without.
    let _ = confine(&Reach::default());
    let listener = Listener::new(bound).map_err(failed)?;
    let shown = block_on(async {
        match show {
            Show::Lines(form) => listen::print(listener, form, &mut io::stdout().lock()).await,
            Show::Summary => Watch::new(listener, format!("listening on {address}")).run().await,
        }
    });
    shown.map(|never| match never {}).map_err(CliError::Output)
}

fn settings_in_force() -> Result<Settings, CliError> {
    settings_from(&variable)
}

fn settings_from(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Settings, CliError> {
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Settings::from_vars(&hostname, lookup).map_err(CliError::Settings)
}

/// What is not UTF-8 is shown as it can be, and refused like any other value that is not accepted.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn print(text: &str) -> Result<(), CliError> {
    io::stdout().write_all(text.as_bytes()).map_err(CliError::Output)
}
