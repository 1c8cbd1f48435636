//! The private engine itself: it comes up, is apart from the machine, and leaves nothing behind.

use crate::lab::Lab;
use crate::release::{Release, on_every_engine};
use plugin_builder::engine::control_groups;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// The command lines of all processes of the machine that name the folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("cmdline"));
    let lines = entries.filter_map(|path| fs::read(path).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}

fn check_nothing_is_left(folder: &Path, plugin: &str) {
    assert_eq!(processes_of(folder), Vec::<String>::new());
    assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(folder.to_str().unwrap()));
    assert_eq!(control_groups(plugin.as_ref()), Vec::<PathBuf>::new());
    assert!(!folder.exists());
}

/// The id of the one plugin of the engine, which it runs.
fn running_plugin(lab: &Lab) -> String {
    lab.create();
    lab.docker(&["plugin", "enable", crate::lab::PLUGIN]);
    let id = lab.docker(&["plugin", "ls", "--no-trunc", "--format", "{{.ID}}"]).trim().to_owned();
    assert_eq!(id.len(), 64);
    assert_ne!(control_groups(id.as_ref()).len(), 0, "this test knows where control groups are");
    assert_ne!(processes_of(lab.engine.folder()).len(), 0, "this test knows how to find processes");
    id
}

on_every_engine!(the_engine_that_runs_is_the_one_that_was_fetched);

fn the_engine_that_runs_is_the_one_that_was_fetched(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let version = lab.docker(&["version", "--format", "{{.Server.Version}}"]);
    let Release::Fetched(_) = release else { return };
    let bin = release.bin().expect("a fetched one has a folder");
    // That of the package is longer: `28.5.2+dfsg4-5`.
    let package = fs::read_to_string(bin.with_file_name("version")).unwrap_or_default();
    assert!(package.starts_with(version.trim()), "{version} instead of {package}");
}

#[test]
fn a_stopped_engine_leaves_nothing_behind() {
    let Some(mut lab) = Lab::start() else { return };
    let plugin = running_plugin(&lab);
    let folder = lab.engine.folder().to_owned();
    lab.engine.stop().unwrap();
    check_nothing_is_left(&folder, &plugin);
}

#[test]
fn a_killed_engine_leaves_nothing_behind() {
    let Some(mut lab) = Lab::start() else { return };
    let plugin = running_plugin(&lab);
    let folder = lab.engine.folder().to_owned();
    lab.engine.kill_daemon().unwrap();
    drop(lab);
    check_nothing_is_left(&folder, &plugin);
}

#[test]
fn loopback_inside_is_not_the_machines() {
    let Some(lab) = Lab::start() else { return };
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = outside.local_addr().unwrap();
    assert!(TcpStream::connect(address).is_ok());
    assert!(lab.enter(|| TcpStream::connect(address)).is_err());
    let links = lab.engine.netns_command("ip").args(["-oneline", "link"]).output().unwrap().stdout;
    let links = String::from_utf8(links).unwrap();
    assert!(links.lines().all(|link| !link.contains(" eth0") && !link.contains(" docker0")), "{links}");
}

#[test]
fn an_engine_that_cannot_start_says_why() {
    if Lab::start().is_none() {
        return;
    }
    let flags = vec!["--no-such-flag".to_owned()];
    let options = plugin_builder::engine::EngineOptions { bin: None, flags };
    let error = plugin_builder::engine::Engine::start(&options).unwrap_err().to_string();
    assert!(error.starts_with("dockerd ended at its start"), "{error}");
    assert!(error.contains("unknown flag: --no-such-flag"), "{error}");
}
