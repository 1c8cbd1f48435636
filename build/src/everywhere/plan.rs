//! Pure: from what an engine has to what was asked for, in as few steps as it takes.
//!
//! An upgrade keeps the environment and drops the source of a mount, while the engine goes on to show
//! the old one among the settings (seen on 20.10, 26.1 and 28.5). What is mounted is what it shows as
//! the configuration, so that is what is read here, and set again.

use std::fmt;

use docker_metrics_statsd::mount;
use serde::Deserialize;

use super::Arguments;
use crate::config_json::MOUNT_SOURCE;

/// One call of the docker client. Displayed as what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Install { reference: String, settings: Vec<String> },
    Disable,
    Upgrade { before: String, reference: String },
    Set { settings: Vec<String> },
    Enable,
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install { reference, .. } => write!(out, "installed {reference}"),
            Self::Disable => write!(out, "disabled"),
            Self::Upgrade { before, reference } => write!(out, "upgraded from {before} to {reference}"),
            Self::Set { settings } => write!(out, "set {}", settings.join(" ")),
            Self::Enable => write!(out, "enabled"),
        }
    }
}

/// What `docker plugin inspect` says, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Installed {
    enabled: bool,
    #[serde(default)]
    plugin_reference: String,
    settings: Environment,
    config: Mounts,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    /// Each `NAME=VALUE`.
    #[serde(default)]
    env: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mounts {
    #[serde(default)]
    mounts: Vec<Mount>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    name: String,
    #[serde(default)]
    source: String,
}

impl Installed {
    /// Reads the answer, a list of one.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let [installed] = serde_json::from_str::<[Self; 1]>(text)?;
        Ok(installed)
    }

    fn has(&self, setting: &str) -> bool {
        self.settings.env.iter().any(|entry| entry == setting)
            || self.source().is_some_and(|source| setting == format!("{MOUNT_SOURCE}={source}"))
    }

    fn source(&self) -> Option<&str> {
        let is_ours = |mount: &&Mount| mount.name == mount::NAME;
        self.config.mounts.iter().find(is_ours).map(|mount| mount.source.as_str())
    }
}

/// The steps; none where all is well.
pub(super) fn plan(installed: Option<&Installed>, wanted: &Arguments) -> Vec<Step> {
    let reference = wanted.reference.clone();
    let settings: Vec<_> = wanted.settings.iter().map(ToString::to_string).collect();
    let Some(installed) = installed else { return vec![Step::Install { reference, settings }] };
    let before = installed.plugin_reference.clone();
    let is_other = canonical(&before) != canonical(&reference);
    let mut missing: Vec<_> = settings.iter().filter(|setting| !installed.has(setting)).cloned().collect();
    let is_mount = |setting: &String| setting.starts_with(MOUNT_SOURCE);
    let source = installed.source().filter(|source| *source != mount::DEFAULT_SOURCE);
    if is_other && !missing.iter().any(is_mount) {
        missing.extend(source.map(|source| format!("{MOUNT_SOURCE}={source}")));
    }
    let changes = is_other || !missing.is_empty();
    let steps = [
        (changes && installed.enabled, Step::Disable),
        (is_other, Step::Upgrade { before, reference }),
        (!missing.is_empty(), Step::Set { settings: missing }),
        (changes || !installed.enabled, Step::Enable),
    ];
    steps.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, step)| step).collect()
}

