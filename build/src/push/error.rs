//! Everything that can stop a push.

use std::fmt;
use std::path::PathBuf;

use super::Repository;

/// What stopped a push: what was attempted, at which registry, and what to do where something can be done.
/// What was pushed before stays, and is not sent again.
#[derive(Debug)]
pub enum PushError {
    /// The docker client's credentials cannot be read.
    Credentials {
        /// The docker client's file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// There is no answer, or none that can be read.
    Unreachable {
        /// Whom was asked: the registry, or its server of tokens.
        server: String,
        /// What for.
        what: String,
        /// Why there is none.
        problem: String,
    },
    /// The answer is a no.
    Refused {
        /// Whom was asked.
        server: String,
        /// What for.
        what: String,
        /// Of HTTP.
        status: u16,
        /// What the server said about it.
        said: String,
    },
    /// The answer is that somebody else may.
    Denied {
        /// Where it was to be pushed.
        repository: Repository,
        /// Who asked, if that is known.
        user: Option<String>,
        /// What the server said about it.
        said: String,
    },
    /// The answer is not what the protocol says.
    Protocol {
        /// The registry.
        server: String,
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        problem: String,
    },
}

impl fmt::Display for PushError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials { path, problem } => {
                write!(out, "cannot read the credentials in {}: {problem}", path.display())
            }
            Self::Unreachable { server, what, problem } => write!(
                out,
                "cannot {what}: no answer from {server}: {problem}; is that its name, does it run, does a proxy \
                 (HTTPS_PROXY, NO_PROXY) stand between?"
            ),
            Self::Refused { server, what, status, said } => {
                write!(out, "cannot {what}: {server} answers {status}")?;
                if said.is_empty() { Ok(()) } else { write!(out, ": {said}") }
            }
            Self::Denied { repository, user: None, said } => {
                let registry = repository.registry();
                write!(
                    out,
                    "{registry} asks who pushes{}: `docker login {registry}` first",
                    behind_colon(said)
                )
            }
            Self::Denied { repository, user: Some(user), said } => {
                let registry = repository.registry();
                write!(
                    out,
                    "{registry} does not let {user:?} push to {}{}: is the password still right (`docker login \
                     {registry}`), may this user write there?",
                    repository.path(),
                    behind_colon(said)
                )
            }
            Self::Protocol { server, what, problem } => write!(out, "cannot {what}: {server} {problem}"),
        }
    }
}

impl std::error::Error for PushError {}

fn behind_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}
