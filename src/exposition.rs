//! The Prometheus text format: lines in, samples out.
//!
//! Reads text format 0.0.4 whole and tolerates what `OpenMetrics` and Prometheus 3 add to it. It
//! knows lines, families, labels and numbers; it knows nothing of Docker, of `StatsD` or of earlier
//! values; of the body before it keeps the families alone (`family`). A malformed line is an error of
//! its own, never one of the lines around it.
//! Source: the Prometheus documentation, "Exposition formats", text format 0.0.4.

mod family;
mod labels;
mod line;
mod pattern;
mod usual;

pub use family::{FAMILIES_MAX, Families, Kind, Role, Standing};
pub use labels::{LABELS_MAX, Labels};
pub(crate) use line::Tail;
pub use line::{HEAD_BYTES_MAX, LINE_BYTES_MAX, Line, LineError, Sample, parse};
pub use pattern::Pattern;
pub use usual::{Usual, sketch};

#[cfg(test)]
mod tests;
