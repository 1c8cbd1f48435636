//! Pure: the plugin's `config.json`, made from the settings table, and the rules one must keep.
//!
//! The same types write and check the file. An engine ignores keys it does not know and takes any
//! value, so that a slip shows only when the plugin does not start, or starts and is never scraped:
//! here a slip is refused. Keys are spelled as the engine's documentation spells them (engines match
//! them in any case).

use std::collections::BTreeSet;
use std::fmt;

use docker_metrics_statsd::config::Setting;
use docker_metrics_statsd::mount;
use serde::{Deserialize, Serialize};

use crate::NAME;

/// The interface that makes an engine share its metrics and call the plugin; matched to the letter.
const METRICS_COLLECTOR: &str = "docker.metricscollector/1.0";
/// The plugin's socket, in the engine's directory for it.
const SOCKET: &str = "plugin.sock";
/// Where the protocol's document wants the engine's mounts to reach the plugin; engines before 18.09
/// put their metrics socket there through it.
const PROPAGATED_MOUNT: &str = "/run/docker";
/// What `docker plugin set` calls the source of the mount.
pub const MOUNT_SOURCE: &str = "datadog_socket.source";
/// A StatsD server's socket. Whoever installs the plugin is asked for each mount.
const MOUNTS_MAX: usize = 1;
/// Where to read on.
const DOCUMENTATION: &str = env!("CARGO_PKG_REPOSITORY");

/// A plugin's `config.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    description: String,
    documentation: String,
    entrypoint: Vec<String>,
    interface: Interface,
    network: Network,
    /// No capability is added to the engine's own set.
    linux: Linux,
    #[serde(default)]
    mounts: Vec<Mount>,
    #[serde(rename = "PropagatedMount")]
    propagated_mount: String,
    #[serde(default)]
    env: Vec<Env>,
    workdir: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Interface {
    types: Vec<String>,
    socket: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    r#type: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Linux {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    capabilities: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mount {
    name: String,
    description: String,
    source: Option<String>,
    destination: String,
    r#type: String,
    options: Vec<String>,
    #[serde(default)]
    settable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Env {
    name: String,
    description: String,
    value: Option<String>,
    #[serde(default)]
    settable: Vec<String>,
}

impl Config {
    /// The file for a plugin with these settings.
    #[must_use]
    pub fn new(settings: &[&Setting]) -> Self {
        Self {
            description: "Sends the engine's own metrics to StatsD and Datadog".to_owned(),
            documentation: DOCUMENTATION.to_owned(),
            entrypoint: vec![format!("/{NAME}")],
            interface: Interface { types: vec![METRICS_COLLECTOR.to_owned()], socket: SOCKET.to_owned() },
            network: Network { r#type: "host".to_owned() },
            linux: Linux::default(),
            mounts: vec![datadog_socket()],
            propagated_mount: PROPAGATED_MOUNT.to_owned(),
            env: settings.iter().map(|setting| env(setting)).collect(),
            workdir: "/".to_owned(),
        }
    }

    /// Reads a file and checks it.
    ///
    /// # Errors
    /// Every rule it breaks; only the first, if it cannot be read at all.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<Problem>> {
        let config: Self =
            serde_json::from_slice(text).map_err(|error| vec![Problem::Unreadable(error.to_string())])?;
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The file's text. What [`Config::parse`] would refuse is not written.
    ///
    /// # Errors
    /// Every rule it breaks.
    pub fn to_json(&self) -> Result<String, Vec<Problem>> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| vec![Problem::Unreadable(error.to_string())])?;
        text.push('\n');
        Ok(text)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.entrypoint.first().is_none_or(String::is_empty) {
            problems.push(Problem::NoEntrypoint);
        }
        if !self.interface.types.iter().any(|kind| kind == METRICS_COLLECTOR) {
            problems.push(Problem::NotMetricsCollector);
        }
        if self.interface.socket.is_empty() || self.interface.socket.contains('/') {
            problems.push(Problem::Socket(self.interface.socket.clone()));
        }
        if self.network.r#type != "host" {
            problems.push(Problem::Network(self.network.r#type.clone()));
        }
        if !self.linux.capabilities.is_empty() {
            problems.push(Problem::Capabilities(self.linux.capabilities.clone()));
        }
        if self.mounts.len() > MOUNTS_MAX {
            problems.push(Problem::Mounts(self.mounts.len()));
        }
        if self.propagated_mount != PROPAGATED_MOUNT {
            problems.push(Problem::PropagatedMount(self.propagated_mount.clone()));
        }
        let mut names = BTreeSet::new();
        for env in &self.env {
            if !names.insert(env.name.as_str()) {
                problems.push(Problem::Duplicate(env.name.clone()));
            }
            problems.extend(env.problems());
        }
        problems.extend(self.mounts.iter().flat_map(Mount::problems));
        problems
    }
}

impl Env {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !is_settable_name(&self.name) {
            problems.push(Problem::Name(self.name.clone()));
        }
        if self.value.is_none() {
            problems.push(Problem::NoDefault(self.name.clone()));
        }
        if self.settable.iter().any(|field| field != "value") {
            problems.push(Problem::Settable { name: self.name.clone(), takes: "value" });
        }
        problems
    }
}

