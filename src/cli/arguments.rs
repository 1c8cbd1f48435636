//! The command line, read: which command, and what it is given.

use std::ffi::OsString;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use super::CliError;
use super::help;
use super::settings::Form;
use crate::listen::{DEFAULT_ADDR, ListenAddr, Print};

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Command {
    Plugin,
    Agent,
    Check,
    Convert { from_zero: bool, files: Vec<OsString> },
    Demo { limit: Option<Duration> },
    Listen { show: Show, address: ListenAddr },
    Settings(Form),
    Help(&'static str),
    Version,
}

/// How `listen` shows what arrives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Show {
    Lines(Print),
    Summary,
}

pub(super) fn parse(mut parser: Parser) -> Result<Command, CliError> {
    let usage = |error: lexopt::Error| CliError::Usage(error.to_string());
    let name = match parser.next().map_err(usage)? {
        None => return Ok(Command::Plugin),
        Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Command::Help(help::PROGRAM)),
        Some(Arg::Short('V') | Arg::Long("version")) => return Ok(Command::Version),
        Some(Arg::Value(name)) => name.to_string_lossy().into_owned(),
        Some(other) => return Err(usage(other.unexpected())),
    };
    let Some(help) = help::of(&name) else {
        return Err(CliError::Usage(format!("there is no command {name:?}")));
    };
    let mut flags = Vec::new();
    let mut values = Vec::new();
    let mut limit = None;
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help(help)),
            Arg::Long("seconds") if name == "demo" => {
                let seconds = parser.value().and_then(|value| value.parse()).map_err(usage)?;
                limit = Some(Duration::from_secs(seconds));
            }
            Arg::Long(flag) => flags.push(flag.to_owned()),
            Arg::Value(value) => values.push(value),
            Arg::Short(_) => return Err(usage(argument.unexpected())),
        }
    }
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    match (name.as_str(), flags.as_slice(), values.as_slice()) {
        ("agent", [], []) => Ok(Command::Agent),
        ("check", [], []) => Ok(Command::Check),
        ("convert", [], [_, ..]) => Ok(Command::Convert { from_zero: false, files: values }),
        ("convert", ["from-zero"], [_, ..]) => Ok(Command::Convert { from_zero: true, files: values }),
        ("convert", _, []) => Err(CliError::Usage("convert needs a file".to_owned())),
        ("demo", [], []) => Ok(Command::Demo { limit }),
        ("listen", [], [] | [_]) => listen(Show::Lines(Print::Readable), &values),
        ("listen", ["raw"], [] | [_]) => listen(Show::Lines(Print::Raw), &values),
        ("listen", ["summary"], [] | [_]) => listen(Show::Summary, &values),
        ("settings", [], []) => Ok(Command::Settings(Form::Text)),
        ("settings", ["markdown"], []) => Ok(Command::Settings(Form::Markdown)),
        ("settings", ["json"], []) => Ok(Command::Settings(Form::Json)),
        _ => Err(CliError::Usage(format!("{name} does not take these arguments"))),
    }
}

fn listen(show: Show, values: &[OsString]) -> Result<Command, CliError> {
    let text = values.first().map_or(DEFAULT_ADDR.into(), |value| value.to_string_lossy());
    match ListenAddr::parse(&text) {
        Some(address) => Ok(Command::Listen { show, address }),
        None => Err(CliError::Usage(format!(
            "cannot listen on {text:?}, only on HOST:PORT, udp://HOST, tcp://HOST, unix:///PATH or unixstream:///PATH"
        ))),
    }
}
