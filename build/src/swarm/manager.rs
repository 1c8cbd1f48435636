//! A swarm's manager: the calls of its API, and the parts of its answers that are of use here.
//!
//! Engines match keys in any case and answer in another one than they document: what they take as
//! `Privileges` comes back as `privileges`, and the documented `PluginPrivilege` they ignore.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::SwarmError;
use crate::api::{Api, ApiReply, Body};

/// The kind of service.
const PLUGIN: &str = "plugin";
/// The tasks of plugin services, which are shown only to whoever asks for them: `{"runtime":["plugin"]}`.
const TASKS: &str = "/tasks?filters=%7B%22runtime%22%3A%5B%22plugin%22%5D%7D";

/// A manager that answers.
#[derive(Debug)]
pub(super) struct Manager {
    api: Api,
    is_experimental: bool,
}

/// What a service brings to each node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Plugin {
    /// Its reference in a registry.
    pub remote: String,
    /// Each `NAME=VALUE`.
    pub env: Vec<String>,
}

/// A plugin service.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Service {
    #[serde(rename = "ID")]
    id: String,
    version: Version,
    /// Kept as it is, for an update has to give all of it back.
    spec: Value,
    #[serde(default)]
    pub(super) update_status: UpdateStatus,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    index: u64,
}

/// How far an update or a rollback is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateStatus {
    pub(super) state: String,
    pub(super) message: String,
}

/// A node of the swarm.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Node {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) spec: NodeSpec,
    #[serde(default)]
    pub(super) description: NodeDescription,
    pub(super) status: NodeStatus,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeSpec {
    /// `active`, `pause` or `drain`.
    pub(super) availability: String,
}

/// Empty for a node that has not reported yet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NodeDescription {
    pub(super) hostname: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeStatus {
    /// `ready`, `down`, `disconnected` or `unknown`.
    pub(super) state: String,
    #[serde(default)]
    pub(super) addr: String,
}

/// What a node was told to do for a service, and how far it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Task {
    #[serde(rename = "ServiceID", default)]
    pub(super) service_id: String,
    #[serde(rename = "NodeID", default)]
    pub(super) node_id: String,
    pub(super) created_at: String,
    pub(super) spec: TaskSpec,
    pub(super) desired_state: String,
    pub(super) status: TaskStatus,
}

