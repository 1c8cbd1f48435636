//! An exposition that tries to break out of its lines, and numbers at the edges: real engines send
//! neither, but nothing in the protocol stops another endpoint from doing so.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::etsy::etsy_after;
use crate::expected::Expected;
use crate::exposition;
use crate::program::{self, Line};
use crate::support::asked_to_skip;
use crate::support::collectd::{Collectd, NAME_CHARACTERS_MAX};
use crate::support::datadog::Datadog;
use crate::support::hostile::Hostile;

const HOSTILE: &str = r#"# TYPE requests_total counter
requests_total{path="/a|c\nevil:1|c|#admin:true,b:c"} 3
requests_total{path="say \"hi\" \\ bye"} 4
requests_total{method="GET;a=b#c@0.1",path="C:\\new"} 5
requests_total{path="Ünïcödé 日本"} 6
requests_total{path="{}[]()<>=&%$!?*+~'`^"} 7
# TYPE bytes_total counter
bytes_total{size="odd above 2^53"} 9007199254740993
bytes_total{size="fraction"} 0.30000000000000004
bytes_total{size="exponent"} 1.7976931e+22
bytes_total{size="small"} 4.675e-06
# TYPE balance gauge
balance{of="whole"} -5
balance{of="fraction"} -0.25
balance{of="exponent"} -1.5e+10
balance{of="nothing"} 0
balance{of="unknown"} NaN
balance{of="endless"} +Inf
balance{of="endless debt"} -Inf
# TYPE version gauge
version{device="d",env="e",host="h",service="x",source="s",version="v"} 1
"#;

#[test]
fn etsy_statsd_has_exactly_what_a_hostile_exposition_says() {
    if asked_to_skip("agents") {
        return;
    }
    let (_folder, scrape) = exposition_file();
    let samples = exposition::samples(&scrape);
    for (dialect, expected) in
        [("etsy", Expected::from_zero(&samples)), ("graphite", Expected::tagged_from_zero(&samples))]
    {
        let etsy = etsy_after(&program::lines_from_zero(dialect, &scrape));
        expected.check(&format!("hostile {dialect}"), etsy.counters(), etsy.gauges());
    }
    etsy_after(&program::lines_from_zero("datadog", &scrape));
}

#[test]
fn collectd_parses_every_line_of_a_hostile_exposition() {
    if asked_to_skip("agents") {
        return;
    }
    let (_folder, scrape) = exposition_file();
    let lines = program::lines_from_zero("etsy", &scrape);
    let names: Vec<String> = lines.iter().map(|line| Line::read(line).name).collect();
    let mut collectd = Collectd::start();
    collectd.send(&program::pack(&lines));
    collectd.wait_for_names(names.iter().map(String::as_str));
    assert_eq!(collectd.unparsed_lines(), Vec::<String>::new());
    let gauges = collectd.gauges();
    assert_eq!(gauges["docker.balance.of.whole"].to_string(), "-5");
    assert_eq!(gauges["docker.balance.of.exponent"].to_string(), "-15000000000");
}

#[test]
fn datadog_forwards_a_hostile_exposition_with_its_own_tags_only() {
    if asked_to_skip("agents") {
        return;
    }
    let (_folder, scrape) = exposition_file();
    let samples = exposition::samples(&scrape);
    let lines = program::lines_from_zero("datadog", &scrape);
    assert_eq!(lines.len(), samples.len());
    let mut datadog = Datadog::start();
    datadog.send(&program::pack(&lines));
    datadog.wait_for_series(samples.len());
    assert_eq!(datadog.parse_failures(), Vec::<String>::new());
    let series = datadog.flushed_series();
    let mut forwarded: Vec<(f64, usize)> =
        series.iter().map(|series| (series.value, series.tags.len())).collect();
    let mut expected: Vec<(f64, usize)> =
        samples.iter().map(|sample| (sample.number(), sample.labels.len())).collect();
    for values in [&mut forwarded, &mut expected] {
        values.sort_by(|left, right| left.0.total_cmp(&right.0));
    }
    assert_eq!(forwarded, expected, "values, and how many tags each has");
    let version = series.iter().find(|series| series.name == "docker.version").unwrap();
    assert!(version.tags.iter().all(|tag| tag.starts_with("docker_")), "{version:?}");
}

#[test]
fn every_server_has_each_value_of_texts_in_every_place_and_nothing_else() {
    if asked_to_skip("agents") {
        return;
    }
    let hostile = Hostile::new();
    let (_folder, scrape) = file_with(&hostile.body);
    let counters = sorted(hostile.counters.iter().map(|value| f64::from(*value)));
    let gauges = |large: bool| {
        let large = large.then_some(&hostile.large);
        sorted(hostile.gauges.iter().chain(large).map(|value| f64::from(*value)))
    };
    let is_ours = |name: &String| name.starts_with("docker.") && name.is_ascii();
    for (dialect, large) in [("etsy", true), ("graphite", false), ("datadog", false)] {
        let etsy = etsy_after(&program::lines_from_zero(dialect, &scrape));
        let (found_counters, found_gauges) = (etsy.counters(), etsy.gauges());
        assert!(
            found_counters.keys().chain(found_gauges.keys()).all(is_ours),
            "{dialect}: {found_gauges:#?}"
        );
        assert_eq!(sorted(found_counters.into_values()), counters, "{dialect}");
        assert_eq!(sorted(found_gauges.into_values()), gauges(large), "{dialect}");
    }

    let lines = program::lines_from_zero("etsy", &scrape);
    let mut collectd = Collectd::start();
    collectd.send(&program::pack(&lines));
    let names: Vec<String> = lines.iter().map(|line| Line::read(line).name).collect();
    let short = |name: &&str| name.len() < NAME_CHARACTERS_MAX;
    collectd.wait_for_names(names.iter().map(String::as_str).filter(short));
    assert_eq!(collectd.unparsed_lines(), Vec::<String>::new());
    let found = collectd.gauges();
    assert!(found.keys().chain(collectd.counters().keys()).all(is_ours), "{found:#?}");
    assert!(found.values().all(|value| gauges(true).contains(value)), "{found:#?}");

    let lines = program::lines_from_zero("datadog", &scrape);
    let mut datadog = Datadog::start();
    datadog.send(&program::pack(&lines));
    // Two of them are one to the server.
    let series = counters.len() + gauges(false).len();
    assert_eq!(lines.len(), series + 1);
    datadog.wait_for_series(series);
    assert_eq!(datadog.parse_failures(), Vec::<String>::new());
    let found = datadog.flushed_series();
    assert!(found.iter().all(|series| is_ours(&series.name) && series.tags.len() == 1), "{found:#?}");
    let values =
        |kind: &str| sorted(found.iter().filter(|series| series.kind == kind).map(|series| series.value));
    assert_eq!((values("Count"), values("Gauge")), (counters, gauges(false)));
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn exposition_file() -> (TempDir, PathBuf) {
    file_with(HOSTILE.as_bytes())
}

fn file_with(body: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.prom");
    fs::write(&path, body).unwrap();
    (folder, path)
}
