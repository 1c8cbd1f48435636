//! Everything that can stop a run.

use std::{fmt, io};

/// What stopped it, in words.
#[derive(Debug)]
pub enum Error {
    /// The command line is wrong.
    Usage(String),
    /// The system refused something, or a target found an input that breaks its law.
    Failed(String),
}

/// For `map_err`: `attempt` failed.
pub(crate) fn cannot(attempt: impl fmt::Display) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::Failed(format!("cannot {attempt}: {error}"))
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(problem) => write!(out, "{problem} (see --help)"),
            Self::Failed(problem) => out.write_str(problem),
        }
    }
}

impl std::error::Error for Error {}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
