//! The law of counters: over any sequence of scrapes, faults and restarts,
//! *sum sent + owed = growth seen*, for every series, and no total is ever sent as a difference.
//!
//! Random sequences run through the converter and through a slow reference that says in a few lines
//! what is right. The reference can be told to make one of the mistakes that converters make; each of
//! them must be noticed, which shows that the sequences reach what they are meant to reach.

use std::collections::BTreeMap;
use std::time::SystemTime;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Converter, Start};
use docker_metrics_statsd::state::StateFile;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sequences;

/// Hundredths, so that the reference needs no fractions.
type Amount = u64;
/// What was seen, owed or sent, by the name that the converter gives a series.
type Amounts = BTreeMap<String, Amount>;

const CASES: u32 = 10_000;
/// Enough to find a planted mistake many times over.
const CASES_FOR_A_MISTAKE: u32 = 2_000;
const SERIES: usize = 6;

#[derive(Debug, Clone)]
enum Step {
    /// The engine counts, then there is a scrape.
    Scrape { changes: Vec<(usize, Change)>, order: usize, outcome: Outcome, broken: Option<usize> },
    /// The plugin ends and starts again with its saved state.
    PluginRestarts,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Grow(Amount),
    Reset(Amount),
    Vanish,
    EngineRestarts(Amount),
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// Complete, and the server takes this many datagrams.
    Complete { taken: usize },
    /// A 500, or a body cut short: the converter never sees it.
    Failed,
    /// 200 with nothing in it.
    Empty,
    /// The engine has not counted up its gauges yet.
    Starting,
}

fn step() -> impl Strategy<Value = Step> {
    let amount = prop_oneof![0_u64..300, Just(900_719_925_474_099_300)];
    let change = prop_oneof![
        6 => amount.clone().prop_map(Change::Grow),
        1 => (0_u64..300).prop_map(Change::Reset),
        1 => Just(Change::Vanish),
        1 => (0_u64..300).prop_map(Change::EngineRestarts),
    ];
    let outcome = prop_oneof![
        4 => Just(Outcome::Complete { taken: usize::MAX }),
        2 => (0_usize..4).prop_map(|taken| Outcome::Complete { taken }),
        1 => Just(Outcome::Failed),
        1 => Just(Outcome::Empty),
        1 => Just(Outcome::Starting),
    ];
    let broken = prop_oneof![5 => Just(None), 1 => (0..SERIES).prop_map(Some)];
    let scrape = (vec((0..SERIES, change), 0..5), 0_usize..1000, outcome, broken)
        .prop_map(|(changes, order, outcome, broken)| Step::Scrape { changes, order, outcome, broken });
    prop_oneof![6 => scrape, 1 => Just(Step::PluginRestarts)]
}

/// What the engine has counted.
#[derive(Default)]
struct Engine {
    values: BTreeMap<usize, Amount>,
    starts: u64,
}

impl Engine {
    fn change(&mut self, series: usize, change: Change) {
        match change {
            Change::Grow(amount) => {
                let value = self.values.entry(series).or_default();
                *value = value.saturating_add(amount).min(99_999_999_999_999_999);
            }
            Change::Reset(amount) => drop(self.values.insert(series, amount)),
            Change::Vanish => drop(self.values.remove(&series)),
            Change::EngineRestarts(amount) => {
                self.starts += 1;
                self.values.values_mut().for_each(|value| *value = amount);
            }
        }
    }

    /// The body, its series and the labels in them in another order each time.
    fn body(&self, order: usize, is_starting: bool, broken: Option<usize>) -> String {
        let mut lines: Vec<_> = self
            .values
            .iter()
            .map(|(series, value)| {
                let labels = match (order + series) % 2 {
                    0 => format!("{{a=\"{series}\",b=\"x,}}y\"}}"),
                    _ => format!("{{b=\"x,}}y\", a=\"{series}\",}}"),
                };
                let mark = if broken == Some(*series) { "x" } else { "" };
                format!("c{labels} {}.{:02}{mark}\n", value / 100, value % 100)
            })
            .collect();
        if !lines.is_empty() {
            let middle = order % lines.len();
            lines.rotate_left(middle);
        }
        lines.insert(0, "# TYPE c counter\n".to_owned());
        lines.push(format!("process_start_time_seconds {}\n", 1_763_824_000 + 10 * self.starts));
        lines.push("engine_daemon_engine_cpus_cpus 2\n".to_owned());
        if !is_starting {
            lines.push("engine_daemon_engine_info{daemon_id=\"A:B\"} 1\n".to_owned());
        }
        lines.concat()
    }

