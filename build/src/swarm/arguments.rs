//! The command line of `plugin-builder swarm`.

use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt as _};

use crate::assignment::{self, Assignment};
use crate::{Error, NAME};

/// How long nodes are waited for. Updating one takes about four seconds, one after the other, and a
/// plugin that does not come up a quarter of a minute.
const LIMIT_SECS: u64 = 120;
/// The longest name of a service.
const NAME_CHARS_MAX: usize = 63;

pub(crate) const HELP: &str = "\
Runs the plugin on every node of a swarm, as a plugin service.

plugin-builder swarm create REF [SETTING=VALUE...]
    Installs it from a registry that every node reaches, and grants it what it asks for.
plugin-builder swarm update REF
    Takes each node in turn to another version, or to what is now under the same reference. Settings
    and counts are kept.
plugin-builder swarm rollback
    Goes back to what was before the last update.
plugin-builder swarm set SETTING=VALUE...
    Changes settings, and keeps the others: removes the service and creates it again, for engines do
    not apply new settings to a plugin that is there. Each node begins with a new baseline.
plugin-builder swarm rm
    Removes the plugin from every node.
plugin-builder swarm status
    Says of each node whether it runs the plugin, and if not, why.

    --name NAME      of the service, and of the plugin on the nodes (docker-metrics-statsd)
    --host HOST      a manager, unix:///PATH or tcp://HOST:PORT (the docker client's engine)
    --seconds N      how long to wait for the nodes (120)

All but `rm` end with a line for each node, and with exit code 0 only if every node runs the plugin.
Every node needs \"experimental\": true in its daemon.json. `docker service ls` does not show plugin
services. See docs/swarm.md.
";

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make the service.
    Create {
        /// The plugin in the registry.
        reference: String,
        /// Settings with other values than their defaults.
        settings: Vec<Assignment>,
    },
    /// Take it to another version.
    Update {
        /// That version in the registry.
        reference: String,
    },
    /// Take it back to the version before.
    Rollback,
    /// Make it again with these settings changed.
    Set {
        /// Those that change.
        settings: Vec<Assignment>,
    },
    /// Remove it.
    Remove,
    /// Nothing but to look.
    Status,
}

/// The whole command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// What to do.
    pub action: Action,
    /// Of the service, and of the plugin on the nodes.
    pub name: String,
    /// How long to wait for the nodes.
    pub limit: Duration,
    /// Where the manager is, as in `DOCKER_HOST`; `None`: where the docker client looks.
    pub host: Option<String>,
}

impl Arguments {
    /// Reads what stands behind `swarm`; `None`: the person asks for help.
    pub(crate) fn parse(mut args: Parser) -> Result<Option<Self>, Error> {
        let (mut words, mut name, mut limit, mut host) = (Vec::new(), NAME.to_owned(), LIMIT_SECS, None);
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("name") => name = service_name(args.value()?.string()?)?,
                Arg::Long("seconds") => limit = args.value()?.parse()?,
                Arg::Long("host") => host = Some(args.value()?.string()?),
                Arg::Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let Some((command, words)) = words.split_first() else { return Ok(None) };
        let action = action(command, words)?;
        Ok(Some(Self { action, name, limit: Duration::from_secs(limit), host }))
    }
}

fn action(command: &str, words: &[String]) -> Result<Action, Error> {
    match (command, words) {
        ("create", [reference, settings @ ..]) => {
            Ok(Action::Create { reference: checked(reference)?, settings: read(settings)? })
        }
        ("update", [reference]) => Ok(Action::Update { reference: checked(reference)? }),
        ("set", [_, ..]) => Ok(Action::Set { settings: read(words)? }),
        ("rollback", []) => Ok(Action::Rollback),
        ("rm", []) => Ok(Action::Remove),
        ("status", []) => Ok(Action::Status),
        ("create", []) => {
            Err(usage("swarm create: takes the plugin's reference in a registry, and settings"))
        }
        ("update", _) => Err(usage("swarm update: takes one reference; `swarm set` changes settings")),
        ("set", []) => Err(usage("swarm set: takes settings")),
        ("rollback" | "rm" | "status", _) => Err(usage(&format!("swarm {command}: takes no arguments"))),
        _ => Err(usage(&format!("unknown command swarm {command:?}"))),
    }
}