impl Mount {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !is_settable_name(&self.name) {
            problems.push(Problem::Name(self.name.clone()));
        }
        if self.source.as_ref().is_none_or(String::is_empty) {
            problems.push(Problem::NoDefault(self.name.clone()));
        }
        if self.settable.iter().any(|field| field != "source") {
            problems.push(Problem::Settable { name: self.name.clone(), takes: "source" });
        }
        let binds = self.options.iter().any(|option| option == "bind" || option == "rbind");
        if self.r#type == "bind" && !binds {
            problems.push(Problem::NotBound(self.name.clone()));
        }
        if !self.options.iter().any(|option| option == "ro") {
            problems.push(Problem::Writable(self.name.clone()));
        }
        problems
    }
}

/// `docker plugin set` takes NAME[.FIELD]=VALUE: neither character may be in a name.
fn is_settable_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['.', '='])
}

fn env(setting: &Setting) -> Env {
    Env {
        name: setting.name.to_owned(),
        description: format!("{} Takes {}.", setting.help, setting.takes),
        value: Some(setting.default.to_owned()),
        settable: vec!["value".to_owned()],
    }
}

/// A mount cannot be optional: an engine refuses to enable a plugin with a source that is missing.
/// The default is a directory that every Linux host has and that is visible in the plugin anyway.
fn datadog_socket() -> Mount {
    Mount {
        name: mount::NAME.to_owned(),
        description: "The host's directory that holds the Datadog Agent's socket, often /var/run/datadog; \
                      the default stands for none. Then set STATSD_ADDR=unix:///var/run/datadog/dsd.socket."
            .to_owned(),
        source: Some(mount::DEFAULT_SOURCE.to_owned()),
        destination: mount::DESTINATION.to_owned(),
        r#type: "bind".to_owned(),
        options: vec!["bind".to_owned(), "ro".to_owned()],
        settable: vec!["source".to_owned()],
    }
}

/// A rule of `config.json` that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Not JSON, or a key that is unknown, missing or of another type.
    Unreadable(String),
    /// The engine would have nothing to start.
    NoEntrypoint,
    /// The engine would never share its metrics.
    NotMetricsCollector,
    /// The engine would not find the plugin's socket.
    Socket(String),
    /// The plugin would reach no StatsD server.
    Network(String),
    /// The plugin gives up every capability when it starts.
    Capabilities(Vec<String>),
    /// More mounts than it needs.
    Mounts(usize),
    /// A mount that could be written to.
    Writable(String),
    /// Engines before 18.09 would not share their metrics.
    PropagatedMount(String),
    /// A name that `docker plugin set` cannot address.
    Name(String),
    /// Two settings of one name; the engine would take the last.
    Duplicate(String),
    /// A setting that would be absent, or a mount that could not be enabled, until it is set.
    NoDefault(String),
    /// A field that `docker plugin set` refuses.
    Settable {
        /// The setting or mount.
        name: String,
        /// The only field it may be.
        takes: &'static str,
    },
    /// A mount that fails in the kernel.
    NotBound(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(reason) => write!(out, "{reason}"),
            Self::NoEntrypoint => write!(out, "entrypoint: empty; name the program to start"),
            Self::NotMetricsCollector => {
                write!(out, "interface.types: lacks {METRICS_COLLECTOR:?}, which engines match to the letter")
            }
            Self::Socket(got) => write!(out, "interface.socket: got {got:?}, takes a file name"),
            Self::Network(got) => {
                write!(out, "network.type: got {got:?}, takes \"host\"; others reach no StatsD server")
            }
            Self::Capabilities(got) => {
                write!(out, "linux.capabilities: got {got:?}, takes none; the plugin gives them up")
            }
            Self::Mounts(got) => write!(out, "mounts: got {got}, takes at most {MOUNTS_MAX}"),
            Self::Writable(name) => write!(out, "mount {name}: its options lack ro"),
            Self::PropagatedMount(got) => {
                write!(out, "PropagatedMount: got {got:?}, takes {PROPAGATED_MOUNT:?}")
            }
            Self::Name(name) => {
                write!(out, "name {name:?}: `docker plugin set` takes names without '.' and '=' only")
            }
            Self::Duplicate(name) => write!(out, "setting {name}: declared twice; remove one"),
            Self::NoDefault(name) => write!(out, "{name}: has no default; give it one"),
            Self::Settable { name, takes } => write!(out, "{name}: settable takes {takes:?} only"),
            Self::NotBound(name) => write!(out, "mount {name}: type bind needs bind or rbind in its options"),
        }
    }
}

#[cfg(test)]
mod tests {
    use docker_metrics_statsd::config::SETTINGS;
    use serde_json::{Value, json};

    use super::*;

    fn ours() -> Value {
        serde_json::from_str(&Config::new(SETTINGS).to_json().unwrap()).unwrap()
    }

    /// What is refused once `pointer` in our own file is `value`.
    fn refused(pointer: &str, value: Value) -> Vec<String> {
        let mut config = ours();
        *config.pointer_mut(pointer).unwrap() = value;
        problems(&config)
    }

