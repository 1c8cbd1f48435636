//! Datadog's own code parses every line and would forward exactly the series that were sent.

use std::path::{Path, PathBuf};
use std::thread;

use crate::exposition::{self, Kind, Sample};
use crate::program::{self, Line};
use crate::support::datadog::{Datadog, SERIES_PER_FLUSH_MAX, Series};
use crate::support::{asked_to_skip, workspace_root};

#[test]
fn datadog_would_forward_every_series_as_it_was_sent() {
    if asked_to_skip("agents") {
        return;
    }
    // A flush comes every ten seconds: the servers wait for theirs side by side.
    thread::scope(|scope| {
        for scrape in exposition::complete_scrapes() {
            scope.spawn(move || forwarded_as_sent(&scrape));
        }
    });
}

#[test]
fn well_known_series_have_the_names_of_datadogs_openmetrics_check() {
    if asked_to_skip("agents") {
        return;
    }
    let scrape = recorded("engine-20.10.24-active.prom");
    let samples = exposition::samples(&scrape);
    let forwarded = forwarded(&program::lines_from_zero("datadog", &scrape));
    for (sample, kind, name, tags) in WELL_KNOWN {
        let value = find(&samples, sample).number();
        assert!(*kind == "Gauge" || value > 0.0, "{sample} was recorded while it had counted");
        let mut tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
        tags.sort();
        let expected = Series { name: (*name).to_owned(), kind: (*kind).to_owned(), value, tags };
        assert!(forwarded.contains(&expected), "no {expected:?} among {:#?}", named(&forwarded, name));
    }
    let info = find(&samples, "engine_daemon_engine_info");
    let infos = named(&forwarded, "docker.engine_daemon_engine_info");
    assert_eq!(infos, [&info_series(info)]);
    assert!(infos[0].tags.contains(&"docker_version:20.10.24_dfsg1".to_owned()), "{infos:?}");
    let infinite = forwarded.iter().find(|series| series.tags.iter().any(|tag| tag.contains("Inf")));
    assert_eq!(infinite, None, "the last bucket is the count");
}

/// What is in the recorded exposition, and what Datadog's OpenMetrics check would make of it.
type WellKnown = (&'static str, &'static str, &'static str, &'static [&'static str]);
const WELL_KNOWN: &[WellKnown] = &[
    (
        r#"engine_daemon_container_actions_seconds_bucket action="create" le="0.025""#,
        "Count",
        "docker.engine_daemon_container_actions_seconds.bucket",
        &["action:create", "upper_bound:0.025"],
    ),
    (
        r#"engine_daemon_container_actions_seconds_bucket action="create" le="5""#,
        "Count",
        "docker.engine_daemon_container_actions_seconds.bucket",
        &["action:create", "upper_bound:5.0"],
    ),
    (
        r#"engine_daemon_container_actions_seconds_sum action="start""#,
        "Count",
        "docker.engine_daemon_container_actions_seconds.sum",
        &["action:start"],
    ),
    (
        r#"engine_daemon_container_actions_seconds_count action="start""#,
        "Count",
        "docker.engine_daemon_container_actions_seconds.count",
        &["action:start"],
    ),
    ("engine_daemon_events_total", "Count", "docker.engine_daemon_events.count", &[]),
    // Named like a counter, and declared a gauge.
    ("engine_daemon_events_subscribers_total", "Gauge", "docker.engine_daemon_events_subscribers_total", &[]),
    (
        r#"engine_daemon_container_states_containers state="running""#,
        "Gauge",
        "docker.engine_daemon_container_states_containers",
        &["state:running"],
    ),
    ("engine_daemon_engine_memory_bytes", "Gauge", "docker.engine_daemon_engine_memory_bytes", &[]),
    (
        r#"go_gc_duration_seconds quantile="0""#,
        "Gauge",
        "docker.go_gc_duration_seconds.quantile",
        &["quantile:0"],
    ),
    (
        r#"go_gc_duration_seconds quantile="0.75""#,
        "Gauge",
        "docker.go_gc_duration_seconds.quantile",
        &["quantile:0.75"],
    ),
    (
        r#"go_gc_duration_seconds quantile="1""#,
        "Gauge",
        "docker.go_gc_duration_seconds.quantile",
        &["quantile:1.0"],
    ),
    ("go_gc_duration_seconds_count", "Count", "docker.go_gc_duration_seconds.count", &[]),
];

fn forwarded_as_sent(scrape: &Path) {
    let name = exposition::file_name(scrape);
    let lines = program::lines_from_zero("datadog", scrape);
    let mut sent: Vec<Series> = lines.iter().map(|line| sent_series(line)).collect();
    let told = sent.iter().map(|series| (series.kind.clone(), series.value)).collect();
    assert_eq!(sorted(told), sorted(worth_telling(&exposition::samples(scrape))), "{name}");

    let mut forwarded = forwarded(&lines);
    for series in [&mut sent, &mut forwarded] {
        series.sort_by(|left, right| (&left.name, &left.tags).cmp(&(&right.name, &right.tags)));
    }
    for (sent, forwarded) in sent.iter().zip(&forwarded) {
        assert_eq!(forwarded, sent, "{name}");
    }
    assert_eq!(forwarded.len(), sent.len(), "{name}: series");
}

/// Kind and value of every sample that is to be sent: a count of nothing is not.
fn worth_telling(samples: &[Sample]) -> Vec<(String, f64)> {
    let samples = samples.iter().map(|sample| (kind(sample.kind), sample.number()));
    samples.filter(|(kind, value)| kind == "Gauge" || *value > 0.0).collect()
}

fn sorted(mut values: Vec<(String, f64)>) -> Vec<(String, f64)> {
    values.sort_by(|left, right| left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)));
    values
}

