//! The law of distributions: over any sequence of scrapes, faults and restarts, for every range of every
//! histogram, *observations told + owed = observations made*, and all of them what the last bucket grew by.
//!
//! The engine here makes observations, each in a range, and shows them as buckets; the converter must tell of
//! each range what was made in it. Planted mistakes must be noticed, as in `law`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Converter, Start};
use docker_metrics_statsd::state::StateFile;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sequences;

/// Observations by the line that tells of one: name, value and tags.
type Observations = BTreeMap<String, u64>;

const CASES: u32 = 4_000;
/// Enough to find a planted mistake many times over.
const CASES_FOR_A_MISTAKE: u32 = 1_000;
const HISTOGRAMS: usize = 3;
/// The bounds, as two endpoints may write them, and the middles of the ranges below them.
const RANGES: [([&str; 2], &str); 4] =
    [(["0.5", "5e-1"], "0.25"), (["1", "1.0"], "0.75"), (["2.5", "2.50"], "1.75"), (["+Inf", "Inf"], "2.5")];
/// What the lines of one scrape tell of one value at most.
const TOLD_MAX: u64 = 10_000_000;

#[derive(Debug, Clone)]
enum Step {
    /// The engine observes, then there is a scrape, of which the server takes these datagrams: one bit each.
    Scrape {
        changes: Vec<(usize, Change)>,
        order: u64,
        taken: u64,
        is_complete: bool,
    },
    PluginRestarts,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    /// So many observations in a range.
    Observe(usize, u64),
    Vanish,
    /// Everything is zero again, and this is observed in each range.
    EngineRestarts(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let count = prop_oneof![6 => 0_u64..5, 2 => 100_000_u64..700_000, 1 => 9_000_000_u64..30_000_000];
    let change = prop_oneof![
        8 => (0..RANGES.len(), count).prop_map(|(range, count)| Change::Observe(range, count)),
        1 => Just(Change::Vanish),
        1 => (0_u64..300).prop_map(Change::EngineRestarts),
    ];
    let taken = prop_oneof![3 => Just(u64::MAX), 1 => Just(0), 2 => any::<u64>()];
    let scrape = (vec((0..HISTOGRAMS, change), 0..6), any::<u64>(), taken, prop::bool::weighted(0.85))
        .prop_map(|(changes, order, taken, is_complete)| Step::Scrape { changes, order, taken, is_complete });
    prop_oneof![7 => scrape, 1 => Just(Step::PluginRestarts)]
}

/// What the engine has observed, by histogram and range.
#[derive(Default)]
struct Engine {
    observed: BTreeMap<usize, [u64; RANGES.len()]>,
    /// Those that the last complete scrape may still have shown: until the next one they stay away, for a
    /// histogram that begins anew in between need not fall in every bucket.
    vanished: BTreeSet<usize>,
    starts: u64,
}

impl Engine {
    fn change(&mut self, histogram: usize, change: Change) {
        match change {
            Change::Observe(..) if self.vanished.contains(&histogram) => {}
            Change::Observe(range, count) => self.observed.entry(histogram).or_default()[range] += count,
            Change::Vanish => {
                self.observed.remove(&histogram);
                self.vanished.insert(histogram);
            }
            Change::EngineRestarts(count) => {
                self.starts += 1;
                self.observed.values_mut().for_each(|ranges| *ranges = [count; RANGES.len()]);
            }
        }
    }

    /// The body: its lines in an order that looks random, or as endpoints have them.
    fn body(&self, order: u64) -> String {
        let mut lines = Vec::new();
        for (histogram, ranges) in &self.observed {
            let mut cumulative = 0;
            for ((bounds, _), count) in RANGES.iter().zip(ranges) {
                cumulative += count;
                let bound = bounds[histogram % 2];
                let labels = match order % 3 {
                    // Another way to write the same series; another bound would be another one.
                    0 => format!("le=\"{bound}\", a=\"{histogram}\",b=\"x|y\","),
                    _ => format!("a=\"{histogram}\",b=\"x|y\",le=\"{bound}\""),
                };
                lines.push(format!("h_bucket{{{labels}}} {cumulative}\n"));
            }
            lines.push(format!("h_count{{a=\"{histogram}\"}} {cumulative}\n"));
        }
        if order % 2 == 1 {
            lines.sort_by_key(|line| {
                line.bytes().fold(order, |hash, byte| hash.wrapping_mul(31) ^ u64::from(byte))
            });
        }
        let start = 1_763_824_000 + 10 * self.starts;
        format!("# TYPE h histogram\n{}process_start_time_seconds {start}\n", lines.concat())
    }
}

fn line(histogram: usize, value: &str) -> String {
    format!("docker.h:{value}|d|#a:{histogram},b:x_y")
}

/// A mistake that a converter could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// A line counts as told when it is written.
    CommitAtEncode,
    /// What more than fifty lines would say is dropped.
    ForgetsTheRest,
    /// A bucket is told with all below it.
    Cumulative,
    /// Only the values of a process before are known, not what it owes.
    RestartForgetsDebts,
    /// A restart of the engine is noticed only where a bucket fell.
    EngineRestartIgnored,
    /// A histogram that appears later is where counting begins.
    LateHistogramIgnored,
}

/// What is right: how much of each range was made, told and is owed.
#[derive(Default)]
struct Reference {
    mistake: Option<Mistake>,
    seen: Option<BTreeMap<usize, [u64; RANGES.len()]>>,
    starts: u64,
    made: Observations,
    told: Observations,
    owed: Observations,
}

