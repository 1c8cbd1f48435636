//! Settings on a command line, `NAME=VALUE`, refused here as the plugin would refuse them.
//!
//! A wrong one would stop the plugin on every engine that gets it, and only their logs would say so;
//! an unknown one a swarm passes on without a word.

use docker_metrics_statsd::config::{SETTINGS, Settings};

use crate::Error;
use crate::config_json::MOUNT_SOURCE;

/// Stands for each machine's own name.
const ANY_HOST: &str = "host";

/// One setting of the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// An environment variable, or the source of the mount.
    pub name: String,
    /// Empty for the default of a variable; an absolute path for the mount.
    pub value: String,
}

impl Assignment {
    /// Reads one, without a look at its value.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let usage = |problem| Error::Usage { problem };
        let (name, value) =
            text.split_once('=').ok_or_else(|| usage(format!("{text:?}: a setting is NAME=VALUE")))?;
        if name != MOUNT_SOURCE && !SETTINGS.iter().any(|setting| setting.name == name) {
            return Err(usage(format!("the plugin has no setting {name}")));
        }
        // Engines take any other text, and mount a folder of their own for none.
        if name == MOUNT_SOURCE && !value.starts_with('/') {
            return Err(usage(format!("setting {name}: got {value:?}, takes the path of a folder")));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }

    /// Whether it is the source of the mount, and not an environment variable.
    #[must_use]
    pub fn is_mount(&self) -> bool {
        self.name == MOUNT_SOURCE
    }
}

impl std::fmt::Display for Assignment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}={}", self.name, self.value)
    }
}

/// Refuses what the plugin would refuse.
pub(crate) fn check(assignments: &[Assignment]) -> Result<(), Error> {
    let entries: Vec<_> = assignments.iter().map(Assignment::to_string).collect();
    problem(&entries).map_or(Ok(()), |problem| Err(Error::Usage { problem }))
}

/// What the plugin would refuse in this environment; of two entries of one name the last one counts.
pub(crate) fn problem(environment: &[String]) -> Option<String> {
    let value = |name: &str| {
        let mut entries = environment.iter().rev().filter_map(|entry| entry.split_once('='));
        entries.find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
    };
    let problems = Settings::from_vars(ANY_HOST, value).err()?;
    Some(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(texts: &[&str]) -> String {
        let assignments: Result<Vec<_>, _> = texts.iter().map(|text| Assignment::parse(text)).collect();
        let checked = assignments.and_then(|assignments| check(&assignments));
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn settings_are_those_of_the_plugin() {
        assert_eq!(refused(&["STATSD_ADDR=udp://10.0.0.5:8125", "TAGS=a:b,c:d", "DD_ENV="]), "");
        assert_eq!(refused(&["datadog_socket.source=/run/datadog"]), "");
        assert_eq!(refused(&["INTERVAL=never", "INTERVAL=1s"]), "", "the last one counts");
    }

    #[test]
    fn wrong_ones_are_named() {
        for (text, expected) in [
            ("INTERVAL", "\"INTERVAL\": a setting is NAME=VALUE (see --help)"),
            ("STATSD_ADR=a:1", "the plugin has no setting STATSD_ADR (see --help)"),
            (
                "datadog_socket.source=",
                "setting datadog_socket.source: got \"\", takes the path of a folder (see --help)",
            ),
            (
                "datadog_socket.destination=/a",
                "the plugin has no setting datadog_socket.destination (see --help)",
            ),
        ] {
            assert_eq!(refused(&[text]), expected);
        }
        let both = refused(&["INTERVAL=never", "LOG_LEVEL=loud"]);
        assert!(
            both.contains("INTERVAL: got \"never\"") && both.contains("LOG_LEVEL: got \"loud\""),
            "{both}"
        );
    }
}
