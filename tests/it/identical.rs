//! The converter and the slow reference of `tests/support` say the same, line by line.
//!
//! The converter knows lines by where they stood and reads a body in whatever pieces it comes; the reference
//! starts from nothing at each line. *For all sequences of bodies, cuts, refusals, failed scrapes and restarts:
//! the same lines in the same order, the same counts, the same errors, and as much known and owed.*

mod bodies;
mod edits;

use std::mem;
use std::time::SystemTime;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Converter, Incomplete, Report, Start};
use docker_metrics_statsd::state::StateFile;
use docker_metrics_statsd::statsd::Cleaning;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::reference::Reference;
use bodies::{Endpoint, Random};
use edits::{Edit, Step};

/// The settings that lines depend on.
const SETTINGS: [&[(&str, &str)]; 7] = [
    &[],
    &[("MAX_PACKET_BYTES", "256"), ("TAGS", "team:core,bare"), ("DD_ENV", "prod"), ("METRIC_PREFIX", "a.b_")],
    &[("STATSD_FORMAT", "etsy"), ("MAX_PACKET_BYTES", "300"), ("TAGS", "on:h-1,x")],
    &[("HISTOGRAMS", "counts")],
    &[("HISTOGRAMS", "off"), ("STATSD_FORMAT", "etsy")],
    &[("HISTOGRAMS", "distributions")],
    &[("HISTOGRAMS", "distributions"), ("MAX_PACKET_BYTES", "256"), ("TAGS", "team:core,bare")],
];

/// What happens around a scrape.
#[derive(Debug, Clone, Copy, Default)]
struct Around {
    /// The plugin ends and starts again before it.
    restarts: bool,
    /// A scrape before it broke off when this much had come, of the body or (where that is even) of the one before,
    /// grown.
    fails_after: Option<usize>,
    /// The body comes in pieces, cut by this; whole if `None`.
    cuts: Option<u64>,
    /// The datagrams that are refused: one bit each, used again and again.
    refused: u8,
}

impl Around {
    fn random(random: &mut Random, body: &[u8]) -> Self {
        Self {
            restarts: random.below(8) == 0,
            fails_after: (random.below(6) == 0).then(|| random.below(body.len() + 1)),
            cuts: (random.below(2) == 0).then(|| random.next()),
            refused: if random.below(3) == 0 { random.next().to_le_bytes()[0] } else { 0 },
        }
    }
}

/// Both converters.
struct Pair {
    settings: Settings,
    start: Start,
    fast: Converter,
    slow: Reference,
    /// The last one.
    body: Vec<u8>,
}

impl Pair {
    fn new(vars: &[(&str, &str)], start: Start) -> Self {
        let value =
            |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let settings = Settings::from_vars("", value).unwrap();
        let (fast, slow) = (Converter::new(&settings, start), Reference::new(&settings, start));
        Self { settings, start, fast, slow, body: Vec::new() }
    }

    /// Each body in turn, with whatever else may happen around it.
    #[track_caller]
    fn check(&mut self, bodies: impl IntoIterator<Item = Vec<u8>>, random: &mut Random) {
        for (number, body) in bodies.into_iter().enumerate() {
            let around = Around::random(random, &body);
            if let Err(difference) = self.scrape(&body, around) {
                panic!("scrape {number}, {around:?}: {difference}");
            }
        }
    }

    /// One scrape of both; what differs.
    fn scrape(&mut self, body: &[u8], around: Around) -> Result<(), String> {
        if around.restarts {
            self.restart();
        }
        let before = mem::replace(&mut self.body, body.to_vec());
        if let Some(bytes) = around.fails_after {
            let mut broken = if bytes.is_multiple_of(2) { before } else { body.to_vec() };
            Edit::Grow { by: 1 }.apply(&mut broken);
            self.fast.begin();
            self.fast.feed(&broken[..bytes.min(broken.len())]);
        }
        let report = match around.cuts {
            None => self.fast.convert(body),
            Some(cuts) => self.convert_in_pieces(body, &mut Random(cuts)),
        };
        // What was cleaned is counted where a line did not stand in the scrape before, and only the fast one knows.
        let report = report.map(|report| Report { cleaning: Cleaning::default(), ..report });
        same("report", &report, &self.slow.convert(body))?;
        self.deliver(around.refused)?;
        same("series", &self.fast.series(), &self.slow.series())?;
        same("owing", &self.fast.owing(), &self.slow.owing())
    }

    fn restart(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::new(&folder.path().join("state"));
        if let Some(snapshot) = self.fast.snapshot() {
            state.save(&snapshot, SystemTime::now()).unwrap();
        }
        self.fast = Converter::new(&self.settings, self.start);
        if let Some(baseline) = state.load(SystemTime::now()).unwrap() {
            self.fast.resume(baseline);
        }
        self.slow.restart();
    }

