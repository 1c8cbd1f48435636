//! `just bench`: builds and contestants in turns, the shortest time of each.
//!
//! A machine that others use as well slows down for seconds at a time. So every build and every
//! contestant has a short turn in each round, and what counts is the shortest time it ever had. Ratios
//! are those of one run.

mod child;
mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Error;
use crate::contest::Contestant;
use crate::inputs::Size;
pub use child::serve;
use child::{Ask, Child};
pub(crate) use table::render;
use table::{Column, memory, ratios, times};

/// How long a turn lasts, or one call if that is longer.
const TURN: Duration = Duration::from_millis(5);
/// What all turns of one contestant may take for one size, beyond [`ROUNDS_MIN`] turns.
const CONTESTANT_TIME_MAX: Duration = Duration::from_secs(1);
/// The fewest turns.
const ROUNDS_MIN: usize = 2;

/// What to compare, and how to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The same program built as the plugin is; `None` measures the running program alone.
    pub static_build: Option<PathBuf>,
    /// The sizes, one after the other.
    pub sizes: Vec<Size>,
    /// How many turns each contestant has, if they are short enough.
    pub rounds: usize,
    /// Whether what a converter remembers is out of the caches when it is needed.
    pub is_cold: bool,
    /// Tables for a document.
    pub is_markdown: bool,
}

/// Measures everything and returns the tables; `note` is told what happens meanwhile.
pub fn compare(options: &Options, note: impl Fn(&str)) -> Result<String, Error> {
    let host = std::env::current_exe().map_err(Error::io("find this program"))?;
    let programs: Vec<&Path> = [host.as_path()].into_iter().chain(options.static_build.as_deref()).collect();
    let mut children = programs
        .iter()
        .map(|program| Child::start(program, options.is_cold))
        .collect::<Result<Vec<_>, _>>()?;
    let mut columns = Vec::new();
    for size in &options.sizes {
        columns.push(measure(*size, options.rounds, &mut children, &note)?);
    }
    let caches =
        if options.is_cold { "state evicted from the caches" } else { "caches as the call before left them" };
    let title = |build| format!("{build}, {caches}; ns a sample (multiples of the line walk)\n\n");
    let mut text = title("Host's C library") + &times(&columns, 0, options.is_markdown);
    if options.static_build.is_some() {
        let shipped = title("Static, as the plugin is built") + &times(&columns, 1, options.is_markdown);
        text = format!("{shipped}\n{text}\nStatic build as a multiple of the host's\n\n");
        text += &ratios(&columns, options.is_markdown);
    }
    text += &format!("\n{}", memory(&columns, options.is_markdown));
    Ok(text)
}

fn measure(size: Size, rounds: usize, children: &mut [Child], note: impl Fn(&str)) -> Result<Column, Error> {
    note(&format!("{size}: making the bodies and checking the answers"));
    // All at once: nothing is timed yet.
    for child in children.iter_mut() {
        child.ask(Ask::Prepare(size))?;
    }
    let mut samples = 0;
    for child in children.iter_mut() {
        samples = child.number()?;
    }
    if let Some(child) = children.first_mut() {
        child.ask(Ask::Describe)?;
        note(&format!("{size}: {samples} samples, {}", child.answer()?));
    }
    let mut minima: Vec<_> =
        Contestant::ALL.iter().map(|contestant| (*contestant, vec![usize::MAX; children.len()])).collect();
    let mut spent = vec![Duration::ZERO; Contestant::ALL.len()];
    for round in 0..rounds {
        for ((contestant, minima), spent) in minima.iter_mut().zip(&mut spent) {
            if round >= ROUNDS_MIN && *spent > CONTESTANT_TIME_MAX {
                continue;
            }
            let begin = Instant::now();
            for (child, minimum) in children.iter_mut().zip(minima) {
                child.ask(Ask::Time(*contestant, TURN))?;
                *minimum = (*minimum).min(child.number()?);
            }
            *spent += begin.elapsed();
        }
    }
    let mut memory_bytes = 0;
    for child in children.iter_mut() {
        child.ask(Ask::Memory)?;
        memory_bytes = child.number()?;
    }
    Ok(Column { size, samples, minima, memory_bytes })
}
