//! What can end the demo before it has shown something.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::engine::EngineError;

/// Why the demo showed nothing.
#[derive(Debug)]
pub(super) enum DemoError {
    /// A part of the plugin is missing.
    NotBuilt { path: PathBuf },
    /// The engine, or the client that talks to it.
    Engine(EngineError),
    /// An engine takes the same rootfs only once.
    SameRootfs { said: String },
    /// Ctrl-C could not be prepared for.
    Signals { source: io::Error },
    /// The listener could not be started.
    Listener { source: io::Error },
    /// The listener ended before its time.
    ListenerEnded,
    /// Standard output is closed.
    Output { source: io::Error },
    /// All ran and no metric came.
    NothingArrived,
    /// Any of these while an engine was there.
    During { cause: Box<DemoError>, log: String },
}

impl fmt::Display for DemoError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt { path } => {
                write!(
                    out,
                    "{} is missing: run `just plugin` in the directory of the workspace",
                    path.display()
                )
            }
            Self::Engine(error) => write!(out, "{error}"),
            Self::SameRootfs { said } => write!(
                out,
                "{said}\nthis engine holds a plugin with the same rootfs already, and takes none twice: find it \
                 with `docker plugin ls` and remove it with `docker plugin rm --force NAME`"
            ),
            Self::Signals { source } => write!(out, "cannot watch for signals: {source}"),
            Self::Listener { source } => write!(out, "cannot start the listener: {source}"),
            Self::ListenerEnded => write!(out, "the listener ended; what it said stands above"),
            Self::Output { source } => write!(out, "cannot write to standard output: {source}"),
            Self::NothingArrived => write!(out, "no metric arrived"),
            Self::During { cause, log } => write!(out, "{cause}\nthe engine's log ends with:\n{log}"),
        }
    }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Engine(error) => Some(error),
            Self::During { cause, .. } => Some(cause),
            Self::Signals { source } | Self::Listener { source } | Self::Output { source } => Some(source),
            _ => None,
        }
    }
}

impl From<EngineError> for DemoError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}
