//! What an administrator reads in the engine's log.

use crate::lab::{Lab, PLUGIN};
use crate::receiver::Receiver;
use crate::support::process::free_udp_port;

const CPUS: &str = "docker.engine_daemon_engine_cpus_cpus";
/// How many scrapes are watched for what they log.
const QUIET_SCRAPES: usize = 10;

#[test]
fn scraping_is_one_line_at_its_start_and_silent_while_all_is_well() {
    let Some(lab) = Lab::start() else { return };
    let receiver = Receiver::start(&lab, 0);
    lab.create();
    lab.enable(&[&receiver.setting(), "INTERVAL=200ms"]);
    lab.wait_for("metrics", || (receiver.count(CPUS) >= 2).then_some(()));
    let log = lab.plugin_log();
    let starts = log.iter().filter(|line| line.contains("scraping")).count();
    assert_eq!(starts, 1, "{log:#?}");
    assert!(log.iter().all(|line| line.contains("level=info")), "{log:#?}");
    lab.wait_for("further scrapes", || (receiver.count(CPUS) >= 2 + QUIET_SCRAPES).then_some(()));
    assert_eq!(lab.plugin_log(), log);
}

#[test]
fn a_missing_agent_is_named_once_and_its_return_is_noticed() {
    let Some(lab) = Lab::start() else { return };
    let port = lab.enter(free_udp_port);
    lab.create();
    lab.enable(&[&format!("STATSD_ADDR=udp://127.0.0.1:{port}"), "INTERVAL=200ms"]);
    let named = || {
        let log = lab.plugin_log();
        let refused = |line: &&String| line.contains("refused") && line.contains(&port.to_string());
        log.iter().filter(refused).cloned().collect::<Vec<_>>()
    };
    let lines = lab.wait_for("line that names the refused address", || {
        let lines = named();
        (!lines.is_empty()).then_some(lines)
    });
    let receiver = Receiver::start(&lab, port);
    lab.wait_for("metrics", || (receiver.count(CPUS) >= 2 + QUIET_SCRAPES).then_some(()));
    assert!(named().len() <= lines.len() + 1, "repeats are folded: {:#?}", named());
}

#[test]
fn a_wrong_setting_is_named_with_what_it_takes() {
    let Some(lab) = Lab::start() else { return };
    lab.create();
    lab.docker(&["plugin", "set", PLUGIN, "INTERVAL=never"]);
    let enabled = lab.try_docker(&["plugin", "enable", PLUGIN]);
    lab.wait_for("line that names the setting", || {
        let said = format!("{enabled:?}\n{}", lab.engine.log());
        (said.contains("INTERVAL") && said.contains("never") && said.contains("a duration from"))
            .then_some(())
    });
    assert!(enabled.is_err(), "{enabled:?}");
    let is_enabled = lab.docker(&["plugin", "inspect", "--format", "{{.Enabled}}", PLUGIN]);
    assert_eq!(is_enabled.trim(), "false", "nothing is left half alive");
}
