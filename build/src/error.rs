//! Everything that can stop the builder.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::{fmt, io};

use crate::arch::Arch;
use crate::compile::Way;
use crate::config_json::Problem;
use crate::elf::NotStatic;
use crate::push::PushError;
use crate::sbom::SbomError;
use crate::swarm::SwarmError;

/// What stopped the builder: what was attempted, why it failed, and what to do where something can
/// be done.
#[derive(Debug)]
pub enum Error {
    /// The command line is wrong.
    Usage {
        /// What is wrong with it.
        problem: String,
    },
    /// A file or directory could not be read, written, ...
    File {
        /// What was attempted, as a verb: `read`, `write`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The binary cannot run alone in a scratch rootfs.
    Binary {
        /// The binary.
        path: PathBuf,
        /// The architecture asked for.
        arch: Arch,
        /// What is wrong with it.
        problem: NotStatic,
    },
    /// A `config.json` breaks rules.
    Config {
        /// The file.
        path: PathBuf,
        /// Every rule it breaks.
        problems: Vec<Problem>,
    },
    /// The skeleton of the rootfs holds something that an image cannot.
    Skeleton {
        /// The entry.
        path: PathBuf,
        /// Why it is refused, and what to do.
        problem: &'static str,
    },
    /// A program could not be started.
    Start {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A program was started and failed.
    Failed {
        /// The program and what it was doing.
        what: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The plugin cannot be pushed.
    Push(PushError),
    /// What is linked into the plugin cannot be told.
    Sbom(SbomError),
    /// A swarm is not as it was asked for.
    Swarm(SwarmError),
    /// The plugin is not on every engine; what was said of each tells why.
    Everywhere {
        /// On how many it is not.
        failures: usize,
    },
    /// Nothing on this machine builds a static binary.
    NoWay {
        /// The architecture asked for.
        arch: Arch,
        /// Each way that was considered, and what it lacks.
        lacking: Vec<(Way, String)>,
    },
}

impl Error {
    /// For `map_err`: `action` on `path` failed.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage { problem } => write!(out, "{problem} (see --help)"),
            Self::File { action, path, source } => {
                write!(out, "cannot {action} {}: {source}", path.display())
            }
            Self::Binary { path, arch, problem } => write!(
                out,
                "{} cannot be the plugin for {arch}: {problem}; a scratch rootfs has no loader and no \
                 libraries, so build a static one with `just build`",
                path.display()
            ),
            Self::Config { path, problems } => {
                write!(out, "{} is refused:", path.display())?;
                problems.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
            }
            Self::Skeleton { path, problem } => write!(out, "skeleton {}: {problem}", path.display()),
            Self::Start { program, source } => {
                write!(
                    out,
                    "cannot start {}: {source}; `sh build/setup.sh build` installs what building needs",
                    program.display()
                )
            }
            Self::Failed { what, status } => write!(out, "{what} failed: {status}"),
            Self::Push(error) => error.fmt(out),
            Self::Sbom(error) => error.fmt(out),
            Self::Swarm(error) => error.fmt(out),
            Self::Everywhere { failures } => write!(out, "it went wrong on {failures} of the engines"),
            Self::NoWay { arch, lacking } => {
                write!(out, "nothing here builds a static binary for {arch}:")?;
                for (way, lack) in lacking {
                    write!(out, "\n  {way}: {lack}")?;
                }
                write!(out, "\n`sh build/setup.sh build` installs one of them")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Start { source, .. } => Some(source),
            _ => None,
        }
    }
}
