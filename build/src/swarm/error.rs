//! What can keep the plugin from a swarm, each with what to do.

use std::fmt;

use super::manager::Plugin;
use crate::engine::EngineError;

/// Why the swarm is not as it was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum SwarmError {
    /// The engine cannot be reached this way.
    Host {
        /// What was given.
        host: String,
    },
    /// The call itself failed.
    Engine(EngineError),
    /// The engine is in no swarm.
    NoSwarm,
    /// The engine is a worker.
    NotManager {
        /// The managers that it knows.
        managers: Vec<String>,
    },
    /// The manager takes no plugin services.
    NotExperimental,
    /// No plugin is found under that reference.
    NoPlugin {
        /// The reference.
        reference: String,
    },
    /// There is a service of that name.
    ServiceExists {
        /// The name.
        name: String,
    },
    /// There is no service of that name.
    NoService {
        /// The name.
        name: String,
    },
    /// The service of that name runs containers.
    OtherService {
        /// The name.
        name: String,
    },
    /// The engine refused a call.
    Refused {
        /// What was attempted, as in "cannot ...".
        attempt: &'static str,
        /// What the engine said.
        said: String,
    },
    /// The engine's answer cannot be read.
    Answer {
        /// What was asked for.
        attempt: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The settings that a service has and those that were to change do not go together.
    Settings {
        /// What the plugin would say.
        problem: String,
    },
    /// A service was removed for other settings, and is not there again.
    NotCreatedAgain {
        /// Why.
        cause: Box<SwarmError>,
        /// Its reference and its settings.
        plugin: Plugin,
    },
    /// Nodes have not confirmed that the service is gone.
    NotRemoved {
        /// How many tasks are left.
        tasks: usize,
    },
    /// Not every node runs the plugin; the report says which and why.
    Incomplete,
}

impl fmt::Display for SwarmError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host } => write!(
                out,
                "{host}: takes unix:///PATH or tcp://HOST:PORT without TLS; run this on a manager, where it is \
                 unix:///var/run/docker.sock"
            ),
            Self::Engine(error) => error.fmt(out),
            Self::NoSwarm => write!(
                out,
                "this engine is in no swarm: `docker swarm init` makes one; for engines without a swarm there is \
                 `plugin-builder install-everywhere`"
            ),
            Self::NotManager { managers } => write!(
                out,
                "this engine is a worker, and only managers know of services: run this on one ({})",
                managers.join(", ")
            ),
            Self::NotExperimental => write!(
                out,
                "this manager takes no plugin services: put \"experimental\": true into its /etc/docker/daemon.json and \
                 restart it, as every node needs it, or use `plugin-builder install-everywhere`"
            ),
            Self::NoPlugin { reference } => write!(
                out,
                "the manager finds no plugin at {reference}: is it pushed, is the registry reachable from this engine and, if \
                 it has no TLS, among its insecure-registries? Plugin services cannot log in to a registry"
            ),
            Self::ServiceExists { name } => write!(
                out,
                "there is a service {name}: `update` takes it to another version, `set` gives it other settings, `rm` \
                 removes it"
            ),
            Self::NoService { name } => write!(out, "there is no service {name}: `create` makes it"),
            Self::OtherService { name } => {
                write!(out, "the service {name} runs containers: give this one another name with --name")
            }
            Self::Refused { attempt, said } => write!(out, "cannot {attempt}: {said}"),
            Self::Answer { attempt, source } => {
                write!(out, "cannot {attempt}: the answer cannot be read: {source}")
            }
            Self::Settings { problem } => problem.fmt(out),
            Self::NotCreatedAgain { cause, plugin: Plugin { remote, env } } => {
                write!(out, "{cause}\nthe service may be gone; `swarm create {remote}")?;
                env.iter().try_for_each(|entry| write!(out, " '{entry}'"))?;
                write!(out, "` makes it")
            }
            Self::NotRemoved { tasks } => write!(
                out,
                "the service is removed, but {tasks} of its tasks are not confirmed to be gone: a node that is away \
                 removes the plugin when it is back"
            ),
            Self::Incomplete => write!(out, "not every node runs the plugin"),
        }
    }
}

impl std::error::Error for SwarmError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Engine(error) => Some(error),
            Self::Answer { source, .. } => Some(source),
            Self::NotCreatedAgain { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl From<EngineError> for SwarmError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_is_gone_can_be_made_again_by_a_command() {
        let plugin = Plugin { remote: "a:1".to_owned(), env: vec!["TAGS=b:c".to_owned()] };
        let cause = Box::new(SwarmError::NotExperimental);
        let error = SwarmError::NotCreatedAgain { cause, plugin }.to_string();
        assert!(
            error.ends_with("\nthe service may be gone; `swarm create a:1 'TAGS=b:c'` makes it"),
            "{error}"
        );
    }
}
