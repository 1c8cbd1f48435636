//! The converter and the slow reference of `tests/support` say the same, line by line.
//!
//! The converter knows lines by where they stood and reads a body in whatever pieces it comes; the reference
//! starts from nothing at each line. *For all sequences of bodies, cuts, refusals, failed scrapes and restarts,
//! with the same settings or others: the same lines in the same order, the same counts, the same errors, and as much
//! known and owed.*

mod bodies;
mod settings;
mod steps;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::Start;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::pair::{Around, Pair};
use crate::random::Random;
use bodies::Endpoint;
use steps::Step;

/// The settings that lines depend on.
const SETTINGS: [&[(&str, &str)]; 11] = [
    &[],
    &[("MAX_PACKET_BYTES", "256"), ("TAGS", "team:core,bare"), ("DD_ENV", "prod"), ("METRIC_PREFIX", "a.b_")],
    &[("STATSD_FORMAT", "etsy"), ("MAX_PACKET_BYTES", "300"), ("TAGS", "on:h-1,x")],
    &[("HISTOGRAMS", "counts")],
    &[("HISTOGRAMS", "off"), ("STATSD_FORMAT", "etsy")],
    &[("HISTOGRAMS", "distributions")],
    &[("HISTOGRAMS", "distributions"), ("MAX_PACKET_BYTES", "256"), ("TAGS", "team:core,bare")],
    &[("STATSD_FORMAT", "graphite"), ("TAGS", "name:a/b,x:1,bare")],
    &[("STATSD_FORMAT", "influx"), ("HISTOGRAMS", "counts"), ("TAGS", "time:1,x:1")],
    &[("STATSD_FORMAT", "librato"), ("MAX_PACKET_BYTES", "256")],
    &[("STATSD_FORMAT", "signalfx"), ("TAGS", "sf_a:1,_b:2,x")],
];

/// What happens around a scrape of this body.
fn around(random: &mut Random, body: &[u8]) -> Around {
    Around {
        restarts: random.below(8) == 0,
        fails_after: (random.below(6) == 0).then(|| random.below(body.len() + 1)),
        cuts: (random.below(2) == 0).then(|| random.next()),
        refused: if random.below(3) == 0 { random.next().to_le_bytes()[0] } else { 0 },
    }
}

/// Each body in turn, with whatever else may happen around it.
#[track_caller]
fn check(mut pair: Pair, bodies: impl IntoIterator<Item = Vec<u8>>, random: &mut Random) {
    for (number, body) in bodies.into_iter().enumerate() {
        let around = around(random, &body);
        if let Err(difference) = pair.scrape(&body, around) {
            panic!("scrape {number}, {around:?}: {difference}");
        }
    }
}

/// A pair with these settings.
fn pair(vars: &[(&str, &str)], start: Start) -> Pair {
    let value = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Pair::new(&Settings::from_vars("", value).unwrap(), start)
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
        check(pair(vars, Start::FirstScrape), bodies, &mut random);
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
    check(pair(vars, start), bodies, &mut around);
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
        (0..4).for_each(|_| check(pair(&[], Start::Zero), bodies.clone(), &mut random));
    }
}

/// Each step; before some of them the process ends, and the next one has other settings.
fn check_steps(
    mut pair: Pair,
    steps: &[Step],
    mut other: impl FnMut() -> Option<Settings>,
) -> Result<(), TestCaseError> {
    let mut body = Vec::new();
    let mut story = String::new();
    for Step { edits, around } in steps {
        edits.iter().for_each(|edit| edit.apply(&mut body));
        if let Some(settings) = other() {
            pair.restart(&settings);
            story += &format!("{settings:?}\n");
        }
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
        if let Err(error) =
            runner(cases).run(&steps::steps(), |steps| check_steps(pair(vars, start), &steps, || None))
        {
            panic!("{vars:?}: {error}");
        }
    }
}

#[track_caller]
fn check_other_settings(cases: u32) {
    let checked = runner(cases).run(&(steps::steps(), any::<u64>()), |(steps, seed)| {
        let mut random = Random(seed);
        let pair = Pair::new(&settings::drawn(&mut random), Start::FirstScrape);
        check_steps(pair, &steps, || random.once_in(3).then(|| settings::drawn(&mut random)))
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn small_bodies_with_random_edits() {
    check_edits(300);
}

#[test]
fn small_bodies_and_other_settings_after_a_restart() {
    check_other_settings(1000);
}

#[test]
#[ignore = "for a release build: `just test-identical`"]
fn large_bodies_and_many_edits() {
    for vars in SETTINGS {
        check_endpoint(vars, 100_000, 10);
    }
    check_endpoint(&[], 1_000_000, 6);
    check_edits(20_000);
    check_other_settings(100_000);
}
