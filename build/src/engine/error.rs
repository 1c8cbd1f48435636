//! What can go wrong with a private engine, each with what was attempted.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// A private engine could not be started, asked or stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// The caller is not root.
    NotRoot,
    /// A program that is needed is not installed.
    Missing {
        /// Its name.
        program: &'static str,
    },
    /// A program could not be started.
    Run {
        /// The program, or its command line.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A program ran and failed.
    Failed {
        /// Its command line.
        what: String,
        /// How it ended.
        status: ExitStatus,
        /// All it said, standard output first.
        said: String,
    },
    /// A program did not end within its limit.
    TimedOut {
        /// Its command line.
        what: String,
    },
    /// No engine's API answers there.
    NoAnswer {
        /// As in `DOCKER_HOST`.
        address: String,
        /// What curl said.
        said: String,
    },
    /// What a program said cannot be read.
    Unreadable {
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The namespaces could not be made.
    Enclosure {
        /// What the commands that make them said.
        said: String,
    },
    /// The network namespace could not be entered.
    Enter {
        /// Why.
        source: io::Error,
    },
    /// `dockerd` ended while it was awaited.
    Exited {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// `dockerd` runs and its API does not answer.
    NotReady {
        /// How long it was awaited.
        limit: Duration,
        /// The end of its log.
        log: String,
    },
    /// `dockerd` had to be killed.
    NotStopped {
        /// How long it was awaited.
        limit: Duration,
        /// The end of its log.
        log: String,
    },
    /// A file or folder of the engine could not be made, read or removed.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for EngineError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRoot => write!(out, "a private Docker Engine needs root: run this as root or with sudo"),
            Self::Missing { program } => {
                write!(out, "{program} is not installed: run `sh build/setup.sh demo`")
            }
            Self::Run { what, source } => write!(out, "cannot run {what}: {source}"),
            Self::Failed { what, status, said } => write!(out, "{what}: {status}\n{said}"),
            Self::TimedOut { what } => write!(out, "{what}: did not end in time"),
            Self::NoAnswer { address, said } => write!(out, "no Docker Engine answers at {address}: {said}"),
            Self::Unreadable { what, source } => write!(out, "cannot read {what}: {source}"),
            Self::Enclosure { said } => {
                write!(out, "cannot make the namespaces for a private Docker Engine\n{said}")
            }
            Self::Enter { source } => write!(out, "cannot enter the engine's network namespace: {source}"),
            Self::Exited { status, log } => write!(out, "dockerd ended at its start ({status}):\n{log}"),
            Self::NotReady { limit, log } => {
                write!(out, "dockerd did not answer within {} s:\n{log}", limit.as_secs())
            }
            Self::NotStopped { limit, log } => {
                write!(out, "dockerd did not stop within {} s and was killed:\n{log}", limit.as_secs())
            }
            Self::File { path, source } => write!(out, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Run { source, .. } | Self::Enter { source } | Self::File { source, .. } => Some(source),
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}
