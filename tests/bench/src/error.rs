//! Everything that can stop a measurement.

use std::{fmt, io};

/// What stopped it: what was attempted, and why it failed.
#[derive(Debug)]
pub enum Error {
    /// The command line is wrong.
    Usage(String),
    /// The system refused something.
    Io {
        /// What was attempted.
        attempt: String,
        /// The system's reason.
        source: io::Error,
    },
    /// An answer is not what it must be, so its time means nothing.
    Wrong(String),
}

impl Error {
    /// For `map_err`: `attempt` failed.
    pub fn io(attempt: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { attempt: attempt.into(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(problem) => write!(out, "{problem} (see --help)"),
            Self::Io { attempt, source } => write!(out, "cannot {attempt}: {source}"),
            Self::Wrong(problem) => out.write_str(problem),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
