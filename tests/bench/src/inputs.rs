//! What is measured: bodies of successive scrapes, the same in every run.
//!
//! It knows what expositions look like and what happens to them between scrapes, and nothing of who
//! reads them. The smallest is what a real Docker Engine wrote; the others are invented.

mod change;
mod exposition;
mod random;
mod recorded;
mod synthetic;

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use crate::Error;
use exposition::{Exposition, Kind};
pub use random::Random;

/// Values that change from a scrape to the next, of a thousand.
const CHANGED_PERMILLE: usize = 100;
/// The same where label sets come and go as well.
const CHURN_CHANGED_PERMILLE: usize = 250;
/// Label sets that go, and as many that come, of a thousand.
const CHURN_SETS_PERMILLE: usize = 10;
/// The bodies of one chain hold about this much together.
const CHAIN_BYTES_MAX: usize = 450_000_000;
/// The most bodies of a chain.
const CHAIN_BODIES_MAX: usize = 8;
/// What an engine wrote that had just been started.
const IDLE: &str = include_str!("../../fixtures/scrapes/engine-28.5.2-idle.prom");
/// What it wrote after some work.
const ACTIVE: &str = include_str!("../../fixtures/scrapes/engine-28.5.2-active.prom");

/// How large an exposition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// As a Docker Engine's.
    Docker,
    /// Of so many samples.
    Samples(usize),
}

impl Size {
    /// Those measured unless told.
    pub const ALL: [Self; 5] = [
        Self::Docker,
        Self::Samples(1_000),
        Self::Samples(10_000),
        Self::Samples(100_000),
        Self::Samples(1_000_000),
    ];
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Docker => out.write_str("docker"),
            Self::Samples(samples) if samples % 1_000_000 == 0 => write!(out, "{}M", samples / 1_000_000),
            Self::Samples(samples) if samples % 1_000 == 0 => write!(out, "{}k", samples / 1_000),
            Self::Samples(samples) => write!(out, "{samples}"),
        }
    }
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (digits, unit) = match text.as_bytes() {
            b"docker" => return Ok(Self::Docker),
            [.., b'k'] => (text.trim_end_matches('k'), 1_000),
            [.., b'M'] => (text.trim_end_matches('M'), 1_000_000),
            _ => (text, 1),
        };
        let samples = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
        samples.filter(|samples| *samples > 0).map(Self::Samples).ok_or_else(|| {
            Error::Usage(format!("size {text:?}: takes docker, or samples as 1000, 10k or 1M"))
        })
    }
}

/// The bodies of one size.
#[derive(Debug)]
pub struct Inputs {
    /// How many samples the first body has.
    pub samples: usize,
    /// Scrapes one after the other: each time about 10 % of the values change, and counters grow.
    pub chain: Vec<Vec<u8>>,
    /// A scrape after the first of the chain in which label sets went and came, too.
    pub churn: Vec<u8>,
    /// A scrape after the first of the chain in another order, with about 10 % of the values changed.
    pub shuffled: Vec<u8>,
    /// Percent of the samples in histograms, counters, gauges and summaries.
    kinds: [f64; 4],
}

impl Inputs {
    /// Makes them.
    pub fn new(size: Size) -> Result<Self, Error> {
        let first = first(size)?;
        let mut random = Random::new(1);
        let chain = chain(&first, CHAIN_BODIES_MAX, &mut random);
        let churn = match size {
            Size::Docker => active()?.to_body(),
            Size::Samples(_) => {
                let mut exposition = first.clone();
                exposition.grow(CHURN_CHANGED_PERMILLE, &mut random);
                exposition.churn(CHURN_SETS_PERMILLE, &mut random);
                exposition.to_body()
            }
        };
        let mut exposition = first.clone();
        exposition.grow(CHANGED_PERMILLE, &mut random);
        exposition.shuffle(&mut random);
        let shuffled = exposition.to_body();
        Ok(Self { samples: first.samples(), chain, churn, shuffled, kinds: kinds(&first) })
    }

