//! What happens to plugins and engines, and that no count is lost or repeated by it.
//!
//! Each row has a real StatsD server, containers that are run before, during and after the event in a
//! known number, and a [`Ledger`] that compares the server's sums with the engine's own metrics.

mod restarts;

use crate::agent::Agent;
use crate::edition::publish;
use crate::lab::{Lab, PLUGIN, plugin_process};
use crate::ledger::{self, Ledger};
use crate::registry::Registry;
use crate::release::{Release, on_every_engine};
use plugin_builder::engine::output;
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// The engine kills a plugin that does not end within 10 s of SIGTERM.
const DISABLE_MAX: Duration = Duration::from_secs(3);
/// With StopMetrics unanswered, or SIGTERM unheeded, stopping an engine would take 10 s or more.
const STOP_MAX: Duration = Duration::from_secs(8);
const KILLS: u32 = 3;
const CPUS: &str = "docker.engine_daemon_engine_cpus_cpus";
const SHORT_INTERVAL: &str = "INTERVAL=500ms";
/// No tick of it falls into a test.
const LONG_INTERVAL: &str = "INTERVAL=60s";

on_every_engine!(
    a_statsd_server_that_was_away_gets_what_it_missed,
    a_disabled_plugin_ends_at_once_and_counts_on_when_enabled,
    a_removed_plugin_ends_at_once_and_a_new_one_repeats_nothing,
    an_upgraded_plugin_counts_on,
    last_words_say_all_that_was_counted_since_the_last_tick,
    a_killed_plugin_counts_on_when_it_is_enabled_again,
    a_plugin_killed_amid_work_loses_nothing_and_repeats_a_scrape_at_most,
);

/// An engine with busybox, a StatsD server, and the plugin enabled.
fn prepared(release: Release, flags: &[&str]) -> Option<(Lab, Agent)> {
    let lab = Lab::start_on(release, flags)?;
    let agent = Agent::start(&lab);
    lab.import_busybox();
    lab.create();
    enable(&lab, &agent, SHORT_INTERVAL);
    Some((lab, agent))
}

fn enable(lab: &Lab, agent: &Agent, interval: &str) {
    lab.enable(&[&agent.setting(), "STATSD_FORMAT=etsy", interval]);
    agent.gauge(lab, CPUS);
}

fn disable(lab: &Lab) {
    let start = Instant::now();
    lab.docker(&["plugin", "disable", PLUGIN]);
    assert!(start.elapsed() < DISABLE_MAX, "{:?}", start.elapsed());
}

fn stop_engine(lab: &mut Lab) {
    let start = Instant::now();
    lab.engine.stop_daemon().unwrap();
    assert!(start.elapsed() < STOP_MAX, "{:?}", start.elapsed());
}

fn a_statsd_server_that_was_away_gets_what_it_missed(release: Release) {
    let Some((lab, mut agent)) = prepared(release, &[]) else { return };
    let ledger = Ledger::open(&lab, &agent);
    lab.run_containers(1);
    ledger.check(&lab, &agent);
    agent.stop();
    lab.run_containers(2);
    // The plugin has noticed, and tried more than once.
    lab.wait_for("line about the refusal", || {
        lab.plugin_log().iter().any(|line| line.contains("refused")).then_some(())
    });
    lab.run_containers(1);
    agent.start_again();
    ledger.check(&lab, &agent);
    lab.run_containers(1);
    ledger.check(&lab, &agent);
}

fn a_disabled_plugin_ends_at_once_and_counts_on_when_enabled(release: Release) {
    let Some((lab, agent)) = prepared(release, &[]) else { return };
    let ledger = Ledger::open(&lab, &agent);
    lab.run_containers(1);
    disable(&lab);
    lab.run_containers(2);
    lab.docker(&["plugin", "enable", PLUGIN]);
    lab.run_containers(1);
    ledger.check(&lab, &agent);
}