    /// What a complete scrape shows: names as the converter writes them, in the order of the body.
    fn shown(&self, order: usize) -> Vec<(String, Amount)> {
        let mut shown: Vec<_> = self.values.iter().map(|(series, value)| (name(*series), *value)).collect();
        if !shown.is_empty() {
            let middle = order % shown.len();
            shown.rotate_left(middle);
        }
        shown
    }
}

fn name(series: usize) -> String {
    format!("docker.c.count|a:{series},b:x__y")
}

/// A mistake that other converters make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// A difference counts as sent when it is written, not when it is taken.
    CommitAtEncode,
    /// A series that stands in another place than before is taken for a new one.
    GreedyNewSeries,
    /// A value that fell is where counting begins again.
    ResetIgnored,
    /// A series that appears later is where counting begins.
    LateSeriesIgnored,
    /// A failed scrape leaves nothing known.
    FailedScrapeClearsState,
    /// A restart leaves nothing known.
    RestartClearsState,
    /// Series are taken for gone though a line could not be read.
    ForgetsBesideBroken,
}

/// What is right, slowly.
struct Reference {
    mistake: Option<Mistake>,
    scraped: bool,
    /// A line could not be read where counting began, nor one in any scrape since: a series that is not known may have
    /// been there.
    is_unsure: bool,
    starts: u64,
    /// In the order of the last scrape; `None` where the value could never be read.
    seen: Vec<(String, Option<Amount>)>,
    owed: Amounts,
    growth: Amounts,
    sent: Amounts,
}

impl Reference {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// What is owed after a complete scrape, which is what must be written.
    /// The line of the series `broken` had no readable value.
    fn scrape(&mut self, shown: &[(String, Amount)], starts: u64, broken: Option<&str>) -> Amounts {
        if starts != self.starts {
            self.seen.iter_mut().for_each(|(_, value)| *value = Some(0));
        }
        let was_absent = self.scraped && (starts != self.starts || !self.is_unsure);
        let mut seen = Vec::new();
        for (place, (name, value)) in shown.iter().enumerate() {
            let before = self.seen.iter().position(|(known, _)| known == name);
            let before = before.filter(|before| !self.makes(Mistake::GreedyNewSeries) || *before == place);
            let before = before.map(|before| self.seen[before].1);
            if broken == Some(name) {
                let absent_was_zero = if was_absent { Some(0) } else { None };
                seen.push((name.clone(), before.unwrap_or(absent_was_zero)));
                continue;
            }
            let growth = match before {
                _ if !self.scraped => 0,
                None if self.makes(Mistake::LateSeriesIgnored) || !was_absent => 0,
                None => *value,
                Some(None) => 0,
                Some(Some(before)) if *value < before && self.makes(Mistake::ResetIgnored) => 0,
                Some(Some(before)) if *value < before => *value,
                Some(Some(before)) => value - before,
            };
            *self.owed.entry(name.clone()).or_default() += growth;
            *self.growth.entry(name.clone()).or_default() += growth;
            seen.push((name.clone(), Some(*value)));
        }
        let is_broken = seen.iter().any(|(name, _)| broken == Some(name));
        self.is_unsure = is_broken && (!self.scraped || self.is_unsure);
        if is_broken && !self.makes(Mistake::ForgetsBesideBroken) {
            // It cannot be known which series the line was of, so none is taken for gone.
            let missing =
                self.seen.drain(..).filter(|(known, _)| !shown.iter().any(|(name, _)| name == known));
            seen.extend(missing);
        }
        self.seen = seen;
        self.scraped = true;
        self.starts = starts;
        self.owed.retain(|_, owed| *owed > 0);
        self.owed.clone()
    }

    fn fail(&mut self) {
        if self.makes(Mistake::FailedScrapeClearsState) {
            self.seen.clear();
        }
    }

    fn restart(&mut self) {
        if self.makes(Mistake::RestartClearsState) {
            self.scraped = false;
        }
    }

