//! The built files: the engine takes them, and they say what they should.

use crate::lab::{Lab, PLUGIN, plugin_folder, plugin_tarball};
use crate::support::{asked_to_skip, workspace_root};
use docker_metrics_statsd::config::SETTINGS;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fmt, fs, io};

#[test]
fn directory_and_tarball_are_the_same_plugin_to_the_engine() {
    let Some(lab) = Lab::start() else { return };
    lab.create();
    let from_directory = (inspect(&lab), installed(&lab));
    // One engine does not take the same rootfs twice.
    lab.docker(&["plugin", "rm", PLUGIN]);
    let path = format!("/v1.41/plugins/create?name={PLUGIN}");
    let reply = lab.engine.api("POST", &path, Some(&plugin_tarball())).unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let from_tarball = (inspect(&lab), installed(&lab));
    assert_eq!(from_tarball.0["Settings"], from_directory.0["Settings"]);
    assert_eq!(from_tarball.1, from_directory.1);
    assert!(from_tarball.1.contains_key(Path::new("docker-metrics-statsd")));
    lab.docker(&["plugin", "enable", PLUGIN]);
}

#[test]
fn inspect_shows_what_the_protocol_and_the_user_need() {
    let Some(lab) = Lab::start() else { return };
    lab.create();
    let config = &inspect(&lab)["Config"];
    assert_eq!(config["Interface"]["Types"], json!(["docker.metricscollector/1.0"]));
    assert_eq!(config["Interface"]["Socket"], "plugin.sock");
    assert_eq!(config["PropagatedMount"], "/run/docker");
    assert_eq!(config["Network"]["Type"], "host");
    assert_eq!(config["Entrypoint"], json!(["/docker-metrics-statsd"]));
    assert_ne!(config["Description"], "");
    assert!(config["Documentation"].as_str().unwrap().starts_with("https://"));
    assert_eq!(config["Linux"]["Capabilities"].as_array().map_or(0, Vec::len), 0);

    let variables = config["Env"].as_array().unwrap();
    let names: BTreeSet<_> = variables.iter().map(|variable| variable["Name"].as_str().unwrap()).collect();
    assert_eq!(names, SETTINGS.iter().map(|setting| setting.name).collect());
    assert_eq!(names.len(), variables.len());
    for variable in variables {
        assert_eq!(variable["Settable"], json!(["value"]), "{variable}");
        assert_ne!(variable["Description"], "", "{variable}");
    }
    let mounts = config["Mounts"].as_array().unwrap();
    assert_eq!(mounts.len(), 1, "the Datadog Agent's socket");
    assert_eq!(mounts[0]["Options"], json!(["bind", "ro"]));
    for more in ["PidHost", "IpcHost"] {
        assert_eq!(config[more], false, "{more}");
    }
    assert_eq!(config["Linux"]["AllowAllDevices"], false);
    assert_eq!(config["Linux"]["Devices"].as_array().map_or(0, Vec::len), 0);
    assert_eq!(mounts[0]["Settable"], json!(["source"]));
}

#[test]
fn rootfs_of_the_tarball_holds_the_binary_and_the_skeleton_only() {
    if asked_to_skip("engine") {
        return;
    }
    let listing = Command::new("tar").arg("--list").arg("--file").arg(plugin_tarball()).output().unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    let listed: BTreeSet<_> = listing.lines().map(|path| path.trim_end_matches('/').to_owned()).collect();
    let mut expected: BTreeSet<_> =
        ["config.json", "rootfs", "rootfs/docker-metrics-statsd"].map(str::to_owned).into();
    for path in tracked_skeleton() {
        // An empty directory is kept in Git by a file that is not part of the image.
        let path = path.strip_suffix("/.keep").unwrap_or(&path);
        expected.extend(Path::new(path).ancestors().filter_map(|path| path.to_str()).map(str::to_owned));
    }
    expected.remove("");
    assert_eq!(listed, expected);
    let folder: BTreeSet<_> = fs::read_dir(plugin_folder())
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .unwrap()
        .iter()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(folder.is_superset(&["config.json", "rootfs"].map(str::to_owned).into()), "{folder:?}");
}

/// The rootfs as the engine has it on its disk. The sum that it shows of it is no measure: it is over an
/// archive that the docker client writes, which need not be the same everywhere.
fn installed(lab: &Lab) -> BTreeMap<PathBuf, Installed> {
    let rootfs = lab.engine.folder().join("data/plugins").join(lab.plugin_id()).join("rootfs");
    let mut found = BTreeMap::new();
    let mut folders = vec![rootfs.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let bytes = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            let owner = (metadata.uid(), metadata.gid());
            let name = path.strip_prefix(&rootfs).unwrap().to_owned();
            found.insert(name, Installed { mode: metadata.mode(), owner, mtime: metadata.mtime(), bytes });
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// What an engine keeps of a file.
#[derive(PartialEq, Eq)]
struct Installed {
    mode: u32,
    owner: (u32, u32),
    mtime: i64,
    bytes: Vec<u8>,
}

impl fmt::Debug for Installed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, owner, mtime, bytes } = self;
        write!(out, "{mode:o} {owner:?} {mtime} {} bytes", bytes.len())
    }
}

/// The paths of the files below `rootfs`, which begin with `rootfs/`.
fn tracked_skeleton() -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![workspace_root().join("rootfs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(workspace_root()).unwrap();
                paths.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    paths
}

fn inspect(lab: &Lab) -> Value {
    let text = lab.docker(&["plugin", "inspect", PLUGIN]);
    serde_json::from_str::<Value>(&text).unwrap()[0].take()
}
