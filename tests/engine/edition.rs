//! Editions of the plugin in a registry: the built one, and others that differ in some file.

use crate::lab::{Lab, plugin_folder};
use crate::registry::Registry;
use crate::support::process;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Pushes an edition under this tag and returns its reference; the engine does not keep it.
///
/// An engine does not take the same rootfs twice, so each has a file with another text.
pub(crate) fn publish(
    lab: &Lab,
    registry: &Registry,
    tag: &str,
    change_config: impl FnOnce(&mut Value),
) -> String {
    let folder = process::folder();
    let edition = folder.path().join("edition");
    let copied = Command::new("cp").arg("-a").arg(plugin_folder()).arg(&edition).status();
    assert!(copied.is_ok_and(|status| status.success()));
    fs::write(edition.join("rootfs/edition"), edition.to_str().unwrap()).unwrap();
    change(&edition.join("config.json"), change_config);
    let reference = registry.reference(&format!("docker-metrics-statsd:{tag}"));
    lab.docker(&["plugin", "create", &reference, edition.to_str().unwrap()]);
    lab.docker(&["plugin", "push", &reference]);
    lab.docker(&["plugin", "rm", &reference]);
    reference
}

fn change(config: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(config).unwrap()).unwrap();
    change(&mut value);
    fs::write(config, value.to_string()).unwrap();
}