fn read(settings: &[String]) -> Result<Vec<Assignment>, Error> {
    let settings = settings.iter().map(|text| Assignment::parse(text)).collect::<Result<Vec<_>, _>>()?;
    if settings.iter().any(Assignment::is_mount) {
        return Err(usage(
            "a plugin service cannot set a mount: use an address of UDP or TCP, or install-everywhere",
        ));
    }
    assignment::check(&settings)?;
    Ok(settings)
}

/// References are parts of paths of the API.
fn checked(reference: &str) -> Result<String, Error> {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "._:/@-".contains(character);
    if !reference.is_empty() && reference.chars().all(is_allowed) {
        return Ok(reference.to_owned());
    }
    Err(usage(&format!("{reference:?} is no reference of a plugin, such as registry.example/{NAME}:1.0")))
}

/// What an engine takes for a service.
fn service_name(name: String) -> Result<String, Error> {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let ends_well = |end: Option<char>| end.is_some_and(|end| end.is_ascii_alphanumeric());
    let is_name =
        name.chars().all(is_allowed) && ends_well(name.chars().next()) && ends_well(name.chars().last());
    if is_name && name.len() <= NAME_CHARS_MAX {
        return Ok(name);
    }
    Err(usage(&format!("--name {name:?}: takes at most {NAME_CHARS_MAX} letters, digits, _ and -")))
}

fn usage(problem: &str) -> Error {
    Error::Usage { problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Option<Arguments>, String> {
        Arguments::parse(Parser::from_args(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_command_has_its_arguments() {
        let reference = "registry.example:5000/a/b:1.0@sha256:00".to_owned();
        let settings = vec![Assignment { name: "INTERVAL".to_owned(), value: "1s".to_owned() }];
        for (words, action) in [
            (
                &["create", &reference, "INTERVAL=1s"][..],
                Action::Create { reference: reference.clone(), settings: settings.clone() },
            ),
            (&["update", &reference], Action::Update { reference: reference.clone() }),
            (&["set", "INTERVAL=1s"], Action::Set { settings }),
            (&["rollback"], Action::Rollback),
            (&["rm"], Action::Remove),
            (&["status"], Action::Status),
        ] {
            assert_eq!(parsed(words).unwrap().unwrap().action, action);
        }
        assert_eq!(parsed(&[]), Ok(None));
        assert_eq!(parsed(&["create", "--help"]), Ok(None));
    }

    #[test]
    fn options_have_defaults() {
        let expected = |name: &str, seconds, host: Option<&str>| Arguments {
            action: Action::Status,
            name: name.to_owned(),
            limit: Duration::from_secs(seconds),
            host: host.map(str::to_owned),
        };
        assert_eq!(parsed(&["status"]), Ok(Some(expected(NAME, 120, None))));
        let all = parsed(&["--name", "m-1", "status", "--host=tcp://a:1", "--seconds=5"]);
        assert_eq!(all, Ok(Some(expected("m-1", 5, Some("tcp://a:1")))));
    }

    #[test]
    fn wrong_command_lines_say_what_is_wrong() {
        for (args, message) in [
            (&["create"][..], "swarm create: takes the plugin's reference in a registry, and settings"),
            (&["create", "a b"], "\"a b\" is no reference of a plugin"),
            (&["create", "a?b"], "\"a?b\" is no reference of a plugin"),
            (&["create", "a:1", "INTERVAL=never"], "setting INTERVAL: got \"never\""),
            (&["create", "a:1", "datadog_socket.source=/run"], "a plugin service cannot set a mount"),
            (&["update", "a:1", "INTERVAL=1s"], "swarm update: takes one reference"),
            (&["set"], "swarm set: takes settings"),
            (&["rm", "a"], "swarm rm: takes no arguments"),
            (&["ls"], "unknown command swarm \"ls\""),
            (&["status", "--name", "../info"], "--name \"../info\": takes at most 63 letters"),
            (&["status", "--name", ""], "--name \"\": takes at most 63 letters"),
        ] {
            let error = parsed(args).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
