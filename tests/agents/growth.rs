//! Two scrapes of one engine: counters arrive as their growth between them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::etsy::etsy_after;
use crate::exact;
use crate::expected::Expected;
use crate::exposition::{self, Kind, Sample};
use crate::program;
use crate::support::{asked_to_skip, workspace_root};

const ENGINES: [&str; 2] = ["20.10.24", "28.5.2"];
/// The kernel's clock may move a process' start time by this much.
const START_TIME_JITTER_S: f64 = 1.0;

#[test]
fn counts_of_a_restarted_engine_arrive_whole() {
    if asked_to_skip("agents") {
        return;
    }
    for engine in ENGINES {
        let (idle, active) = (scrape(engine, "idle"), scrape(engine, "active"));
        assert!(restarted(&idle, &active), "{engine}: recorded from two processes");
        check(engine, &idle, &active);
    }
}

#[test]
fn counts_of_one_engine_process_arrive_as_their_growth() {
    if asked_to_skip("agents") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for engine in ENGINES {
        let (idle, active) = (scrape(engine, "idle"), scrape(engine, "active"));
        let same_process = folder.path().join(format!("{engine}.prom"));
        fs::write(&same_process, with_identity_of(&idle, &active)).unwrap();
        assert!(!restarted(&idle, &same_process), "{engine}: one process");
        check(engine, &idle, &same_process);
    }
}

fn check(engine: &str, first: &Path, second: &Path) {
    let lines = program::lines("etsy", &[first, second]);
    let first_lines = program::lines("etsy", &[first]);
    assert!(first_lines.iter().all(|line| line.ends_with("|g")), "the baseline sends no counts");
    let expected = growth(first, second);
    assert!(expected.counters.len() > 40, "{engine}: too little grew");
    let etsy = etsy_after(&lines);
    // Gauges that only the first scrape has stay in the server.
    let mut gauges = etsy.gauges();
    for (name, value) in Expected::from_zero(&exposition::samples(first)).gauges {
        if !expected.gauges.contains_key(&name) {
            assert_eq!(gauges.remove(&name), Some(value), "{engine}: {name}");
        }
    }
    expected.check(engine, etsy.counters(), gauges);
}

/// What the second scrape's lines must add up to.
fn growth(first: &Path, second: &Path) -> Expected {
    let restarted = restarted(first, second);
    let key = |sample: &Sample| (sample.name.clone(), sample.labels.clone());
    let before = exposition::samples(first).into_iter().map(|sample| (key(&sample), sample.value));
    let before: HashMap<_, _> = before.collect();
    let mut expected = Expected::default();
    for sample in exposition::samples(second) {
        let value = match before.get(&key(&sample)) {
            Some(before)
                if sample.kind == Kind::Counter && !restarted && !exact::fell(&sample.value, before) =>
            {
                exact::difference(&sample.value, before)
            }
            _ => sample.number(),
        };
        expected.add(&sample, value);
    }
    expected
}

fn restarted(first: &Path, second: &Path) -> bool {
    let start = |path: &Path| {
        let samples = exposition::samples(path);
        let start = samples.iter().find(|sample| sample.name == "process_start_time_seconds");
        start.expect("a start time").number()
    };
    (start(second) - start(first)).abs() > START_TIME_JITTER_S
}

/// The text of `scrape` with the start time and the engine's identity of `other`.
fn with_identity_of(other: &Path, scrape: &Path) -> String {
    let identity = ["process_start_time_seconds ", "engine_daemon_engine_info{"];
    let other = fs::read_to_string(other).unwrap();
    let line_of_other = |start: &str| other.lines().find(|line| line.starts_with(start)).unwrap();
    let text = fs::read_to_string(scrape).unwrap();
    let lines = text.lines().map(|line| {
        let start = identity.iter().find(|start| line.starts_with(**start));
        start.map_or(line, |start| line_of_other(start))
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn scrape(engine: &str, what: &str) -> PathBuf {
    workspace_root().join(format!("tests/fixtures/scrapes/engine-{engine}-{what}.prom"))
}