fn a_removed_plugin_ends_at_once_and_a_new_one_repeats_nothing(release: Release) {
    let Some((lab, agent)) = prepared(release, &[]) else { return };
    let mut ledger = Ledger::open(&lab, &agent);
    ledger.ignore_events();
    lab.run_containers(2);
    let start = Instant::now();
    lab.docker(&["plugin", "rm", "--force", PLUGIN]);
    assert!(start.elapsed() < DISABLE_MAX, "{:?}", start.elapsed());
    assert_eq!(lab.get("/v1.41/plugins"), "[]");
    ledger.await_balance(&lab, &agent);

    let before = ledger::starts(&agent);
    lab.run_containers(2);
    lab.create();
    enable(&lab, &agent, SHORT_INTERVAL);
    let ledger = Ledger::open(&lab, &agent);
    assert_eq!(ledger::starts(&agent), before, "a new plugin begins with a new baseline");
    lab.run_containers(1);
    ledger.check(&lab, &agent);
}

fn an_upgraded_plugin_counts_on(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let registry = lab.enter(Registry::start);
    let agent = Agent::start(&lab);
    lab.import_busybox();
    let [old, new] = ["old", "new"].map(|tag| publish(&lab, &registry, tag, |_| ()));
    let setting = agent.setting();
    let settings = [setting.as_str(), "STATSD_FORMAT=etsy", SHORT_INTERVAL];
    let install = ["plugin", "install", "--grant-all-permissions", "--alias", PLUGIN, &old];
    lab.docker(&[&install[..], &settings].concat());
    agent.gauge(&lab, CPUS);

    let ledger = Ledger::open(&lab, &agent);
    lab.run_containers(1);
    disable(&lab);
    lab.docker(&["plugin", "upgrade", "--grant-all-permissions", "--skip-remote-check", PLUGIN, &new]);
    lab.run_containers(2);
    lab.docker(&["plugin", "enable", PLUGIN]);
    lab.run_containers(1);
    ledger.check(&lab, &agent);
}

fn last_words_say_all_that_was_counted_since_the_last_tick(release: Release) {
    let Some((mut lab, agent)) = prepared(release, &[]) else { return };
    let mut ledger = Ledger::open(&lab, &agent);
    ledger.ignore_events();
    disable(&lab);
    enable(&lab, &agent, LONG_INTERVAL);
    lab.run_containers(2);
    // SIGTERM.
    disable(&lab);
    ledger.await_balance(&lab, &agent);
    lab.docker(&["plugin", "enable", PLUGIN]);
    lab.run_containers(2);
    // StopMetrics.
    ledger.engine_ends(&lab);
    stop_engine(&mut lab);
    ledger.await_balance_of_ended(&lab, &agent);
}

/// The engine cannot start it by itself: the mounts of the dead process are left below the propagated
/// mount, on folders that the engine has deleted. Its attempt removes them, so the next one succeeds.
fn a_killed_plugin_counts_on_when_it_is_enabled_again(release: Release) {
    let Some((lab, agent)) = prepared(release, &[]) else { return };
    let id = lab.plugin_id();
    let ledger = Ledger::open(&lab, &agent);
    lab.run_containers(1);
    // With nothing going on between the last scrape and the kill, nothing is lost or repeated.
    ledger.check(&lab, &agent);
    kill_plugin(&lab, &id);
    lab.run_containers(2);
    lab.docker(&["plugin", "disable", PLUGIN]);
    lab.docker(&["plugin", "enable", PLUGIN]);
    lab.run_containers(1);
    ledger.check(&lab, &agent);
}

/// What was sent and not yet saved as sent comes again.
fn a_plugin_killed_amid_work_loses_nothing_and_repeats_a_scrape_at_most(release: Release) {
    let Some((lab, agent)) = prepared(release, &[]) else { return };
    let id = lab.plugin_id();
    for _ in 0..KILLS {
        let ledger = Ledger::open(&lab, &agent);
        lab.run_containers(1);
        kill_plugin(&lab, &id);
        lab.docker(&["plugin", "disable", PLUGIN]);
        lab.docker(&["plugin", "enable", PLUGIN]);
        ledger.check_within_twice(&lab, &agent);
    }
}

fn kill_plugin(lab: &Lab, id: &str) {
    let process = plugin_process(id).expect("the plugin's process");
    kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
    // The engine tries to start it, in vain, and then removes the mounts; who comes before that fails too.
    lab.wait_for("end of the engine's attempt", || {
        let mounts = output(lab.engine.command("cat").arg("/proc/self/mountinfo")).unwrap();
        (plugin_process(id).is_none() && !mounts.contains(id)).then_some(())
    });
}