    fn problems(config: &Value) -> Vec<String> {
        let text = serde_json::to_vec(config).unwrap();
        Config::parse(&text).map_or_else(|all| all.iter().map(Problem::to_string).collect(), |_| vec![])
    }

    #[test]
    fn our_own_file_keeps_every_rule() {
        assert_eq!(problems(&ours()), [""; 0]);
    }

    #[test]
    fn file_says_what_engines_need_and_nothing_else() {
        let mut config = ours();
        let map = config.as_object_mut().unwrap();
        let env = map.remove("env").unwrap();
        let mounts = map.remove("mounts").unwrap();
        map.remove("description").unwrap();
        assert_eq!(
            config,
            json!({
                "documentation": env!("CARGO_PKG_REPOSITORY"),
                "entrypoint": ["/docker-metrics-statsd"],
                "interface": {"types": ["docker.metricscollector/1.0"], "socket": "plugin.sock"},
                "network": {"type": "host"},
                "linux": {},
                "PropagatedMount": "/run/docker",
                "workdir": "/",
            })
        );
        assert_eq!(env.as_array().unwrap().len(), SETTINGS.len());
        assert_eq!(mounts[0]["source"], "/sys/module");
        assert_eq!(mounts[0]["destination"], "/var/run/datadog");
        assert_eq!(mounts[0]["options"], json!(["bind", "ro"]));
        assert_eq!(mounts[0]["settable"], json!(["source"]));
    }

    #[test]
    fn every_setting_is_settable_and_keeps_its_default() {
        for (env, setting) in ours()["env"].as_array().unwrap().iter().zip(SETTINGS) {
            assert_eq!(env["name"], setting.name);
            assert_eq!(env["value"], setting.default);
            assert_eq!(env["settable"], json!(["value"]));
            let description = env["description"].as_str().unwrap();
            assert!(description.contains(setting.help) && description.contains(setting.takes));
        }
    }

    #[test]
    fn text_is_indented_and_ends_in_a_newline() {
        let text = Config::new(SETTINGS).to_json().unwrap();
        assert!(text.starts_with("{\n  \"description\": ") && text.ends_with("\n}\n"));
    }

    #[test]
    fn unknown_key_is_refused_wherever_it_is() {
        for pointer in ["", "/interface", "/network", "/linux", "/mounts/0", "/env/0"] {
            let mut config = ours();
            let object = config.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            object.insert("surprise".to_owned(), json!(1));
            let problems = problems(&config);
            assert_eq!(problems.len(), 1);
            assert!(problems[0].contains("unknown field `surprise`"), "{problems:?}");
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let metrics_collector = "docker.MetricsCollector/1.0";
        let mount = ours()["mounts"][0].clone();
        let rows = [
            ("/entrypoint", json!([]), "entrypoint: empty"),
            ("/interface/types", json!([metrics_collector]), "interface.types: lacks"),
            ("/interface/socket", json!("/run/x.sock"), "interface.socket: got \"/run/x.sock\""),
            ("/network/type", json!("bridge"), "network.type: got \"bridge\""),
            ("/PropagatedMount", json!("/data"), "PropagatedMount: got \"/data\""),
            ("/env/0/name", json!("STATSD.ADDR"), "name \"STATSD.ADDR\": `docker plugin set`"),
            ("/env/0/name", json!("STATSD_FORMAT"), "setting STATSD_FORMAT: declared twice"),
            ("/env/0/value", json!(null), "STATSD_ADDR: has no default"),
            ("/env/0/settable", json!(["name"]), "STATSD_ADDR: settable takes \"value\" only"),
            ("/mounts/0/source", json!(""), "datadog_socket: has no default"),
            ("/mounts/0/settable", json!(["destination"]), "datadog_socket: settable takes \"source\" only"),
            ("/mounts/0/options", json!(["ro"]), "mount datadog_socket: type bind needs bind"),
            ("/mounts/0/options", json!(["rbind"]), "mount datadog_socket: its options lack ro"),
            ("/mounts", json!([mount, mount]), "mounts: got 2, takes at most 1"),
            (
                "/linux",
                json!({"capabilities": ["CAP_KILL"]}),
                "linux.capabilities: got [\"CAP_KILL\"], takes none",
            ),
        ];
        for (pointer, value, message) in rows {
            let problems = refused(pointer, value);
            assert_eq!(problems.len(), 1, "{pointer}: {problems:?}");
            assert!(problems[0].starts_with(message), "{problems:?}");
        }
    }

    #[test]
    fn every_problem_is_listed_at_once() {
        let mut config = ours();
        config["network"]["type"] = json!("none");
        config["env"][1]["value"] = json!(null);
        assert_eq!(problems(&config).len(), 2);
    }

    #[test]
    fn file_that_breaks_a_rule_is_not_written() {
        let twice = [SETTINGS[0], SETTINGS[0]];
        let problems = Config::new(&twice).to_json().unwrap_err();
        assert_eq!(problems, [Problem::Duplicate("STATSD_ADDR".to_owned())]);
    }
}
