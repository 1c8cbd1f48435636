//! `plugin-builder install-everywhere`: the plugin on each of many engines, by the docker client.
//!
//! Job: bring each engine to the version and the settings that were asked for, and leave alone what is
//! there already, so that a second run changes nothing. What to do is decided from what the engine has
//! (`plan`); the client knows the ways to an engine: unix sockets, TLS, ssh, contexts.

mod arguments;
mod plan;

use std::process::Command;
use std::time::Duration;

use crate::engine::{EngineError, limited, output};
pub(crate) use arguments::HELP;
pub use arguments::{Arguments, Target};
use plan::{Installed, Step, plan};

/// The longest that one call may take: some fetch the plugin from a registry.
const CALL_LIMIT: Duration = Duration::from_secs(300);

/// Goes from one engine to the next, says how it stands on each, and returns on how many it went wrong.
pub fn run(arguments: &Arguments, say: &mut dyn FnMut(&str)) -> usize {
    let mut failures = 0;
    for target in &arguments.targets {
        let (mark, words) = match bring(target, arguments) {
            Ok(steps) if steps.is_empty() => ("ok   ", "nothing to do".to_owned()),
            Ok(steps) => ("ok   ", steps.iter().map(Step::to_string).collect::<Vec<_>>().join(", ")),
            Err(error) => {
                failures += 1;
                ("WRONG", error.to_string())
            }
        };
        say(&format!("{mark}  {}: {words}\n", target.address));
    }
    failures
}

/// Brings one engine to what was asked for, and returns what it took.
fn bring(target: &Target, arguments: &Arguments) -> Result<Vec<Step>, EngineError> {
    let docker = Docker { target, name: &arguments.name };
    let installed = docker.installed()?;
    let steps = plan(installed.as_ref(), arguments);
    for step in &steps {
        if let Err(error) = docker.take(step) {
            // Better what was there than nothing; the error is the one to tell.
            if steps.first() == Some(&Step::Disable) && *step != Step::Enable {
                let _ = docker.take(&Step::Enable);
            }
            return Err(error);
        }
    }
    Ok(steps)
}

/// The docker client, pointed at one engine.
struct Docker<'a> {
    target: &'a Target,
    name: &'a str,
}

impl Docker<'_> {
    /// The plugin of that name, if there is one.
    fn installed(&self) -> Result<Option<Installed>, EngineError> {
        let names = output(self.plugin("ls").args(["--format", "{{.Name}}"]))?;
        let name = plan::tagged(self.name);
        if !names.lines().any(|line| line == name) {
            return Ok(None);
        }
        let mut inspect = self.plugin("inspect");
        let said = output(inspect.arg(self.name))?;
        Installed::parse(&said).map(Some).map_err(|error| EngineError::Unreadable {
            what: format!("what docker says of the plugin {name}"),
            source: error,
        })
    }

    fn take(&self, step: &Step) -> Result<(), EngineError> {
        let mut command = match step {
            Step::Install { reference, settings } => {
                let mut install = self.plugin("install");
                install.args(["--grant-all-permissions", "--alias", self.name, reference]).args(settings);
                install
            }
            Step::Disable | Step::Enable => {
                let mut command = self.plugin(if *step == Step::Enable { "enable" } else { "disable" });
                command.arg(self.name);
                command
            }
            Step::Upgrade { reference, .. } => {
                let mut upgrade = self.plugin("upgrade");
                // The check would ask whether it may be another reference.
                upgrade.args(["--grant-all-permissions", "--skip-remote-check", self.name, reference]);
                upgrade
            }
            Step::Set { settings } => {
                let mut set = self.plugin("set");
                set.arg(self.name).args(settings);
                set
            }
        };
        output(&mut command).map(drop)
    }

    fn plugin(&self, word: &str) -> Command {
        let mut docker = limited(CALL_LIMIT, "docker");
        docker.args([self.target.option, &self.target.address, "plugin", word]);
        docker
    }
}
