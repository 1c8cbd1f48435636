//! Enable, disable, remove, and the engine's own restart.

use crate::lab::{Lab, PLUGIN};
use crate::receiver::Receiver;
use std::time::{Duration, Instant};

/// The engine kills a plugin that does not end within 10 s of SIGTERM.
const DISABLE_MAX: Duration = Duration::from_secs(3);
const CPUS: &str = "docker.engine_daemon_engine_cpus_cpus";

#[test]
fn a_disabled_plugin_ends_at_once_and_can_come_back() {
    let Some(lab) = Lab::start() else { return };
    let receiver = Receiver::start(&lab, 0);
    lab.create();
    lab.enable(&[&receiver.setting(), "INTERVAL=200ms"]);
    lab.wait_for("metrics", || (receiver.count(CPUS) > 0).then_some(()));
    let start = Instant::now();
    lab.docker(&["plugin", "disable", PLUGIN]);
    assert!(start.elapsed() < DISABLE_MAX, "{:?}", start.elapsed());

    let seen = receiver.count(CPUS);
    lab.docker(&["plugin", "enable", PLUGIN]);
    lab.wait_for("metrics again", || (receiver.count(CPUS) > seen).then_some(()));
    let start = Instant::now();
    lab.docker(&["plugin", "rm", "--force", PLUGIN]);
    assert!(start.elapsed() < DISABLE_MAX, "{:?}", start.elapsed());
    assert_eq!(lab.get("/v1.41/plugins"), "[]");
}

#[test]
fn a_restarted_engine_restarts_the_plugin_and_the_metrics() {
    let Some(mut lab) = Lab::start() else { return };
    let receiver = Receiver::start(&lab, 0);
    lab.create();
    lab.enable(&[&receiver.setting(), "INTERVAL=200ms"]);
    lab.wait_for("metrics", || (receiver.count(CPUS) > 0).then_some(()));
    let start = Instant::now();
    lab.engine.stop_daemon().unwrap();
    // With StopMetrics unanswered, or SIGTERM unheeded, it would take 10 s or more.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());

    let seen = receiver.count(CPUS);
    lab.engine.start_daemon().unwrap();
    lab.wait_for("metrics again", || (receiver.count(CPUS) > seen).then_some(()));
    let zeros: Vec<_> = receiver.lines().into_iter().filter(|line| line == &format!("{CPUS}:0|g")).collect();
    assert_eq!(zeros, Vec::<String>::new(), "a starting engine says that it has no processors");
}
