//! The Prometheus text format: bytes in, samples out.
//!
//! Reads text format 0.0.4 whole and tolerates what `OpenMetrics` and Prometheus 3 add to it. It
//! knows lines, families, labels and numbers; it knows nothing of Docker, of `StatsD` or of what a
//! sample was before. A malformed line is skipped and counted, never an error for the lines around
//! it. Source: the Prometheus documentation, "Exposition formats", text format 0.0.4.

mod family;
mod labels;
mod line;

pub use family::Role;
pub use labels::{LABELS_MAX, Labels};
pub use line::{LINE_BYTES_MAX, LineError};

use std::borrow::Cow;

use crate::decimal::Number;
use family::Families;
use line::Line;

/// The most samples read of a body: what comes after them is not looked at.
pub const SAMPLES_MAX: usize = 1_000_000;

/// One sample, borrowed from the body that it was read from.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// The sample's own name, `_bucket`, `_sum` and `_count` included.
    pub name: Cow<'a, str>,
    /// Its labels, in the order of the body.
    pub labels: Labels<'a>,
    /// Its value.
    pub value: Number,
    /// What the family's TYPE line makes of it.
    pub role: Role,
}

/// A series of which a body says nothing but that it is there.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// The sample's own name.
    pub name: Cow<'a, str>,
    /// Its labels.
    pub labels: Labels<'a>,
    /// What the family's TYPE line makes of it.
    pub role: Role,
}

/// A whole body.
#[derive(Debug, Default)]
pub struct Exposition<'a> {
    /// The samples, in the order of the body.
    pub samples: Vec<Sample<'a>>,
    /// The series of malformed lines whose name and labels could still be read.
    pub broken: Vec<Series<'a>>,
    /// There were more than [`SAMPLES_MAX`] samples.
    pub is_too_long: bool,
    /// How many lines were skipped because they are malformed.
    pub malformed: usize,
    /// The first of them: its number, from 1, and what is wrong with it.
    pub first_malformed: Option<(usize, LineError)>,
}

/// Reads a body. Every body has a reading: what is malformed is in the counts.
#[must_use]
pub fn parse(body: &[u8]) -> Exposition<'_> {
    let mut exposition = Exposition::default();
    let mut families = Families::default();
    for (index, bytes) in lines(body).enumerate() {
        let error = match line::parse(bytes) {
            Ok(Line::Nothing) => continue,
            Ok(Line::Type { family, kind }) => {
                families.declare(family, kind);
                continue;
            }
            Ok(Line::Sample { name, labels, value }) => {
                if exposition.samples.len() + exposition.broken.len() == SAMPLES_MAX {
                    exposition.is_too_long = true;
                    break;
                }
                let role = families.role(&name);
                match value {
                    Ok(value) => {
                        exposition.samples.push(Sample { name, labels, value, role });
                        continue;
                    }
                    Err(error) => {
                        exposition.broken.push(Series { name, labels, role });
                        error
                    }
                }
            }
            Err(error) => error,
        };
        exposition.malformed += 1;
        exposition.first_malformed.get_or_insert((index + 1, error));
    }
    exposition
}

/// Reads the name and labels that a sample line begins with.
#[must_use]
pub fn parse_series(text: &str) -> Option<(Cow<'_, str>, Labels<'_>)> {
    match line::parse(text.as_bytes()) {
        Ok(Line::Sample { name, labels, .. }) => Some((name, labels)),
        _ => None,
    }
}

/// The lines of a body, without their line feeds. A final line feed ends a line and begins none.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, tail) = match memchr::memchr(b'\n', rest) {
            Some(end) => (rest.get(..end)?, rest.get(end + 1..)?),
            None => (rest, &[][..]),
        };
        rest = tail;
        Some(line)
    })
}

#[cfg(test)]
mod tests;
