//! What the engine's own metrics say is what a StatsD server gets.

use crate::agent::Agent;
use crate::lab::{Lab, PLUGIN, plugin_tarball};
use crate::metrics::samples;
use crate::receiver::Receiver;
use crate::release::{Release, on_every_engine};

/// How many calls that the engine counts are made.
const CALLS: usize = 12;
/// How many containers come and go.
const CONTAINERS: usize = 2;
/// The number that the product's documentation promises.
const DIFFERENT_METRICS_MIN: usize = 50;

on_every_engine!(gauges_have_the_engines_values, sums_at_the_server_equal_the_engines_growth_exactly);

fn gauges_have_the_engines_values(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let agent = Agent::start(&lab);
    lab.create();
    lab.enable(&[&agent.setting(), "STATSD_FORMAT=etsy", "INTERVAL=1s"]);
    assert!(agent.gauge(&lab, "docker.engine_daemon_engine_cpus_cpus") >= 1.0);
    assert!(agent.gauge(&lab, "docker.engine_daemon_engine_memory_bytes") > 1e6);
    assert_eq!(agent.gauge(&lab, "docker.up"), 1.0);
    // A scrape is several datagrams: now all of one have come.
    agent.wait_for_scrapes(&lab, 2);
    let exposition = lab.engine.metrics().unwrap();
    let mut expected = samples(&exposition, "engine_daemon_", &["gauge"]);
    expected.extend(samples(&exposition, "swarm_", &["gauge"]));
    // Its many labels make the longest name, which is cut.
    expected.retain(|name, _| !name.starts_with("docker.engine_daemon_engine_info."));
    assert!(expected.len() > 20, "{expected:?}");
    let arrived = agent.ask(crate::support::etsy::Etsy::gauges);
    for (name, value) in &expected {
        assert_eq!(arrived.get(name), Some(value), "{name}");
    }
    assert!(arrived.keys().any(|name| name.starts_with("docker.engine_daemon_engine_info.")));
    agent.check_lines();
}

fn sums_at_the_server_equal_the_engines_growth_exactly(release: Release) {
    const COUNT: &str = "docker.engine_daemon_host_info_functions_seconds_count.function.system_info";
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let agent = Agent::start(&lab);
    lab.create();
    lab.enable(&[&agent.setting(), "STATSD_FORMAT=etsy", "INTERVAL=1s"]);
    // The first scrape is the baseline; the next brings what the enabling itself moved.
    agent.gauge(&lab, "docker.engine_daemon_engine_cpus_cpus");
    agent.wait_for_scrapes(&lab, 2);

    let growing = || samples(&lab.engine.metrics().unwrap(), "engine_daemon_", &["counter", "histogram"]);
    let before = growing();
    let sums_before = agent.ask(crate::support::etsy::Etsy::counters);
    for _ in 0..CALLS {
        lab.get("/v1.41/info");
    }
    lab.docker(&["info"]);
    // Containers, networks and images move series that did not exist at the baseline.
    let archive = plugin_tarball();
    lab.docker(&["import", archive.to_str().unwrap(), "image"]);
    let program = "/rootfs/docker-metrics-statsd";
    for _ in 0..CONTAINERS {
        lab.docker(&["run", "--rm", "--network=none", "image", program, "--version"]);
    }
    lab.docker(&["history", "image"]);
    lab.docker(&["rmi", "image"]);
    let after = growing();
    let growth = after[COUNT] - before[COUNT];
    assert_eq!(growth, 13.0, "the engine counts each call");

    let sum = |name: &str| agent.counter(name) - sums_before.get(name).copied().unwrap_or(0.0);
    lab.wait_for("growth at the server", || (sum(COUNT) >= growth).then_some(()));
    // If anything were sent twice, it would arrive now.
    agent.wait_for_scrapes(&lab, 2);
    assert_eq!(sum(COUNT), growth);
    for (series, count) in [
        ("docker.engine_daemon_container_actions_seconds_count.action.start", 2.0),
        ("docker.engine_daemon_image_actions_seconds_count.action.history", 1.0),
        ("docker.engine_daemon_image_actions_seconds_count.action.delete", 1.0),
    ] {
        assert_eq!(sum(series), count, "{series}");
    }
    let mut moved = 0;
    for (name, value) in after {
        if name.ends_with("._Inf") {
            continue;
        }
        let growth = value - before.get(&name).copied().unwrap_or(0.0);
        let difference = (sum(&name) - growth).abs();
        // The server adds floating-point numbers; whole ones stay exact.
        let tolerance = if name.contains("_seconds_sum") { 1e-9 } else { 0.0 };
        assert!(difference <= tolerance, "{name}: {} instead of {growth}", sum(&name));
        moved += usize::from(growth > 0.0);
    }
    assert!(moved > 30, "only {moved} series moved");
    agent.check_lines();
}

#[test]
fn fifty_different_metrics_arrive_with_datadogs_names_and_tags() {
    let Some(lab) = Lab::start() else { return };
    let receiver = Receiver::start(&lab, 0);
    lab.create();
    lab.enable(&[&receiver.setting(), "INTERVAL=500ms", "TAGS=team:core", "DD_ENV=test"]);
    lab.wait_for("gauge", || (receiver.count("docker.engine_daemon_engine_cpus_cpus") > 0).then_some(()));
    lab.docker(&["info"]);
    lab.docker(&["plugin", "ls"]);
    let names = lab.wait_for("50 different names", || {
        let names = receiver.names();
        (names.len() >= DIFFERENT_METRICS_MIN).then_some(names)
    });
    assert!(names.iter().all(|name| name.starts_with("docker.")), "{names:?}");
    let count = "docker.engine_daemon_host_info_functions_seconds.count:";
    let line = lab.wait_for("histogram's count", || {
        receiver.lines().into_iter().find(|line| line.starts_with(count) && line.contains("system_info"))
    });
    assert_eq!(line, format!("{count}1|c|#function:system_info,team:core,env:test"));
    let cpus = "docker.engine_daemon_engine_cpus_cpus:";
    let cpus: Vec<_> = receiver.lines().into_iter().filter(|line| line.starts_with(cpus)).collect();
    assert!(cpus.iter().all(|line| line.ends_with("|g|#team:core,env:test")), "{cpus:?}");
    let check = "_sc|docker.metrics.can_scrape|";
    let up = format!("{check}0|#team:core,env:test");
    assert!(receiver.lines().contains(&up), "{:?}", receiver.lines());
    lab.docker(&["plugin", "disable", PLUGIN]);
    let last = lab.wait_for("last word", || {
        let lines = receiver.lines();
        let last = lines.iter().rev().find(|line| line.starts_with(check))?;
        (*last != up).then(|| last.clone())
    });
    assert_eq!(last, format!("{check}1|#team:core,env:test|m:the plugin was told to end"));
    assert!(receiver.lines().contains(&"docker.up:0|g|#team:core,env:test".to_owned()));
}
