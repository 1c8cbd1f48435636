//! `plugin-builder swarm`: the plugin on every node of a swarm, as a plugin service.
//!
//! Job: create, update, roll back, re-create and remove the service, each through to the moment when
//! every node does what it should, or to the reason why one does not. The docker client has no words
//! for such services, so this speaks to the API of a manager (`manager`); whether a node runs the
//! plugin is decided from what the manager says, without asking anybody (`check`).

mod arguments;
mod check;
mod error;
mod manager;

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::api::Api;
use crate::assignment::{self, Assignment};
use crate::engine::{limited, output};
pub(crate) use arguments::HELP;
pub use arguments::{Action, Arguments};
use check::{READY, Report, Standing};
pub use error::SwarmError;
pub use manager::Plugin;
use manager::{Manager, Service, Task};

/// Between two looks at the tasks.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long the docker client may take to say where its engine is; it asks nobody.
const CONTEXT_LIMIT: Duration = Duration::from_secs(10);
/// Where an engine is that nobody has said anything about.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// Does what was asked for, and says on `say` how it stands.
///
/// # Errors
/// When it cannot be done, or not every node runs the plugin.
pub fn run(arguments: &Arguments, say: &mut dyn FnMut(&str)) -> Result<(), SwarmError> {
    let Arguments { action, name, limit, host } = arguments;
    let host = host.clone().unwrap_or_else(current_host);
    let api = Api::at(&host).ok_or(SwarmError::Host { host })?;
    let manager = Manager::reach(api)?;
    let deadline = Instant::now() + *limit;
    match action {
        Action::Create { reference, settings } => {
            if manager.find(name)?.is_some() {
                return Err(SwarmError::ServiceExists { name: name.clone() });
            }
            let env = settings.iter().map(Assignment::to_string).collect();
            create(&manager, name, &Plugin { remote: reference.clone(), env }, say)?;
        }
        Action::Update { reference } => {
            let service = manager.get(name)?;
            let privileges = privileges(&manager, reference, say)?;
            manager.update(&service, reference, &privileges)?;
        }
        Action::Set { settings } => {
            manager.must_be_experimental()?;
            let service = manager.get(name)?;
            let plugin = service.target().plugin_spec;
            let plugin = Plugin { env: changed(plugin.env, settings), ..plugin };
            // Before anything is taken away.
            if let Some(problem) = assignment::problem(&plugin.env) {
                return Err(SwarmError::Settings { problem });
            }
            let privileges = manager.privileges(&plugin.remote)?;
            // A node that is away, or slow, gets it when it is done with the old one.
            remove(&manager, &service, deadline)
                .and_then(|_| manager.create(name, &plugin, &privileges))
                .map_err(|cause| SwarmError::NotCreatedAgain { cause: Box::new(cause), plugin })?;
        }
        Action::Rollback => manager.roll_back(&manager.get(name)?)?,
        Action::Remove => {
            let service = manager.get(name)?;
            return match remove(&manager, &service, deadline)? {
                0 => Ok(()),
                tasks => Err(SwarmError::NotRemoved { tasks }),
            };
        }
        Action::Status => {}
    }
    let waits = !matches!(action, Action::Status);
    let report = watch(&manager, name, waits.then_some(deadline))?;
    say(&report.to_string());
    if report.is_complete() { Ok(()) } else { Err(SwarmError::Incomplete) }
}

fn create(
    manager: &Manager,
    name: &str,
    plugin: &Plugin,
    say: &mut dyn FnMut(&str),
) -> Result<(), SwarmError> {
    manager.must_be_experimental()?;
    let privileges = privileges(manager, &plugin.remote, say)?;
    manager.create(name, plugin, &privileges)
}

/// What the plugin asks for, which is granted in the name of whoever asked for the service.
fn privileges(
    manager: &Manager,
    reference: &str,
    say: &mut dyn FnMut(&str),
) -> Result<serde_json::Value, SwarmError> {
    let privileges = manager.privileges(reference)?;
    let mut granted = String::from("granted on every node:");
    for privilege in privileges.as_array().into_iter().flatten() {
        let name = privilege.get("Name").and_then(serde_json::Value::as_str).unwrap_or_default();
        let values = privilege.get("Value").map(ToString::to_string).unwrap_or_default();
        let _ = write!(granted, " {name} {values}");
    }
    say(&format!("{granted}\n"));
    Ok(privileges)
}

/// Removes the service and returns how many tasks of it are left when every node that is there has done
/// its part. Whoever creates it again before that finds the plugin still there.
fn remove(manager: &Manager, service: &Service, deadline: Instant) -> Result<usize, SwarmError> {
    manager.remove(service)?;
    loop {
        let tasks = manager.tasks(service)?;
        let nodes = manager.nodes()?;
        let is_awaited =
            |task: &Task| nodes.iter().any(|node| node.id == task.node_id && node.status.state == READY);
        if !tasks.iter().any(is_awaited) || Instant::now() >= deadline {
            return Ok(tasks.len());
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// How it stands, at the latest at the deadline; without one, now.
fn watch(manager: &Manager, name: &str, deadline: Option<Instant>) -> Result<Report, SwarmError> {
    loop {
        let service = manager.get(name)?;
        let report = Report::new(&service, &manager.nodes()?, &manager.tasks(&service)?);
        let is_settled =
            report.all(|standing| !matches!(standing, Standing::Coming(_))) || report.is_stopped();
        if is_settled || deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return Ok(report);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// The environment with other values in place of those of the same name.
fn changed(mut env: Vec<String>, settings: &[Assignment]) -> Vec<String> {
    for setting in settings {
        env.retain(|entry| entry.split_once('=').is_none_or(|(name, _)| name != setting.name));
        env.push(setting.to_string());
    }
    env
}

/// Where the docker client finds its engine: `DOCKER_HOST`, `DOCKER_CONTEXT` or the context in use.
fn current_host() -> String {
    let mut docker = limited(CONTEXT_LIMIT, "docker");
    docker.args(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
    let told = std::env::var("DOCKER_HOST").or_else(|_| output(&mut docker));
    let told = told.map(|host| host.trim().to_owned()).unwrap_or_default();
    if told.is_empty() { DEFAULT_HOST.to_owned() } else { told }
}
