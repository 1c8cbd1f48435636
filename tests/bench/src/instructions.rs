//! `just bench-count`: how many instructions a sample of each kind of scrape takes.
//!
//! Unlike times, instructions do not depend on what else the machine does, so they can have a limit.
//! callgrind counts those of a whole process; the difference of two runs that differ in nothing but the
//! scrapes of that kind is what they took.

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, Stdio};

use crate::Error;
use crate::contest::Contestant;
use crate::inputs::{Inputs, Size};
use crate::ours::Ours;

/// The most instructions a sample may take: what is reached, and a little more. They may only be lowered.
const INSTRUCTIONS_PER_SAMPLE_MAX: [(Contestant, usize); 4] = [
    (Contestant::Warm, 332),
    (Contestant::Churn, 720),
    (Contestant::Shuffled, 1_400),
    (Contestant::First, 1_580),
];

/// What is scraped.
const SAMPLES: usize = 10_000;
/// Warm scrapes that come before those that are counted, and those.
const WARM_BEFORE: usize = 2;
const WARM_COUNTED: usize = 4;

/// What comes before a scrape of this kind; and that scrape, if it `is_counted`.
pub fn count(contestant: Contestant, is_counted: bool) -> Result<(), Error> {
    let Inputs { chain, churn, shuffled, .. } = Inputs::new(Size::Samples(SAMPLES))?;
    let mut bodies = chain.iter();
    let first: Vec<_> = bodies.by_ref().take(1).collect();
    let (before, counted) = match contestant {
        Contestant::First => (vec![], first),
        Contestant::Churn => (first, vec![&churn]),
        Contestant::Shuffled => (first, vec![&shuffled]),
        _ => {
            let before = first.into_iter().chain(bodies.by_ref().take(WARM_BEFORE)).collect();
            (before, bodies.take(WARM_COUNTED).collect())
        }
    };
    let counted = if is_counted { counted } else { vec![] };
    let mut ours = Ours::new()?;
    for body in before.into_iter().chain(counted) {
        ours.scrape(body, |datagram| {
            black_box(datagram);
        })?;
    }
    Ok(())
}

/// Instructions a sample of each kind of scrape, a line each; an error if some are more than their limit.
pub fn check() -> Result<String, Error> {
    let (mut text, mut is_over) = (String::new(), false);
    for (contestant, limit) in INSTRUCTIONS_PER_SAMPLE_MAX {
        let instructions = run(contestant, true)?.saturating_sub(run(contestant, false)?);
        let scrapes = if contestant == Contestant::Warm { WARM_COUNTED } else { 1 };
        let per_sample = instructions.div_ceil(scrapes * SAMPLES);
        let _ = writeln!(
            text,
            "{per_sample} instructions a sample of a {contestant} scrape, the limit is {limit}"
        );
        is_over |= per_sample > limit;
    }
    if is_over { Err(Error::Wrong(format!("too many instructions:\n{text}"))) } else { Ok(text) }
}

fn run(contestant: Contestant, is_counted: bool) -> Result<usize, Error> {
    let program = std::env::current_exe().map_err(Error::io("find this program"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["count", "--scrape", &contestant.to_string()])
        .args(is_counted.then_some("--counted"))
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("start valgrind, which `sh build/setup.sh test` installs"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = output.status.success().then(|| collected(&text)).flatten();
    collected.ok_or_else(|| Error::Wrong(format!("valgrind counted nothing:\n{text}")))
}

/// The number in callgrind's last lines.
fn collected(text: &str) -> Option<usize> {
    let line = text.lines().find(|line| line.contains("Collected : "))?;
    line.split_whitespace().next_back()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_among_what_callgrind_says() {
        let text = "==7== Callgrind, a call-graph generating cache profiler\n==7== Events    : Ir\n\
                    ==7== Collected : 123456789\n==7==\n==7== I   refs:      123,456,789\n";
        assert_eq!(collected(text), Some(123_456_789));
        assert_eq!(collected("valgrind: fatal error"), None);
    }
}