/// The name of a plugin as an engine lists it.
pub(super) fn tagged(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

/// A reference with what may be left out of it: the registry, its folder and the tag.
fn canonical(reference: &str) -> String {
    let reference = tagged(reference);
    match reference.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => reference,
        Some(_) => format!("docker.io/{reference}"),
        None => format!("docker.io/library/{reference}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::assignment::Assignment;

    const ONE: &str = "registry.example:5000/metrics:1";
    const TWO: &str = "registry.example:5000/metrics:2";

    fn installed(enabled: bool, env: &[&str], source: &str) -> Installed {
        let plugin = json!([{
            "Id": "00", "Name": "docker-metrics-statsd:latest", "Enabled": enabled, "PluginReference": ONE,
            "Settings": {"Args": [], "Devices": [], "Env": env, "Mounts": [{"Name": "datadog_socket", "Source": "/stale"}]},
            "Config": {"Entrypoint": ["/a"], "Mounts": [{"Name": "datadog_socket", "Source": source, "Type": "bind"}]},
        }]);
        Installed::parse(&plugin.to_string()).unwrap()
    }

    fn wanted(reference: &str, settings: &[&str]) -> Arguments {
        Arguments {
            reference: reference.to_owned(),
            settings: settings.iter().map(|text| Assignment::parse(text).unwrap()).collect(),
            name: "docker-metrics-statsd".to_owned(),
            targets: vec![],
        }
    }

    fn check(installed: Option<&Installed>, wanted: &Arguments, expected: &[&str]) {
        let steps: Vec<_> = plan(installed, wanted).iter().map(Step::to_string).collect();
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_missing_plugin_is_installed_with_its_settings() {
        let wanted = wanted(ONE, &["INTERVAL=1s", "datadog_socket.source=/run/dd"]);
        let settings = ["INTERVAL=1s", "datadog_socket.source=/run/dd"].map(str::to_owned).into();
        assert_eq!(plan(None, &wanted), [Step::Install { reference: ONE.to_owned(), settings }]);
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let there = installed(true, &["TAGS=", "INTERVAL=1s"], "/run/dd");
        check(Some(&there), &wanted(ONE, &["INTERVAL=1s", "datadog_socket.source=/run/dd"]), &[]);
        check(Some(&there), &wanted(ONE, &[]), &[]);
    }

    #[test]
    fn other_settings_are_set_and_a_disabled_plugin_is_enabled() {
        let there = installed(true, &["TAGS=a:b", "INTERVAL=1s"], "/sys/module");
        let steps = ["disabled", "set TAGS= LOG_LEVEL=debug", "enabled"];
        check(Some(&there), &wanted(ONE, &["INTERVAL=1s", "TAGS=", "LOG_LEVEL=debug"]), &steps);
        let steps = ["disabled", "set datadog_socket.source=/run/dd", "enabled"];
        check(Some(&there), &wanted(ONE, &["datadog_socket.source=/run/dd"]), &steps);
        check(Some(&installed(false, &[], "/sys/module")), &wanted(ONE, &[]), &["enabled"]);
        let steps = ["set TAGS=c", "enabled"];
        check(Some(&installed(false, &[], "/sys/module")), &wanted(ONE, &["TAGS=c"]), &steps);
    }

    #[test]
    fn an_upgrade_sets_the_mount_again() {
        let upgraded = format!("upgraded from {ONE} to {TWO}");
        let there = installed(true, &["TAGS=a:b"], "/sys/module");
        check(Some(&there), &wanted(TWO, &["TAGS=a:b"]), &["disabled", &upgraded, "enabled"]);
        let there = installed(true, &["TAGS=a:b"], "/run/dd");
        let set = "set datadog_socket.source=/run/dd";
        check(Some(&there), &wanted(TWO, &[]), &["disabled", &upgraded, set, "enabled"]);
        check(Some(&there), &wanted(TWO, &[&set[4..]]), &["disabled", &upgraded, set, "enabled"]);
        let other = "set datadog_socket.source=/run/b";
        check(Some(&there), &wanted(TWO, &[&other[4..]]), &["disabled", &upgraded, other, "enabled"]);
    }

    #[test]
    fn references_are_the_same_whatever_is_left_out() {
        for (one, other) in [
            ("a", "docker.io/library/a:latest"),
            ("user/a:1", "docker.io/user/a:1"),
            ("localhost/a", "localhost/a:latest"),
            ("host:5000/a", "host:5000/a:latest"),
        ] {
            assert_eq!(canonical(one), canonical(other));
        }
        assert_ne!(canonical("host:5000/a:1"), canonical("host:5000/a:2"));
        assert_eq!(tagged("metrics"), "metrics:latest");
        assert_eq!(tagged("host:1/metrics"), "host:1/metrics:latest");
    }
}
