//! Etsy's statsd has, to the last digit, what the expositions say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::expected::{Expected, assert_same};
use crate::exposition::{self, Kind};
use crate::program::{self, Line};
use crate::support::{asked_to_skip, carbon::Carbon, etsy::Etsy, graphite};

/// Long enough for a scrape to be sent within.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

#[test]
fn etsy_statsd_has_the_counts_and_gauges_of_every_exposition() {
    if asked_to_skip("agents") {
        return;
    }
    for scrape in exposition::complete_scrapes() {
        let name = exposition::file_name(&scrape);
        let expected = Expected::from_zero(&exposition::samples(&scrape));
        assert!(expected.counters.len() > 40 && expected.gauges.len() > 40, "{name}: too little");
        let etsy = etsy_after(&program::lines_from_zero("etsy", &scrape));
        expected.check(name, etsy.counters(), etsy.gauges());
    }
}

#[test]
fn etsy_statsd_has_graphites_tags_as_they_were_sent() {
    if asked_to_skip("agents") {
        return;
    }
    for scrape in exposition::complete_scrapes() {
        let name = exposition::file_name(&scrape);
        let expected = Expected::tagged_from_zero(&exposition::samples(&scrape));
        assert!(expected.counters.len() > 40 && expected.gauges.len() > 40, "{name}: too little");
        let etsy = etsy_after(&program::lines_from_zero("graphite", &scrape));
        expected.check(name, etsy.counters(), etsy.gauges());
    }
}

/// The dashboard for Grafana asks for these paths, which `tests/it/dashboards.rs` looks for.
#[test]
fn etsy_statsd_writes_the_paths_to_graphite_that_the_dashboard_asks_for() {
    if asked_to_skip("agents") {
        return;
    }
    for scrape in exposition::complete_scrapes() {
        let lines = program::lines_from_zero("graphite", &scrape);
        let expected: BTreeSet<String> = lines.iter().flat_map(|line| graphite::paths(line)).collect();
        assert!(expected.len() > 100, "{expected:?}");
        let carbon = Carbon::start();
        let mut etsy = Etsy::start_before_carbon(carbon.port(), FLUSH_INTERVAL);
        etsy.send(&program::pack(&lines));
        let paths = etsy.wait_for_flushed(|| {
            let paths = carbon.paths();
            expected.is_subset(&paths).then_some(paths)
        });
        let others = paths.difference(&expected).filter(|path| !is_of_the_server(path));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new(), "{scrape:?}");
    }
}

fn is_of_the_server(path: &str) -> bool {
    ["stats.statsd.", "stats.counters.statsd.", "stats.gauges.statsd."]
        .iter()
        .any(|begin| path.starts_with(begin))
}

#[test]
fn etsy_statsd_reads_every_line_of_the_datadog_format() {
    if asked_to_skip("agents") {
        return;
    }
    for scrape in exposition::complete_scrapes() {
        let name = exposition::file_name(&scrape);
        let lines = program::lines_from_zero("datadog", &scrape);
        let (mut counters, mut gauges) = (BTreeMap::new(), BTreeMap::new());
        for line in lines.iter().map(|line| Line::read(line)) {
            match line.kind {
                Kind::Counter => *counters.entry(key(&line)).or_default() += line.value,
                Kind::Gauge => {
                    gauges.insert(key(&line), line.value);
                }
            }
        }
        assert_eq!(counters.len() + gauges.len(), lines.len(), "{name}: every line has its own key");
        let etsy = etsy_after(&lines);
        assert_same(&format!("{name}: counters"), &etsy.counters(), &counters);
        assert_same(&format!("{name}: gauges"), &etsy.gauges(), &gauges);
    }
}

/// A server that has taken these lines, all of them, and found none bad.
pub(crate) fn etsy_after(lines: &[String]) -> Etsy {
    let datagrams = program::pack(lines);
    let mut etsy = Etsy::start();
    etsy.send(&datagrams);
    assert_eq!(etsy.bad_lines_seen(), 0, "{:#?}", etsy.bad_lines());
    let sent = (datagrams.len() as u64, lines.len() as u64);
    assert_eq!(etsy.received(), sent, "datagrams and lines");
    etsy
}

/// The name that the server gives to a line with tags: `name;key=value`, cleaned.
fn key(line: &Line) -> String {
    let tags = line.tags.iter().map(|tag| format!(";{}", tag.replacen(':', "=", 1)));
    let key: String = std::iter::once(line.name.clone()).chain(tags).collect();
    let allowed = |char: &char| char.is_ascii_alphanumeric() || "_-.;=".contains(*char);
    key.replace('/', "-").chars().filter(allowed).collect()
}
