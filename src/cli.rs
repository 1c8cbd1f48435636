//! The command line: which command, its arguments, its exit code.

mod run;
mod settings;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use lexopt::{Arg, Parser};

use crate::config::{SettingError, Settings};
use crate::convert::{Converter, Start};
use crate::listen::{DEFAULT_ADDR, ListenAddr, listen};
use crate::plugin::BindError;

const HELP: &str = "\
Sends a Docker Engine's own metrics to StatsD and Datadog.

usage: docker-metrics-statsd [COMMAND]

commands:
  (none)                       serve the Docker plugin protocol: what the engine starts, and of no use elsewhere
  agent                        scrape SCRAPE_ADDR until SIGTERM, without a Docker Engine around
  convert [--from-zero] FILE...
                               treat the files (- is standard input) as successive scrapes and print
                               the lines that would be sent; --from-zero counts the first one from 0
  listen [--raw] [ADDR]        print the metrics that arrive at ADDR (default 127.0.0.1:8125)
  settings [--markdown|--json] every setting: its default, its meaning and the value in force

options:
  -h, --help                   this text
  -V, --version                the version

Settings are environment variables; `docker-metrics-statsd settings` lists them.

examples:
  docker-metrics-statsd listen &
  SCRAPE_ADDR=http://127.0.0.1:9323/metrics INTERVAL=1s docker-metrics-statsd agent
  STATSD_FORMAT=etsy docker-metrics-statsd convert before.prom after.prom
";

/// Why a command failed.
#[derive(Debug)]
enum CliError {
    /// The command line is wrong.
    Usage(String),
    /// Settings are wrong: all of them.
    Settings(Vec<SettingError>),
    /// The plugin's socket cannot be served.
    Bind(BindError),
    /// A file cannot be read or is no complete exposition.
    File { path: String, problem: String },
    /// An address cannot be listened on.
    Listen { address: ListenAddr, source: io::Error },
    /// The process cannot be told when to end.
    Signals(io::Error),
    /// Standard output cannot be written.
    Output(io::Error),
}

impl fmt::Display for CliError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(problem) => write!(out, "{problem}; see `docker-metrics-statsd --help`"),
            Self::Settings(errors) => {
                let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
                out.write_str(&lines.join("\n"))
            }
            Self::Bind(error) => error.fmt(out),
            Self::File { path, problem } => write!(out, "{path}: {problem}"),
            Self::Listen { address, source } => write!(out, "cannot listen on {address}: {source}"),
            Self::Signals(source) => write!(out, "cannot watch for signals: {source}"),
            Self::Output(source) => write!(out, "cannot write to standard output: {source}"),
        }
    }
}

impl CliError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }
}

/// What the command line asks for.
#[derive(Debug)]
enum Command {
    Plugin,
    Agent,
    Convert { from_zero: bool, files: Vec<OsString> },
    Listen { raw: bool, address: ListenAddr },
    Settings(settings::Form),
    Help,
    Version,
}

/// Runs the command line and returns the exit code; problems are on standard error.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let result = parse(Parser::from_iter(arguments)).and_then(|command| run(&command));
    match result {
        Ok(()) => 0,
        // Whoever reads has seen enough, as with `| head`.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            error.exit_code()
        }
    }
}

fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::Plugin => run::plugin(&settings_in_force()?),
        Command::Agent => run::agent(&settings_in_force()?),
        Command::Convert { from_zero, files } => convert(*from_zero, files),
        Command::Listen { raw, address } => {
            listen(address, *raw, &mut io::stdout().lock()).map_err(|source| match source.kind() {
                io::ErrorKind::BrokenPipe => CliError::Output(source),
                _ => CliError::Listen { address: address.clone(), source },
            })
        }
        Command::Settings(form) => print(&settings::table(*form, variable)),
        Command::Help => print(HELP),
        Command::Version => print(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

fn parse(mut parser: Parser) -> Result<Command, CliError> {
    let usage = |error: lexopt::Error| CliError::Usage(error.to_string());
    let name = match parser.next().map_err(usage)? {
        None => return Ok(Command::Plugin),
        Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Command::Help),
        Some(Arg::Short('V') | Arg::Long("version")) => return Ok(Command::Version),
        Some(Arg::Value(name)) => name,
        Some(other) => return Err(usage(other.unexpected())),
    };
    let mut flags = Vec::new();
    let mut values = Vec::new();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Long(flag) => flags.push(flag.to_owned()),
            Arg::Value(value) => values.push(value),
            Arg::Short(_) => return Err(usage(argument.unexpected())),
        }
    }
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    match (name.to_str().unwrap_or_default(), flags.as_slice(), values.as_slice()) {
        ("agent", [], []) => Ok(Command::Agent),
        ("convert", [], [_, ..]) => Ok(Command::Convert { from_zero: false, files: values }),
        ("convert", ["from-zero"], [_, ..]) => Ok(Command::Convert { from_zero: true, files: values }),
        ("convert", _, []) => Err(CliError::Usage("convert needs a file".to_owned())),
        ("listen", [] | ["raw"], [] | [_]) => {
            let text = values.first().map_or(DEFAULT_ADDR.into(), |value| value.to_string_lossy());
            let address = ListenAddr::parse(&text).ok_or_else(|| {
                CliError::Usage(format!("cannot listen on {text:?}, only on HOST:PORT or unix:///PATH"))
            })?;
            Ok(Command::Listen { raw: !flags.is_empty(), address })
        }
        ("settings", [], []) => Ok(Command::Settings(settings::Form::Text)),
        ("settings", ["markdown"], []) => Ok(Command::Settings(settings::Form::Markdown)),
        ("settings", ["json"], []) => Ok(Command::Settings(settings::Form::Json)),
        ("agent" | "convert" | "listen" | "settings", ..) => {
            Err(CliError::Usage(format!("{} does not take these arguments", name.to_string_lossy())))
        }
        _ => Err(CliError::Usage(format!("there is no command {:?}", name.to_string_lossy()))),
    }
}

fn settings_in_force() -> Result<Settings, CliError> {
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Settings::from_vars(&hostname, variable).map_err(CliError::Settings)
}

/// What is not UTF-8 is shown as it can be, and refused like any other value that is not accepted.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Converts every file it can, as the plugin goes on after a bad scrape, and fails if one was bad.
fn convert(from_zero: bool, files: &[OsString]) -> Result<(), CliError> {
    let start = if from_zero { Start::Zero } else { Start::FirstScrape };
    let mut converter = Converter::new(&settings_in_force()?, start);
    let mut failed = None;
    for file in files {
        let path = file.to_string_lossy().into_owned();
        let body = read(Path::new(file)).map_err(|error| error.to_string());
        match body.and_then(|body| converter.convert(&body).map_err(|error| error.to_string())) {
            Ok(_) => {
                for index in 0..converter.datagrams() {
                    let datagram = converter.datagram(index).unwrap_or_default();
                    io::stdout().write_all(datagram).map_err(CliError::Output)?;
                    converter.taken(index);
                }
            }
            Err(problem) => {
                // The first one becomes this command's error.
                let earlier = failed.replace(CliError::File { path, problem });
                if let Some(earlier) = earlier {
                    let _ = writeln!(io::stderr(), "{earlier}");
                }
            }
        }
    }
    io::stdout().flush().map_err(CliError::Output)?;
    failed.map_or(Ok(()), Err)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return std::fs::read(path);
    }
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    Ok(body)
}

fn print(text: &str) -> Result<(), CliError> {
    io::stdout().write_all(text.as_bytes()).map_err(CliError::Output)
}