impl Reference {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// What is to be written after a complete scrape.
    fn scrape(&mut self, engine: &Engine) -> Observations {
        let is_restarted = engine.starts != self.starts && !self.makes(Mistake::EngineRestartIgnored);
        let before = self.seen.replace(engine.observed.clone());
        self.starts = engine.starts;
        for (histogram, ranges) in &engine.observed {
            let known = before.as_ref().map(|before| before.get(histogram).copied());
            let zero = match known {
                None => *ranges,
                Some(None) if self.makes(Mistake::LateHistogramIgnored) => *ranges,
                Some(None) => [0; RANGES.len()],
                Some(Some(_)) if is_restarted => [0; RANGES.len()],
                Some(Some(known)) => known,
            };
            let mut below = 0;
            for ((range, known), (_, value)) in ranges.iter().zip(zero).zip(RANGES) {
                let mut count = range.saturating_sub(known);
                if self.makes(Mistake::Cumulative) {
                    count += below;
                    below = count;
                }
                *self.made.entry(line(*histogram, value)).or_default() += count;
                *self.owed.entry(line(*histogram, value)).or_default() += count;
            }
        }
        self.owed.retain(|_, count| *count > 0);
        let lines = self.owed.iter().map(|(line, count)| (line.clone(), (*count).min(TOLD_MAX))).collect();
        if self.makes(Mistake::ForgetsTheRest) {
            self.owed.clone_from(&lines);
        }
        lines
    }

    fn taken(&mut self, lines: &Observations) {
        for (line, count) in lines {
            *self.told.entry(line.clone()).or_default() += count;
            let owed = self.owed.entry(line.clone()).or_default();
            *owed = owed.saturating_sub(*count);
        }
    }
}

/// The observations of a datagram, counted as the Agent counts.
fn observations(datagram: &[u8]) -> Observations {
    let mut observations = Observations::new();
    for line in str::from_utf8(datagram).unwrap().lines().filter(|line| line.contains("|d")) {
        let fields: Vec<_> = line.split('|').collect();
        let rate: f64 = match fields[2].strip_prefix('@') {
            Some(rate) => rate.parse().unwrap(),
            None => 1.0,
        };
        let count: u64 = format!("{}", (1.0 / rate).floor()).parse().unwrap();
        let one = [fields[0], fields[1], fields.last().unwrap()].join("|");
        *observations.entry(one).or_default() += count;
    }
    observations
}

fn check(steps: &[Step], mistake: Option<Mistake>) -> Result<(), TestCaseError> {
    let settings = Settings::from_vars("", |name| match name {
        "HISTOGRAMS" => Some("distributions".to_owned()),
        "MAX_PACKET_BYTES" => Some("256".to_owned()),
        _ => None,
    });
    let settings = settings.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut state = StateFile::new(&folder.path().join("state"));
    let mut converter = Converter::new(&settings, Start::FirstScrape);
    let mut engine = Engine::default();
    let mut reference = Reference { mistake, ..Reference::default() };
    for step in steps {
        let (changes, order, taken, is_complete) = match step {
            Step::Scrape { changes, order, taken, is_complete } => (changes, *order, *taken, *is_complete),
            Step::PluginRestarts => {
                if let Some(snapshot) = converter.snapshot() {
                    state.save(&snapshot, SystemTime::now()).unwrap();
                }
                converter = Converter::new(&settings, Start::FirstScrape);
                if let Some(baseline) = state.load(SystemTime::now()).unwrap() {
                    converter.resume(baseline);
                }
                if reference.makes(Mistake::RestartForgetsDebts) {
                    reference.owed.clear();
                }
                continue;
            }
        };
        changes.iter().for_each(|(histogram, change)| engine.change(*histogram, *change));
        let body = engine.body(order);
        if !is_complete {
            converter.begin();
            converter.feed(&body.as_bytes()[..body.len() / 2]);
            continue;
        }
        converter.convert(body.as_bytes()).unwrap();
        engine.vanished.clear();
        let datagrams: Vec<_> = (0..converter.datagrams())
            .map(|index| observations(converter.datagram(index).unwrap()))
            .collect();
        let mut written = Observations::new();
        for (line, count) in datagrams.iter().flatten() {
            *written.entry(line.clone()).or_default() += count;
        }
        prop_assert_eq!(&written, &reference.scrape(&engine));
        for (index, lines) in datagrams.iter().enumerate() {
            if taken >> (index % 64) & 1 == 1 {
                converter.taken(index);
                reference.taken(lines);
            }
        }
        if reference.makes(Mistake::CommitAtEncode) {
            reference.owed.clear();
        }
        for (line, made) in &reference.made {
            let amount = |amounts: &Observations| amounts.get(line).copied().unwrap_or_default();
            let accounted = amount(&reference.told) + amount(&reference.owed);
            prop_assert!(mistake.is_some() || accounted == *made, "{}: {} of {}", line, accounted, made);
        }
    }
    Ok(())
}

#[test]
fn every_observation_is_told_once() {
    sequences::hold(CASES, step(), |steps| check(steps, None));
}

#[test]
fn every_mistake_with_observations_is_noticed() {
    let mistakes = [
        Mistake::CommitAtEncode,
        Mistake::ForgetsTheRest,
        Mistake::Cumulative,
        Mistake::RestartForgetsDebts,
        Mistake::EngineRestartIgnored,
        Mistake::LateHistogramIgnored,
    ];
    sequences::notice(CASES_FOR_A_MISTAKE, step, &mistakes, check);
}
