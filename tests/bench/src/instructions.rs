//! `just bench-count`: how many instructions a sample of a warm scrape takes.
//!
//! Unlike times, instructions do not depend on what else the machine does, so they can have a limit.
//! callgrind counts those of a whole process; the difference of two runs that differ in nothing but the
//! number of scrapes is what the scrapes took.

use std::hint::black_box;
use std::process::{Command, Stdio};

use crate::Error;
use crate::inputs::{Size, scrapes};
use crate::ours::Ours;

/// The most instructions a sample may take: what is reached, and a little more. It may only be lowered;
/// 330 is known to be within reach.
pub const INSTRUCTIONS_PER_SAMPLE_MAX: usize = 400;

/// What is scraped.
const SAMPLES: usize = 10_000;
/// Warm scrapes of the two runs.
const ROUNDS: [usize; 2] = [2, 6];

/// Scrapes once, and then `rounds` times more: what is counted.
pub fn count(rounds: usize) -> Result<(), Error> {
    let [_, rounds_max] = ROUNDS;
    // As many in every run, so that making them costs the same.
    let bodies = scrapes(Size::Samples(SAMPLES), rounds_max + 1)?;
    let mut ours = Ours::new()?;
    for body in bodies.iter().take(rounds + 1) {
        ours.scrape(body, |datagram| {
            black_box(datagram);
        })?;
    }
    Ok(())
}

/// Instructions a sample; an error if they are more than the limit.
pub fn check() -> Result<usize, Error> {
    let [few, many] = ROUNDS;
    let instructions = run(many)?.saturating_sub(run(few)?);
    let per_sample = instructions.div_ceil((many - few) * SAMPLES);
    if per_sample > INSTRUCTIONS_PER_SAMPLE_MAX {
        return Err(Error::Wrong(format!(
            "{per_sample} instructions a sample of a warm scrape: the limit is {INSTRUCTIONS_PER_SAMPLE_MAX}"
        )));
    }
    Ok(per_sample)
}

fn run(rounds: usize) -> Result<usize, Error> {
    let program = std::env::current_exe().map_err(Error::io("find this program"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["count", "--rounds", &rounds.to_string()])
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
