//! The bodies of one size, and everyone who reads them.
//!
//! It times one call at a time and decides nothing: how often, and who is next, is the caller's.

mod contestant;

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Error;
use crate::expected::Metrics;
use crate::inputs::{Inputs, Size};
use crate::ours::Ours;
use crate::peers::{self, Pipeline};
pub use contestant::Contestant;

/// More than the caches of any machine that this may run on.
const EVICTION_BYTES: usize = 128 * 1024 * 1024;

/// Everyone's state between the calls.
#[derive(Debug)]
pub struct Contest {
    inputs: Inputs,
    /// The body of the chain that is next for those who remember nothing.
    read_next: usize,
    /// Met the chain up to here.
    ours: Ours,
    ours_next: usize,
    /// Met the chain's first body, or another one after it.
    other: Ours,
    pipeline: Pipeline,
    pipeline_next: usize,
    /// Empty where caches are left as they are.
    eviction: Vec<u8>,
}

impl Contest {
    /// Makes the inputs and checks that everyone's answer is right.
    pub fn new(size: Size, is_cold: bool) -> Result<Self, Error> {
        let inputs = Inputs::new(size)?;
        check(&inputs)?;
        Ok(Self {
            inputs,
            read_next: 0,
            ours: Ours::new()?,
            ours_next: 0,
            other: Ours::new()?,
            pipeline: Pipeline::new(),
            pipeline_next: 0,
            eviction: vec![1; if is_cold { EVICTION_BYTES } else { 0 }],
        })
    }

    /// The bodies.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Bytes that our converter needs to remember the bodies of the chain.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.ours.memory_bytes()
    }

    /// The time of one call; what has to be before it is not part of the time.
    pub fn time(&mut self, contestant: Contestant) -> Result<Duration, Error> {
        let Inputs { chain, churn, shuffled, .. } = &self.inputs;
        let first = chain.first().map_or(&[][..], Vec::as_slice);
        match contestant {
            Contestant::NewlineScan => {
                let body = next(chain, &mut self.read_next);
                time(&self.eviction, body, |body| Ok(memchr::memchr_iter(b'\n', body).count()))
            }
            Contestant::LineWalk => {
                time(&self.eviction, next(chain, &mut self.read_next), |body| Ok(walk(body)))
            }
            Contestant::First => {
                let mut ours = Ours::new()?;
                let body = next(chain, &mut self.read_next);
                time(&self.eviction, body, |body| ours.scrape(body, drop_datagram))
            }
            Contestant::Warm => {
                let ours = &mut self.ours;
                let body = following(chain, &mut self.ours_next, |body| ours.scrape(body, drop_datagram))?;
                time(&self.eviction, body, |body| ours.scrape(body, drop_datagram))
            }
            Contestant::Churn | Contestant::Shuffled => {
                let body = if contestant == Contestant::Churn { churn } else { shuffled };
                self.other.scrape(first, drop_datagram)?;
                time(&self.eviction, body, |body| self.other.scrape(body, drop_datagram))
            }
            Contestant::Pipeline => {
                let pipeline = &mut self.pipeline;
                let body =
                    following(chain, &mut self.pipeline_next, |body| pipeline.scrape(body, drop_datagram))?;
                time(&self.eviction, body, |body| pipeline.scrape(body, drop_datagram))
            }
            Contestant::Parser => time(&self.eviction, next(chain, &mut self.read_next), peers::parse),
        }
    }
}

fn drop_datagram(datagram: &[u8]) {
    black_box(datagram);
}

/// The next body of the chain, which begins anew behind its last one: whoever reads the same body each time has it
/// in the caches, and every branch of it in the predictors.
fn next<'a>(chain: &'a [Vec<u8>], next: &mut usize) -> &'a [u8] {
    let body = chain.get(*next).map_or(&[][..], Vec::as_slice);
    *next = (*next + 1) % chain.len();
    body
}

/// The same for those who remember the body before. The first body is not what follows the last one, so that step goes to
/// `untimed`.
fn following<'a>(
    chain: &'a [Vec<u8>],
    place: &mut usize,
    untimed: impl FnOnce(&[u8]) -> Result<(), Error>,
) -> Result<&'a [u8], Error> {
    if *place == 0 {
        untimed(next(chain, place))?;
    }
    Ok(next(chain, place))
}

fn time<R>(
    eviction: &[u8],
    body: &[u8],
    call: impl FnOnce(&[u8]) -> Result<R, Error>,
) -> Result<Duration, Error> {
    if !eviction.is_empty() {
        black_box(memchr::memchr(0, eviction));
        // What a daemon reads it has just got from its socket: only what it remembers is cold.
        black_box(walk(body));
    }
    let begin = Instant::now();
    black_box(call(black_box(body))?);
    Ok(begin.elapsed())
}

fn walk(body: &[u8]) -> usize {
    let (mut rest, mut lines) = (body, 0);
    while let Some(end) = memchr::memchr(b'\n', rest) {
        rest = rest.get(end + 1..).unwrap_or_default();
        lines += 1;
    }
    lines
}

/// Whether everyone who is timed gives the right answer: ours to every step that is timed, and to those
/// between them.
fn check(inputs: &Inputs) -> Result<(), Error> {
    let Inputs { samples, chain, churn, shuffled, .. } = inputs;
    let [first, second, ..] = chain.as_slice() else {
        return Err(Error::Wrong("a chain needs two bodies".to_owned()));
    };
    let steps: Vec<_> = chain.iter().chain([first, churn, first, shuffled]).map(Vec::as_slice).collect();
    let mut ours = Ours::new()?;
    let got = answer(&steps, |body, text| ours.scrape(body, |datagram| text.extend_from_slice(datagram)))?;
    let right = Metrics::of_scrapes(steps).check(&got);
    right.map_err(|error| Error::Wrong(format!("the plugin's answer: {error}")))?;

    let steps = [first.as_slice(), second];
    let mut pipeline = Pipeline::new();
    let got =
        answer(&steps, |body, text| pipeline.scrape(body, |datagram| text.extend_from_slice(datagram)))?;
    let right = Metrics::of_scrapes(steps).check_roughly(&got);
    right.map_err(|error| Error::Wrong(format!("the pipeline's answer: {error}")))?;
    match peers::parse(first)? {
        read if read == *samples => Ok(()),
        read => Err(Error::Wrong(format!("the parser reads {read} of {samples} samples"))),
    }
}

fn answer(
    bodies: &[&[u8]],
    mut scrape: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), Error>,
) -> Result<Metrics, Error> {
    let mut text = Vec::new();
    for body in bodies {
        scrape(body, &mut text)?;
    }
    Metrics::of_lines(&String::from_utf8_lossy(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_can_be_timed_again_and_again() {
        for (size, is_cold) in [(Size::Samples(500), false), (Size::Docker, true)] {
            let mut contest = Contest::new(size, is_cold).unwrap();
            for contestant in Contestant::ALL {
                for _ in 0..3 {
                    assert!(contest.time(contestant).unwrap() > Duration::ZERO, "{contestant}");
                }
            }
        }
    }

    #[test]
    fn a_chain_begins_anew_without_being_timed() {
        let chain = [vec![0], vec![1], vec![2]];
        let (mut place, mut untimed) = (0, 0);
        let mut timed = Vec::new();
        for _ in 0..4 {
            let mut note = |_: &[u8]| {
                untimed += 1;
                Ok(())
            };
            timed.push(following(&chain, &mut place, &mut note).unwrap()[0]);
        }
        assert_eq!((timed, untimed), (vec![1, 2, 1, 2], 2));
    }
}
