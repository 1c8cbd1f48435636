//! What became of a scrape.

use std::fmt;

use super::{Reading, SAMPLES_MAX};
use crate::exposition::{FAMILIES_MAX, LineError};
use crate::series::LINES_MAX;
use crate::statsd::Cleaning;

/// What one complete scrape became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// What was counted on the way.
    pub counts: Counts,
    /// What had to be cleaned of the lines that did not stand there in the scrape before: names, and tags.
    pub cleaning: Cleaning,
    /// The baseline that was taken up is of another engine and was dropped: this scrape is the baseline.
    pub is_foreign: bool,
}

impl Report {
    /// What of the scrape is sent to nobody, in words; `None` if that is nothing. A NaN is not: it says that there
    /// is no value.
    #[must_use]
    pub fn losses(&self) -> Option<String> {
        let Counts { malformed, negative, repeated, merged, too_large, .. } = self.counts;
        let losses = [
            (malformed, "lines are malformed"),
            (negative, "cumulative values are below zero"),
            (repeated, "series stand there twice"),
            (merged, "gauges become one with others"),
            (too_large, "metrics are larger than a datagram"),
        ];
        let losses: Vec<_> =
            losses.into_iter().filter(|(count, _)| *count > 0).map(|(_, loss)| loss).collect();
        (!losses.is_empty()).then(|| losses.join(", "))
    }
}

/// Counts of one scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples read.
    pub samples: usize,
    /// Metrics written.
    pub metrics: usize,
    /// Lines skipped because they are malformed.
    pub malformed: usize,
    /// Values that are NaN or infinite, which StatsD has no meaning for.
    pub not_finite: usize,
    /// Cumulative values below zero, which cannot be.
    pub negative: usize,
    /// Cumulative samples whose series stood earlier in the same scrape; the first value counts.
    pub repeated: usize,
    /// Gauges that cleaning, or dropped or renamed labels, made one with another: the server keeps the last.
    pub merged: usize,
    /// Metrics that are larger than a datagram.
    pub too_large: usize,
}

/// Why a scrape does not count. Nothing that is known changed, except that a resumed baseline of another engine is dropped
/// ([`OtherProcess`](Self::OtherProcess)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// No sample at all.
    Empty,
    /// More than [`SAMPLES_MAX`] samples, [`LINES_MAX`] lines or [`FAMILIES_MAX`] families, or more than
    /// [`LINES_BYTES_MAX`](super::LINES_BYTES_MAX) of what they become.
    TooLong,
    /// It was read in the belief that it came from the process of the scrape before, and did not (or the other
    /// way round), so its counts are wrong. The next reading, of the same body or of a new one, starts from what it says.
    OtherProcess,
    /// The engine is starting: its gauges are zero and `engine_daemon_engine_info` is missing
    /// (engines 20.10 to 29).
    EngineStarting,
    /// More lines are malformed than are samples, so this is no exposition.
    Malformed {
        /// How many are malformed.
        lines: usize,
        /// The first of them, from 1.
        first: usize,
        /// What is wrong with it.
        error: LineError,
    },
}

impl fmt::Display for Incomplete {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_str("the body holds no sample"),
            Self::TooLong => {
                write!(
                    out,
                    "the body holds more than {SAMPLES_MAX} samples, {LINES_MAX} lines or {FAMILIES_MAX} families, or \
                     becomes too many bytes of metrics"
                )
            }
            Self::OtherProcess => out.write_str("each scrape comes from another process"),
            Self::EngineStarting => {
                out.write_str("the engine is still starting (engine_daemon_engine_info is missing)")
            }
            Self::Malformed { lines, first, error } => {
                write!(out, "the body is no Prometheus text: {lines} malformed lines, line {first}: {error}")
            }
        }
    }
}

impl std::error::Error for Incomplete {}

impl Reading {
    /// Whether the body that was read counts.
    pub(super) fn check(&self) -> Result<(), Incomplete> {
        let Self { counts, .. } = self;
        match self.first_malformed {
            Some((first, error)) if counts.malformed > counts.samples => {
                Err(Incomplete::Malformed { lines: counts.malformed, first, error })
            }
            _ if counts.samples + counts.malformed > SAMPLES_MAX || self.lines > LINES_MAX => {
                Err(Incomplete::TooLong)
            }
            _ if counts.samples == 0 => Err(Incomplete::Empty),
            _ if self.has_cpus && !self.has_info => Err(Incomplete::EngineStarting),
            _ => Ok(()),
        }
    }
}
