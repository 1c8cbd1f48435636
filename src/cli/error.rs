//! What can go wrong with a command, in words, and the exit code that it means.

use std::fmt;
use std::io;

use crate::config::SettingError;
use crate::listen::ListenAddr;
use crate::plugin::BindError;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum CliError {
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
    /// What `check` tried does not all work.
    Check,
    /// The demo could not begin.
    Demo { attempt: &'static str, source: io::Error },
    /// The demo ended before a metric came.
    NothingArrived,
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
            Self::Check => out.write_str("not all of it works: see the lines that begin with WRONG"),
            Self::Demo { attempt, source } => write!(out, "cannot {attempt}: {source}"),
            Self::NothingArrived => out.write_str(
                "no metric arrived: what failed is said above, or the settings leave nothing to send",
            ),
            Self::Signals(source) => write!(out, "cannot watch for signals: {source}"),
            Self::Output(source) => write!(out, "cannot write to standard output: {source}"),
        }
    }
}

impl CliError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            // Whoever reads has seen enough, as with `| head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            _ => 1,
        }
    }
}