    fn taken(&mut self, lines: &Amounts) {
        for (name, amount) in lines {
            self.owed.remove(name);
            *self.sent.entry(name.clone()).or_default() += amount;
        }
    }
}

/// Counters of a datagram, by name and tags.
fn counters(datagram: &[u8]) -> Amounts {
    let lines = str::from_utf8(datagram).unwrap().lines().filter(|line| line.contains("|c"));
    let counter = |line: &str| {
        let (name, rest) = line.split_once(':').unwrap();
        let (value, tags) = rest.split_once("|c|#").unwrap();
        let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
        let hundredths: Amount = format!("{fraction:0<2}").parse().unwrap();
        (format!("{name}|{tags}"), whole.parse::<Amount>().unwrap() * 100 + hundredths)
    };
    lines.map(counter).collect()
}

fn check(steps: &[Step], mistake: Option<Mistake>) -> Result<(), TestCaseError> {
    let vars = |name: &str| (name == "MAX_PACKET_BYTES").then(|| "256".to_owned());
    let settings = Settings::from_vars("", vars).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut state = StateFile::new(&folder.path().join("state"));
    let mut converter = Converter::new(&settings, Start::FirstScrape);
    let mut engine = Engine::default();
    let (seen, owed, growth, sent) = Default::default();
    let mut reference =
        Reference { mistake, scraped: false, is_unsure: false, starts: 0, seen, owed, growth, sent };
    for step in steps {
        let (changes, order, outcome, broken) = match step {
            Step::Scrape { changes, order, outcome, broken } => (changes, *order, *outcome, *broken),
            Step::PluginRestarts => {
                if let Some(snapshot) = converter.snapshot() {
                    state.save(&snapshot, SystemTime::now()).unwrap();
                }
                converter = Converter::new(&settings, Start::FirstScrape);
                if let Some(baseline) = state.load(SystemTime::now()).unwrap() {
                    converter.resume(baseline);
                }
                reference.restart();
                continue;
            }
        };
        changes.iter().for_each(|(series, change)| engine.change(*series, *change));
        let taken = match outcome {
            Outcome::Complete { taken } => taken,
            Outcome::Failed => {
                reference.fail();
                continue;
            }
            Outcome::Empty | Outcome::Starting => {
                let starting = engine.body(order, true, broken);
                let body = if matches!(outcome, Outcome::Empty) { "" } else { &starting };
                prop_assert!(converter.convert(body.as_bytes()).is_err());
                reference.fail();
                continue;
            }
        };
        converter.convert(engine.body(order, false, broken).as_bytes()).unwrap();
        let broken = broken.map(name);
        let expected = reference.scrape(&engine.shown(order), engine.starts, broken.as_deref());
        let mut written = Amounts::new();
        for index in 0..converter.datagrams() {
            for (name, amount) in counters(converter.datagram(index).unwrap()) {
                prop_assert_eq!(written.insert(name, amount), None);
            }
        }
        prop_assert_eq!(&written, &expected);
        for index in 0..converter.datagrams().min(taken) {
            reference.taken(&counters(converter.datagram(index).unwrap()));
            converter.taken(index);
        }
        if reference.makes(Mistake::CommitAtEncode) {
            reference.owed.clear();
        }
        for (name, growth) in &reference.growth {
            let amount = |amounts: &Amounts| amounts.get(name).copied().unwrap_or_default();
            let accounted = amount(&reference.sent) + amount(&reference.owed);
            prop_assert!(mistake.is_some() || accounted == *growth, "{}: {} of {}", name, accounted, growth);
        }
    }
    Ok(())
}

#[test]
fn nothing_is_lost_and_nothing_repeated() {
    sequences::hold(CASES, step(), |steps| check(steps, None));
}

#[test]
fn every_planted_mistake_is_noticed() {
    let mistakes = [
        Mistake::CommitAtEncode,
        Mistake::GreedyNewSeries,
        Mistake::ResetIgnored,
        Mistake::LateSeriesIgnored,
        Mistake::FailedScrapeClearsState,
        Mistake::RestartClearsState,
        Mistake::ForgetsBesideBroken,
    ];
    sequences::notice(CASES_FOR_A_MISTAKE, step, &mistakes, check);
}
