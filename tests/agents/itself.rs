//! What the program says of itself is understood by real servers: here, that there is nothing to scrape.

use std::process::{Child, Command, Stdio};

use crate::support::asked_to_skip;
use crate::support::collectd::Collectd;
use crate::support::datadog::Datadog;
use crate::support::etsy::Etsy;

/// The program's `agent` command, scraping what is not there; it ends with its test.
struct Agent(Child);

impl Agent {
    fn start(statsd: &str, format: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_docker-metrics-statsd"))
            .arg("agent")
            .env_clear()
            .env("STATSD_ADDR", statsd)
            .env("STATSD_FORMAT", format)
            .env("SCRAPE_ADDR", "unix:///nowhere/metrics.sock")
            .env("INTERVAL", "100ms")
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("the program starts"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn etsy_statsd_has_every_word() {
    if asked_to_skip("agents") {
        return;
    }
    for format in ["etsy", "graphite"] {
        let mut etsy = Etsy::start();
        let agent = Agent::start(&format!("udp://127.0.0.1:{}", etsy.udp_port()), format);
        // The second word counts what the first one was.
        etsy.wait_for_counter("docker.metrics.packets_sent", 3.0);
        drop(agent);
        assert_eq!(etsy.bad_lines_seen(), 0, "{:#?}", etsy.bad_lines());
        let gauges = etsy.gauges();
        let names: Vec<_> = gauges.keys().map(String::as_str).collect();
        let expected = [
            "docker.metrics.scrape.duration",
            "docker.metrics.series",
            "docker.metrics.series_owing",
            "docker.up",
        ];
        assert_eq!(names, expected, "{format}");
        assert_eq!(gauges["docker.up"].to_string(), "0", "{format}");
        let counters = etsy.counters();
        assert!(counters["docker.metrics.scrapes_failed"] > counters["docker.metrics.packets_sent"]);
        // Of the lines that came before the last word.
        assert!(counters["docker.metrics.lines_sent"] >= 3.0 * 5.0, "{counters:?}");
    }
}

#[test]
fn collectd_parses_every_word() {
    if asked_to_skip("agents") {
        return;
    }
    let mut collectd = Collectd::start();
    let _agent = Agent::start(&format!("udp://127.0.0.1:{}", collectd.udp_port()), "etsy");
    collectd.wait_for_names(["docker.up", "docker.metrics.scrapes_failed", "docker.metrics.bytes_sent"]);
    assert_eq!(collectd.unparsed_lines(), Vec::<String>::new());
    assert_eq!(collectd.gauges()["docker.up"].to_string(), "0");
}

#[test]
fn datadog_forwards_every_word() {
    if asked_to_skip("agents") {
        return;
    }
    let mut datadog = Datadog::start();
    let _agent = Agent::start(&format!("unixgram://{}", datadog.socket().display()), "datadog");
    datadog.wait_for_series(8);
    assert_eq!(datadog.parse_failures(), Vec::<String>::new());
    let series = datadog.flushed_series();
    let has = |name: &str, kind: &str| {
        series.iter().any(|series| (series.name.as_str(), series.kind.as_str()) == (name, kind))
    };
    assert!(has("docker.up", "Gauge") && has("docker.metrics.scrapes_failed", "Count"), "{series:#?}");
    let up = series.iter().find(|series| series.name == "docker.up").unwrap();
    assert_eq!((up.value.to_string().as_str(), up.tags.len()), ("0", 0), "{up:?}");
}
