//! The engine itself stops or is killed, and starts again.

use super::{CPUS, SHORT_INTERVAL, disable, enable, prepared, stop_engine};
use crate::agent::Agent;
use crate::lab::{Lab, PLUGIN, plugin_process};
use crate::ledger::Ledger;
use crate::release::{Release, on_every_engine};
use std::time::{Duration, Instant};

const LIVE_RESTORE: &[&str] = &["--live-restore"];
/// What `src/collector.rs` promises.
const LIFE_MIN: Duration = Duration::from_secs(5);

on_every_engine!(
    what_is_owed_outlives_the_plugin_and_the_engine,
    a_restarted_engine_loses_nothing,
    a_killed_engine_loses_nothing_that_was_scraped,
    a_live_restored_plugin_heals_itself,
    a_live_restored_plugin_does_not_end_in_its_first_seconds,
    a_plugin_whose_engine_was_killed_under_live_restore_says_what_to_do,
);

/// While the server is away, the plugin is started again, and so is the engine.
fn what_is_owed_outlives_the_plugin_and_the_engine(release: Release) {
    let Some((mut lab, mut agent)) = prepared(release, &[]) else { return };
    let mut ledger = Ledger::open(&lab, &agent);
    agent.stop();
    lab.run_containers(1);
    disable(&lab);
    lab.run_containers(1);
    lab.docker(&["plugin", "enable", PLUGIN]);
    lab.run_containers(1);
    ledger.engine_ends(&lab);
    stop_engine(&mut lab);
    lab.engine.start_daemon().unwrap();
    lab.run_containers(1);
    agent.start_again();
    ledger.check(&lab, &agent);
}

fn a_restarted_engine_loses_nothing(release: Release) {
    let Some((mut lab, agent)) = prepared(release, &[]) else { return };
    let mut ledger = Ledger::open(&lab, &agent);
    lab.run_containers(2);
    ledger.engine_ends(&lab);
    stop_engine(&mut lab);
    ledger.await_balance_of_ended(&lab, &agent);
    lab.engine.start_daemon().unwrap();
    lab.run_containers(1);
    ledger.check(&lab, &agent);
    // A starting engine says that it has no processors.
    assert!(agent.gauge(&lab, CPUS) >= 1.0);
}

fn a_killed_engine_loses_nothing_that_was_scraped(release: Release) {
    let Some((mut lab, agent)) = prepared(release, &[]) else { return };
    let mut ledger = Ledger::open(&lab, &agent);
    lab.run_containers(2);
    ledger.check(&lab, &agent);
    ledger.engine_ends(&lab);
    lab.engine.kill_daemon().unwrap();
    lab.engine.start_daemon().unwrap();
    lab.run_containers(1);
    ledger.check(&lab, &agent);
}

/// Twice: a plugin that was healed is like a new one.
fn a_live_restored_plugin_heals_itself(release: Release) {
    let Some((mut lab, agent)) = prepared(release, LIVE_RESTORE) else { return };
    let id = lab.plugin_id();
    let mut ledger = Ledger::open(&lab, &agent);
    for _ in 0..2 {
        let old = plugin_process(&id).expect("the plugin's process");
        lab.run_containers(1);
        ledger.engine_ends(&lab);
        stop_engine(&mut lab);
        assert_eq!(plugin_process(&id), Some(old), "live-restore keeps it running");
        lab.engine.start_daemon().unwrap();
        lab.run_containers(1);
        lab.wait_for("new process of the plugin", || plugin_process(&id).filter(|process| *process != old));
        ledger.check(&lab, &agent);
    }
    let process = plugin_process(&id).expect("the plugin's process");
    lab.run_containers(1);
    ledger.check(&lab, &agent);
    assert_eq!(plugin_process(&id), Some(process), "it does not end any more");
}

/// An engine that has not yet called a new plugin would disable it.
fn a_live_restored_plugin_does_not_end_in_its_first_seconds(release: Release) {
    let Some(mut lab) = Lab::start_on(release, LIVE_RESTORE) else { return };
    let agent = Agent::start(&lab);
    lab.import_busybox();
    lab.create();
    let id = lab.plugin_id();
    let born = Instant::now();
    enable(&lab, &agent, SHORT_INTERVAL);
    let young = plugin_process(&id).expect("the plugin's process");
    stop_engine(&mut lab);
    lab.engine.start_daemon().unwrap();
    lab.wait_for("end of the plugin", || (plugin_process(&id) != Some(young)).then_some(()));
    assert!(born.elapsed() >= LIFE_MIN, "{:?}", born.elapsed());
    let ledger = Ledger::open(&lab, &agent);
    lab.run_containers(1);
    ledger.check(&lab, &agent);
}

/// The engine that was killed left mounts on which it cannot start the plugin again, so it stays and says what to do.
fn a_plugin_whose_engine_was_killed_under_live_restore_says_what_to_do(release: Release) {
    let Some((mut lab, agent)) = prepared(release, LIVE_RESTORE) else { return };
    let id = lab.plugin_id();
    let process = plugin_process(&id).expect("the plugin's process");
    let mut ledger = Ledger::open(&lab, &agent);
    lab.run_containers(1);
    ledger.check(&lab, &agent);
    ledger.engine_ends(&lab);
    lab.engine.kill_daemon().unwrap();
    lab.engine.start_daemon().unwrap();
    lab.run_containers(2);
    lab.wait_for("line that says what to do", || {
        lab.plugin_log().iter().any(|line| line.contains("docker plugin disable")).then_some(())
    });
    assert_eq!(plugin_process(&id), Some(process), "it has not ended");
    disable(&lab);
    lab.docker(&["plugin", "enable", PLUGIN]);
    lab.run_containers(1);
    ledger.check(&lab, &agent);
}