/// Datadog's word.
fn kind(kind: Kind) -> String {
    match kind {
        Kind::Counter => "Count".to_owned(),
        Kind::Gauge => "Gauge".to_owned(),
    }
}

/// Sends lines to a server of their own; what it would forward to Datadog.
fn forwarded(lines: &[String]) -> Vec<Series> {
    let mut datadog = Datadog::start();
    let mut sent = 0;
    for batch in lines.chunks(SERIES_PER_FLUSH_MAX) {
        datadog.send(&program::pack(batch));
        sent += batch.len();
        datadog.wait_for_series(sent);
    }
    assert_eq!(datadog.parse_failures(), Vec::<String>::new());
    datadog.flushed_series()
}

fn sent_series(line: &str) -> Series {
    let mut line = Line::read(line);
    line.tags.sort();
    Series { name: line.name, kind: kind(line.kind), value: line.value, tags: line.tags }
}

/// The sample with a name, and among its labels those that follow it.
fn find<'a>(samples: &'a [Sample], wanted: &str) -> &'a Sample {
    let mut words = wanted.split(' ');
    let name = words.next().unwrap_or_default();
    let labels: Vec<&str> = words.collect();
    let found = samples.iter().find(|sample| {
        let has =
            |label: &&str| sample.labels.iter().any(|(key, value)| format!("{key}={value:?}") == **label);
        sample.name == name && labels.iter().all(has)
    });
    found.unwrap_or_else(|| panic!("{wanted} is not in the recorded scrape"))
}

fn named<'a>(series: &'a [Series], name: &str) -> Vec<&'a Series> {
    series.iter().filter(|series| series.name == name).collect()
}

/// All labels of the engine's description as tags, cleaned as Datadog cleans them.
fn info_series(info: &Sample) -> Series {
    let tag = |(label, value): &(String, String)| {
        let label = if label == "version" { "docker_version" } else { label };
        let kept = |char: char| char.is_ascii_alphanumeric() || "_-:/.".contains(char);
        format!("{label}:{}", value.replace(|char| !kept(char), "_"))
    };
    let mut tags: Vec<String> = info.labels.iter().map(tag).collect();
    tags.sort();
    Series { name: format!("docker.{}", info.name), kind: "Gauge".to_owned(), value: 1.0, tags }
}

fn recorded(name: &str) -> PathBuf {
    workspace_root().join("tests/fixtures/scrapes").join(name)
}