    fn convert_in_pieces(&mut self, body: &[u8], random: &mut Random) -> Result<Report, Incomplete> {
        let largest = [1, 7, 100, 4096, 65_536][random.below(5)];
        loop {
            self.fast.begin();
            let mut rest = body;
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(rest.len().min(1 + random.below(largest)));
                self.fast.feed(piece);
                rest = behind;
            }
            let report = self.fast.finish(None);
            if report != Err(Incomplete::OtherProcess) {
                return report;
            }
        }
    }

    /// Compares what is sent, and has some of it taken.
    fn deliver(&mut self, refused: u8) -> Result<(), String> {
        let Self { fast, slow, .. } = self;
        let datagrams = 0..fast.datagrams();
        let datagram = |index| str::from_utf8(fast.datagram(index).unwrap()).unwrap().to_owned();
        let datagrams: Vec<_> = datagrams.map(datagram).collect();
        let entries: Vec<_> = slow.entries().iter().map(|entry| entry.text.clone()).collect();
        same("lines", &datagrams.concat(), &entries.concat())?;
        // Two lines that are equal have no order, so either of two series may have been settled by one of them.
        let late = slow.entries().iter().filter(|entry| entry.is_late).map(|entry| &entry.text);
        let is_clear = late.clone().zip(late.skip(1)).all(|(one, next)| one != next);
        let mut entry = 0;
        for (index, datagram) in datagrams.iter().enumerate() {
            let is_taken = !is_clear || refused >> (index % 8) & 1 == 0;
            if is_taken {
                fast.taken(index);
            }
            let mut bytes = 0;
            while bytes < datagram.len() {
                bytes += entries[entry].len();
                if is_taken {
                    slow.taken(entry);
                }
                entry += 1;
            }
            same("whole lines in a datagram", &bytes, &datagram.len())?;
        }
        Ok(())
    }
}

/// What differs, from the first line that does.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, fast: &T, slow: &T) -> Result<(), String> {
    if fast == slow {
        return Ok(());
    }
    let (fast, slow) = (format!("{fast:?}"), format!("{slow:?}"));
    let common = fast.bytes().zip(slow.bytes()).take_while(|(fast, slow)| fast == slow).count();
    let from = |text: &str| {
        let bytes = &text.as_bytes()[common.saturating_sub(100)..];
        String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
    };
    Err(format!("{what}:\nfast ..{}\nslow ..{}", from(&fast), from(&slow)))
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("tests/fixtures/scrapes/engine-{name}.prom")).unwrap()
}

#[test]
fn real_scrapes_in_every_order() {
    let mut names = Vec::new();
    for version in ["20.10.24", "28.5.2"] {
        names.extend(
            ["daemon-starting", "idle", "active", "swarm-manager"].map(|state| format!("{version}-{state}")),
        );
    }
    for (number, vars) in SETTINGS.iter().enumerate() {
        let mut random = Random(number as u64);
        // Every scrape behind every other, itself included, for the first settings; some for the rest.
        let pairs = names.iter().flat_map(|first| names.iter().map(move |second| [first, second]));
        let bodies = pairs.skip(number).step_by(1 + 6 * number.min(1)).flatten().map(|name| fixture(name));
        Pair::new(vars, Start::FirstScrape).check(bodies, &mut random);
    }
}

/// An endpoint of so many samples, scraped so often: mostly as it is, with now and then a change.
#[track_caller]
fn check_endpoint(vars: &[(&str, &str)], samples: usize, scrapes: usize) {
    let mut random = Random((samples + scrapes + vars.len()) as u64);
    let start = if random.once_in(2) { Start::Zero } else { Start::FirstScrape };
    let mut endpoint = Endpoint::new(samples, &mut random);
    let mut around = random.clone();
    let bodies = (0..scrapes).map(|_| {
        endpoint.grow(&mut random);
        if random.once_in(2) {
            (0..=random.below(4)).for_each(|_| endpoint.change(&mut random));
        }
        if random.once_in(3) { endpoint.odd_body(&mut random) } else { endpoint.body() }
    });
    Pair::new(vars, start).check(bodies, &mut around);
}

#[test]
fn scrapes_of_an_endpoint_that_changes() {
    for vars in SETTINGS {
        check_endpoint(vars, 1_000, 30);
    }
    check_endpoint(&[], 10_000, 6);
}

#[test]
fn lines_as_long_as_they_may_be() {
    let mut random = Random(5);
    for bytes in 65_530..65_538 {
        let sample = |value: usize| format!("a{{b=\"{:x<1$}\"}} 1 {value}\n", "", bytes - 9);
        let declared = format!("# TYPE c{:1$}counter\n", "", bytes - 15);
        let bodies = [(7, &*declared), (1_234_567, &declared), (77, ""), (123_456_789, ""), (1, &declared)];
        let bodies = bodies.map(|(value, declared)| {
            let others = format!("# TYPE d counter\nd {value}\nd_total {value}\n{declared}c {value}\n");
            format!("# TYPE a counter\n{}{declared}{others}", sample(value)).into_bytes()
        });
        (0..4).for_each(|_| Pair::new(&[], Start::Zero).check(bodies.clone(), &mut random));
    }
}

fn check_steps(steps: &[Step], vars: &[(&str, &str)], start: Start) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(vars, start);
    let mut body = Vec::new();
    let mut story = String::new();
    for Step { edits, around } in steps {
        edits.iter().for_each(|edit| edit.apply(&mut body));
        story += &format!("{around:?}\n{:?}\n", String::from_utf8_lossy(&body));
        let scraped = pair.scrape(&body, *around);
        scraped.map_err(|difference| TestCaseError::fail(format!("{story}{difference}\n")))?;
    }
    Ok(())
}

#[track_caller]
fn check_edits(cases: u32) {
    for (number, vars) in SETTINGS.iter().enumerate() {
        let start = if number % 2 == 0 { Start::FirstScrape } else { Start::Zero };
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        if let Err(error) =
            TestRunner::new(config).run(&edits::steps(), |steps| check_steps(&steps, vars, start))
        {
            panic!("{vars:?}: {error}");
        }
    }
}

#[test]
fn small_bodies_with_random_edits() {
    check_edits(300);
}

#[test]
#[ignore = "for a release build: `just test-identical`"]
fn large_bodies_and_many_edits() {
    for vars in SETTINGS {
        check_endpoint(vars, 100_000, 10);
    }
    check_endpoint(&[], 1_000_000, 6);
    check_edits(20_000);
}
