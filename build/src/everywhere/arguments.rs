//! The command line of `plugin-builder install-everywhere`.

use lexopt::{Arg, Parser, ValueExt as _};

use crate::assignment::{self, Assignment};
use crate::{Error, NAME};

pub(crate) const HELP: &str = "\
Installs the plugin on each of these engines, from a registry that they reach.

plugin-builder install-everywhere REF [SETTING=VALUE...] --host HOST... --context NAME...
    Installs it where it is missing, upgrades it where it has another reference, sets what is set
    otherwise, and enables it. What is there already is left alone: a second run changes nothing. An
    upgrade keeps the counts, the settings and the source of the mount. Grants what it asks for.

    --host HOST      an engine, as the docker client's --host: unix://, tcp://, ssh://
    --context NAME   an engine, as the docker client's --context
    --name NAME      of the plugin (docker-metrics-statsd)

Ends with a line for each engine, and with exit code 0 only if all went well. A reference is known by its
name and tag: what is pushed again under the same tag is taken for the same. See docs/swarm.md.
";

/// An engine, as the docker client addresses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `--host` or `--context`.
    pub(super) option: &'static str,
    /// What stands behind it.
    pub(super) address: String,
}

/// The whole command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// The plugin in the registry.
    pub(super) reference: String,
    /// The settings to have; others stay as they are.
    pub(super) settings: Vec<Assignment>,
    /// Of the plugin on the engines.
    pub(super) name: String,
    pub(super) targets: Vec<Target>,
}

impl Arguments {
    /// Reads what stands behind `install-everywhere`; `None`: the person asks for help.
    pub(crate) fn parse(mut args: Parser) -> Result<Option<Self>, Error> {
        let (mut words, mut targets, mut name) = (Vec::new(), Vec::new(), NAME.to_owned());
        while let Some(arg) = args.next()? {
            let option = match arg {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("host") => "--host",
                Arg::Long("context") => "--context",
                Arg::Long("name") => {
                    name = args.value()?.string()?;
                    continue;
                }
                Arg::Value(word) => {
                    words.push(word.string()?);
                    continue;
                }
                other => return Err(other.unexpected().into()),
            };
            targets.push(Target { option, address: args.value()?.string()? });
        }
        let usage = |problem: &str| Error::Usage { problem: format!("install-everywhere: {problem}") };
        let Some((reference, settings)) = words.split_first() else {
            return Err(usage("takes the plugin's reference in a registry, and settings"));
        };
        // An engine does not tell which digest it has.
        if reference.is_empty() || reference.contains(['@', '=']) {
            return Err(usage(&format!("{reference:?} is no name and tag of a plugin")));
        }
        if targets.is_empty() {
            return Err(usage("takes at least one --host or --context"));
        }
        let settings = settings.iter().map(|text| Assignment::parse(text)).collect::<Result<Vec<_>, _>>()?;
        assignment::check(&settings)?;
        Ok(Some(Self { reference: reference.clone(), settings, name, targets }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Option<Arguments>, String> {
        Arguments::parse(Parser::from_args(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn engines_are_named_as_the_docker_client_names_them() {
        let all = ["a:1", "--host", "unix:///a", "INTERVAL=1s", "--context=b", "--name", "m"];
        let target = |option, address: &str| Target { option, address: address.to_owned() };
        let expected = Arguments {
            reference: "a:1".to_owned(),
            settings: vec![Assignment { name: "INTERVAL".to_owned(), value: "1s".to_owned() }],
            name: "m".to_owned(),
            targets: vec![target("--host", "unix:///a"), target("--context", "b")],
        };
        assert_eq!(parsed(&all), Ok(Some(expected)));
        assert_eq!(parsed(&["--help"]), Ok(None));
    }

    #[test]
    fn wrong_command_lines_say_what_is_wrong() {
        for (args, message) in [
            (&[][..], "install-everywhere: takes the plugin's reference"),
            (&["a:1"], "install-everywhere: takes at least one --host or --context"),
            (&["INTERVAL=1s", "--host=b"], "install-everywhere: \"INTERVAL=1s\" is no name and tag"),
            (&["a@sha256:0", "--host=b"], "install-everywhere: \"a@sha256:0\" is no name and tag"),
            (&["a:1", "NAME=b", "--host=b"], "the plugin has no setting NAME"),
            (&["a:1", "LOG_LEVEL=loud", "--host=b"], "setting LOG_LEVEL: got \"loud\""),
        ] {
            let error = parsed(args).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