/// The part of a service that decides what a task brings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TaskSpec {
    pub(super) plugin_spec: Plugin,
    /// Grows where nothing else changes and the nodes are to begin again.
    pub(super) force_update: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TaskStatus {
    pub(super) state: String,
    /// Empty unless it failed.
    #[serde(default)]
    pub(super) err: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(default)]
    experimental_build: bool,
    swarm: Swarm,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Swarm {
    local_node_state: String,
    #[serde(default)]
    control_available: bool,
    #[serde(default)]
    remote_managers: Option<Vec<RemoteManager>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RemoteManager {
    addr: String,
}

impl TaskSpec {
    pub(super) fn is_for(&self, target: &Self) -> bool {
        self.plugin_spec.remote == target.plugin_spec.remote && self.force_update == target.force_update
    }
}

impl Service {
    /// What its newest tasks bring.
    pub(super) fn target(&self) -> TaskSpec {
        let template = self.spec.get("TaskTemplate").cloned().unwrap_or_default();
        serde_json::from_value(template).unwrap_or_default()
    }

    fn is_of_plugins(&self) -> bool {
        self.spec.pointer("/TaskTemplate/Runtime").and_then(Value::as_str) == Some(PLUGIN)
    }
}

impl Manager {
    /// Asks the engine whether it is one.
    pub(super) fn reach(api: Api) -> Result<Self, SwarmError> {
        let attempt = "ask the engine whether it is a manager";
        let Info { experimental_build, swarm } = read(attempt, &ask(&api, attempt, "GET", "/info", None)?)?;
        if swarm.control_available {
            return Ok(Self { api, is_experimental: experimental_build });
        }
        if swarm.local_node_state == "inactive" {
            return Err(SwarmError::NoSwarm);
        }
        let managers = swarm.remote_managers.unwrap_or_default().into_iter().map(|manager| manager.addr);
        Err(SwarmError::NotManager { managers: managers.collect() })
    }

    /// A manager that is not takes no new plugin service; a worker that is not fails its task.
    pub(super) fn must_be_experimental(&self) -> Result<(), SwarmError> {
        if self.is_experimental { Ok(()) } else { Err(SwarmError::NotExperimental) }
    }

    /// What the plugin in the registry asks for. For one that is not there engines answer with
    /// nothing, as they would for one that asks for nothing, which ours never does.
    pub(super) fn privileges(&self, reference: &str) -> Result<Value, SwarmError> {
        let attempt = "ask the registry for the plugin's privileges";
        let path = format!("/plugins/privileges?remote={reference}");
        let privileges: Value = read(attempt, &self.ask(attempt, "GET", &path, None)?)?;
        match privileges.as_array() {
            Some(list) if !list.is_empty() => Ok(privileges),
            _ => Err(SwarmError::NoPlugin { reference: reference.to_owned() }),
        }
    }

    pub(super) fn find(&self, name: &str) -> Result<Option<Service>, SwarmError> {
        let attempt = "look up the service";
        let reply = self.api.call("GET", &format!("/services/{name}"), Body::Empty)?;
        if reply.status == 404 {
            return Ok(None);
        }
        let service: Service = read(attempt, &accept(attempt, reply)?)?;
        if service.is_of_plugins() {
            Ok(Some(service))
        } else {
            Err(SwarmError::OtherService { name: name.to_owned() })
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<Service, SwarmError> {
        self.find(name)?.ok_or_else(|| SwarmError::NoService { name: name.to_owned() })
    }

    /// Such a service is always global: a task on each node. The plugin is called as the service.
    pub(super) fn create(&self, name: &str, plugin: &Plugin, privileges: &Value) -> Result<(), SwarmError> {
        let Plugin { remote, env } = plugin;
        let spec = json!({
            "Name": name,
            "TaskTemplate": {
                "Runtime": PLUGIN,
                "PluginSpec": {"Name": name, "Remote": remote, "Privileges": privileges, "Env": env},
            },
            "Mode": {"Global": {}},
        });
        self.ask("create the service", "POST", "/services/create", Some(&spec)).map(drop)
    }

    /// Has each node in turn go to what the reference is now, also when it is the same one.
    pub(super) fn update(
        &self,
        service: &Service,
        reference: &str,
        privileges: &Value,
    ) -> Result<(), SwarmError> {
        let mut spec = service.spec.clone();
        if let Some(Value::Object(plugin)) = spec.pointer_mut("/TaskTemplate/PluginSpec") {
            plugin.insert("remote".to_owned(), reference.into());
            plugin.insert("privileges".to_owned(), privileges.clone());
        }
        if let Some(Value::Object(template)) = spec.get_mut("TaskTemplate") {
            template.insert("ForceUpdate".to_owned(), (service.target().force_update + 1).into());
        }
        self.change("update the service", service, "", &spec)
    }

    pub(super) fn roll_back(&self, service: &Service) -> Result<(), SwarmError> {
        self.change("roll the service back", service, "&rollback=previous", &service.spec)
    }

    fn change(
        &self,
        attempt: &'static str,
        service: &Service,
        option: &str,
        spec: &Value,
    ) -> Result<(), SwarmError> {
        let Service { id, version, .. } = service;
        let path = format!("/services/{id}/update?version={}{option}", version.index);
        self.ask(attempt, "POST", &path, Some(spec)).map(drop)
    }

    pub(super) fn remove(&self, service: &Service) -> Result<(), SwarmError> {
        self.ask("remove the service", "DELETE", &format!("/services/{}", service.id), None).map(drop)
    }

    pub(super) fn nodes(&self) -> Result<Vec<Node>, SwarmError> {
        let attempt = "list the nodes";
        read(attempt, &self.ask(attempt, "GET", "/nodes", None)?)
    }

    /// Those of the service, which may be removed already; a manager refuses to look for such a one's.
    pub(super) fn tasks(&self, service: &Service) -> Result<Vec<Task>, SwarmError> {
        let attempt = "list the service's tasks";
        let mut tasks: Vec<Task> = read(attempt, &self.ask(attempt, "GET", TASKS, None)?)?;
        tasks.retain(|task| task.service_id == service.id);
        Ok(tasks)
    }

    fn ask(
        &self,
        attempt: &'static str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<String, SwarmError> {
        ask(&self.api, attempt, method, path, body)
    }
}

fn ask(
    api: &Api,
    attempt: &'static str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<String, SwarmError> {
    let text = body.map(Value::to_string);
    accept(attempt, api.call(method, path, text.as_deref().map_or(Body::Empty, Body::Json))?)
}

fn accept(attempt: &'static str, reply: ApiReply) -> Result<String, SwarmError> {
    if (200..300).contains(&reply.status) {
        return Ok(reply.body);
    }
    let message = serde_json::from_str::<Value>(&reply.body);
    let message = message.ok().and_then(|body| body.get("message")?.as_str().map(str::to_owned));
    Err(SwarmError::Refused { attempt, said: message.unwrap_or(reply.body) })
}

fn read<T: DeserializeOwned>(attempt: &'static str, body: &str) -> Result<T, SwarmError> {
    serde_json::from_str(body).map_err(|source| SwarmError::Answer { attempt, source })
}