    /// What came out.
    #[must_use]
    pub fn mix(&self) -> Mix {
        let pairs = self.chain.iter().zip(self.chain.iter().skip(1));
        let changed: Vec<_> = pairs.map(|(before, after)| new_lines(before, after)).collect();
        let first = self.chain.first().map_or(&[][..], Vec::as_slice);
        Mix {
            kinds: self.kinds,
            bytes_per_sample: crate::float(first.len()) / crate::float(self.samples),
            changed: changed.iter().sum::<f64>() / crate::float(changed.len()),
            churned: new_lines(first, &self.churn),
        }
    }
}

/// At most `bodies` scrapes of this size, one after the other.
pub fn scrapes(size: Size, bodies: usize) -> Result<Vec<Vec<u8>>, Error> {
    Ok(chain(&first(size)?, bodies, &mut Random::new(1)))
}

fn chain(first: &Exposition, bodies: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let mut exposition = first.clone();
    let mut chain = vec![exposition.to_body()];
    let bytes = chain.first().map_or(1, Vec::len);
    for _ in 1..(CHAIN_BYTES_MAX / bytes).max(2).min(bodies) {
        exposition.grow(CHANGED_PERMILLE, random);
        chain.push(exposition.to_body());
    }
    chain
}

fn first(size: Size) -> Result<Exposition, Error> {
    match size {
        Size::Docker => recorded(IDLE),
        Size::Samples(samples) => Ok(synthetic::exposition(samples)),
    }
}

fn recorded(text: &str) -> Result<Exposition, Error> {
    recorded::read(text).ok_or_else(|| Error::Wrong("the recorded scrape is not an engine's".to_owned()))
}

/// The engine after some work. It had been started again in between; here it had not.
fn active() -> Result<Exposition, Error> {
    let (mut idle, mut active) = (recorded(IDLE)?, recorded(ACTIVE)?);
    let start = "process_start_time_seconds";
    if let (Some(before), Some(after)) = (idle.value_mut(start), active.value_mut(start)) {
        *after = *before;
    }
    Ok(active)
}

/// What the bodies hold, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// Samples of histograms, counters, gauges and summaries.
    pub kinds: [f64; 4],
    /// Bytes of the body for each sample.
    pub bytes_per_sample: f64,
    /// Lines of a scrape of the chain that the one before has not.
    pub changed: f64,
    /// Lines of the scrape in which label sets went and came that the first has not.
    pub churned: f64,
}

impl fmt::Display for Mix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [histogram, counter, gauge, summary] = self.kinds;
        write!(
            out,
            "{:.0} bytes a sample; {histogram:.0} % of the samples in histograms, {counter:.0} % counters, \
             {gauge:.0} % gauges, {summary:.0} % in summaries; new lines: warm {:.0} %, churn {:.0} %",
            self.bytes_per_sample, self.changed, self.churned
        )
    }
}

fn kinds(exposition: &Exposition) -> [f64; 4] {
    [Kind::Histogram, Kind::Counter, Kind::Gauge, Kind::Summary].map(|kind| {
        let families = exposition.families.iter().filter(|family| family.kind == kind);
        percent(families.flat_map(|family| &family.sets).map(Vec::len).sum(), exposition.samples())
    })
}

/// The lines of `after` that are not in `before`, in percent.
fn new_lines(before: &[u8], after: &[u8]) -> f64 {
    let known: HashSet<_> = lines(before).collect();
    percent(lines(after).filter(|line| !known.contains(line)).count(), lines(after).count())
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * crate::float(part) / crate::float(whole.max(1))
}

/// How many samples a body holds.
#[must_use]
pub fn samples(body: &[u8]) -> usize {
    lines(body).count()
}

/// The lines of samples.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

#[cfg(test)]
mod tests;
