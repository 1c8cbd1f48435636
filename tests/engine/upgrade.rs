//! What `docker plugin upgrade` leaves behind: a mount that is gone, settings of another version, a
//! state of another version. That counts go on is a row of `lifecycle`.

use crate::agent::Agent;
use crate::edition::publish;
use crate::lab::{Lab, PLUGIN, plugin_process};
use crate::ledger::{self, Ledger};
use crate::registry::Registry;
use crate::release::{Release, on_every_engine};
use crate::support::process;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

const SOCKET: &str = "STATSD_ADDR=unix:///var/run/datadog/dsd.socket";
const CPUS: &str = "docker.engine_daemon_engine_cpus_cpus";
const UPGRADE: [&str; 5] = ["plugin", "upgrade", "--grant-all-permissions", "--skip-remote-check", PLUGIN];

on_every_engine!(
    a_mount_that_an_upgrade_dropped_is_named_until_it_is_set_again,
    settings_and_state_of_another_version_do_no_harm,
);

/// The lines of the plugin's log with this in them.
fn said(lab: &Lab, part: &str) -> Vec<String> {
    lab.plugin_log().into_iter().filter(|line| line.contains(part)).collect()
}

fn install(lab: &Lab, reference: &str, settings: &[&str]) {
    let install = ["plugin", "install", "--grant-all-permissions", "--alias", PLUGIN, reference];
    lab.docker(&[&install[..], settings].concat());
}

fn a_mount_that_an_upgrade_dropped_is_named_until_it_is_set_again(release: Release) {
    const MISSING: &str = "the mount datadog_socket is not set (docker plugin upgrade drops it)";
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let registry = lab.enter(Registry::start);
    let [old, new] = ["old", "new"].map(|tag| publish(&lab, &registry, tag, |_| ()));
    let folder = process::folder();
    let socket = folder.path().join("dsd.socket");
    let server = UnixDatagram::bind(&socket).unwrap();
    // The plugin passes over no modes.
    for path in [folder.path(), &socket] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    server.set_nonblocking(true).unwrap();
    let arrives = |name: &str| {
        let mut datagram = [0; 16384];
        lab.wait_for(name, || {
            let length = server.recv(&mut datagram).ok()?;
            let text = std::str::from_utf8(&datagram[..length]).unwrap();
            text.lines().find(|line| line.starts_with(name)).map(str::to_owned)
        })
    };
    let mount = format!("datadog_socket.source={}", folder.path().display());
    lab.import_busybox();
    install(&lab, &old, &[SOCKET, "INTERVAL=200ms", &mount]);
    arrives(CPUS);
    assert_eq!(said(&lab, "datadog_socket"), [""; 0]);

    lab.docker(&["plugin", "disable", PLUGIN]);
    lab.docker(&[&UPGRADE[..], &[&new]].concat());
    lab.docker(&["plugin", "enable", PLUGIN]);
    let line = lab.wait_for("line that names the mount", || said(&lab, MISSING).pop());
    assert!(line.contains("level=error") && line.contains("datadog_socket.source="), "{line}");
    let shown =
        lab.docker(&["plugin", "inspect", "--format", "{{(index .Settings.Mounts 0).Source}}", PLUGIN]);
    assert_eq!(shown.trim(), folder.path().to_str().unwrap(), "the engine shows what is not mounted");
    let process = plugin_process(&lab.plugin_id()).expect("the plugin's process").to_string();
    let mut check = Command::new("nsenter");
    check.args(["--target", &process, "--mount", "/docker-metrics-statsd", "check"]);
    let output = check.env_clear().env("STATSD_ADDR", SOCKET.split_once('=').unwrap().1).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.contains(&format!("WRONG  mount: {MISSING}\n       docker plugin disable")), "{words}");
    assert_eq!(output.status.code(), Some(1));

    lab.run_containers(2);
    lab.docker(&["plugin", "disable", PLUGIN]);
    lab.docker(&["plugin", "set", PLUGIN, &mount]);
    while server.recv(&mut [0; 16384]).is_ok() {}
    lab.docker(&["plugin", "enable", PLUGIN]);
    let count = "docker.engine_daemon_container_actions_seconds.count:";
    assert_eq!(arrives(count), format!("{count}2|c|#action:create"), "what was counted meanwhile");
    assert_eq!(said(&lab, MISSING), [line]);
}

/// An engine keeps the settings that a plugin had, adds none, and keeps the propagated mount.
fn settings_and_state_of_another_version_do_no_harm(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let registry = lab.enter(Registry::start);
    let old = publish(&lab, &registry, "old", |config| {
        let env = config["env"].as_array_mut().unwrap();
        env.retain(|entry| entry["name"] != "SELF_METRICS" && entry["name"] != "METRIC_PREFIX");
        let removed = json!({"name": "REMOVED", "description": "", "value": "", "settable": ["value"]});
        env.push(removed);
    });
    let new = publish(&lab, &registry, "new", |_| ());
    let agent = Agent::start(&lab);
    lab.import_busybox();
    install(&lab, &old, &[&agent.setting(), "STATSD_FORMAT=etsy", "INTERVAL=500ms", "REMOVED=yes"]);
    agent.gauge(&lab, CPUS);
    lab.run_containers(2);
    Ledger::open(&lab, &agent);
    lab.docker(&["plugin", "disable", PLUGIN]);

    // The state has everything that this version would take, under another version's title.
    let mounted = format!("data/plugins/{}/propagated-mount", lab.plugin_id());
    let state = lab.engine.folder().join(mounted).join("docker-metrics-statsd.state");
    let mut bytes = fs::read(&state).unwrap();
    let digit = bytes.iter().position(|byte| *byte == b'\n').unwrap() - 1;
    bytes[digit] -= 1;
    fs::write(&state, &bytes).unwrap();
    let before = ledger::starts(&agent);
    lab.run_containers(2);
    lab.docker(&[&UPGRADE[..], &[&new]].concat());
    lab.docker(&["plugin", "enable", PLUGIN]);

    let set_aside = lab.wait_for("line about the state", || said(&lab, "was set aside").pop());
    assert!(set_aside.contains("it is not a state of this program"), "{set_aside}");
    assert_eq!(fs::read(state.with_extension("state.bad")).unwrap(), bytes);
    let ledger = Ledger::open(&lab, &agent);
    assert_eq!(ledger::starts(&agent), before, "there is a new baseline, and no wrong count");
    lab.run_containers(1);
    ledger.check(&lab, &agent);

    let environment = lab.docker(&["plugin", "inspect", "--format", "{{.Settings.Env}}", PLUGIN]);
    assert!(environment.contains("REMOVED=yes") && !environment.contains("SELF_METRICS"), "{environment}");
    let unknown = said(&lab, "this version has no such settings, and ignores them: REMOVED");
    assert_eq!(unknown.len(), 2, "one line from each start: {unknown:?}");
    // What the engine does not pass has its default, and can be set all the same.
    assert_eq!(agent.gauge(&lab, "docker.up"), 1.0);
    lab.docker(&["plugin", "disable", PLUGIN]);
    lab.docker(&["plugin", "set", PLUGIN, "METRIC_PREFIX=set.", "SELF_METRICS=true"]);
    lab.docker(&["plugin", "enable", PLUGIN]);
    agent.gauge(&lab, "set.up");
}
