//! The way of a released plugin: pushed to a registry and installed from it.

use crate::lab::{Lab, PLUGIN};
use crate::receiver::Receiver;
use crate::registry::Registry;

const CPUS: &str = "docker.engine_daemon_engine_cpus_cpus";

#[test]
fn a_pushed_plugin_is_installed_with_its_settings_on_the_command_line() {
    let Some(lab) = Lab::start() else { return };
    let registry = lab.enter(Registry::start);
    let receiver = Receiver::start(&lab, 0);
    let reference = registry.reference("docker-metrics-statsd:test");
    let folder = crate::lab::plugin_folder();
    lab.docker(&["plugin", "create", &reference, folder.to_str().unwrap()]);
    lab.docker(&["plugin", "push", &reference]);
    lab.docker(&["plugin", "rm", &reference]);
    assert_eq!(lab.get("/v1.41/plugins"), "[]");

    let install = |reference: &str| {
        let setting = receiver.setting();
        let settings = [setting.as_str(), "INTERVAL=200ms", "METRIC_PREFIX=installed."];
        let command = ["plugin", "install", "--grant-all-permissions", "--alias", PLUGIN, reference];
        lab.try_docker(&[&command[..], &settings].concat())
    };
    let installed = install(&reference);
    assert!(installed.is_ok(), "{}\n{}", installed.unwrap_err(), registry.log());
    let installed_name = CPUS.replace("docker.", "installed.");
    lab.wait_for("metrics", || (receiver.count(&installed_name) > 0).then_some(()));
    assert_eq!(receiver.count(CPUS), 0);

    let environment = lab.docker(&["plugin", "inspect", "--format", "{{.Settings.Env}}", PLUGIN]);
    assert!(environment.contains(&receiver.setting()), "{environment}");
    assert!(install(&reference).is_err(), "installing is not repeatable, which the documentation says");
    lab.docker(&["plugin", "rm", "--force", PLUGIN]);
}
