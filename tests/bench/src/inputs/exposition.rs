//! An exposition as a value that can be changed and written again, as Prometheus' client for Go writes.
//!
//! It is nothing but text with numbers in it: no sample is checked, nothing is known of StatsD.

use std::io::Write as _;

/// The families of one body, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exposition {
    /// The families.
    pub(super) families: Vec<Family>,
}

/// Samples under one TYPE line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    /// The HELP and TYPE lines.
    pub(super) head: String,
    /// What the TYPE line says.
    pub(super) kind: Kind,
    /// One set of lines for each set of labels.
    pub(super) sets: Vec<Vec<Sample>>,
}

/// A family's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Moves as it likes.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
    /// Quantiles, a sum and a count.
    Summary,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// Everything before the value.
    pub(super) key: String,
    /// What it is within its family.
    pub(super) part: Part,
    /// The value.
    pub(super) value: f64,
    /// Whether [`TIMESTAMP`] stands behind it.
    pub(super) is_timed: bool,
}

/// What a line is within its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The value of a counter or a gauge.
    Value,
    /// `x_bucket`.
    Bucket,
    /// `x{quantile=""}`.
    Quantile,
    /// `x_sum`.
    Sum,
    /// `x_count`.
    Count,
}

/// The time of every sample that has one, in milliseconds.
pub(super) const TIMESTAMP: &str = "1763800000000";

impl Exposition {
    /// How many samples there are.
    #[must_use]
    pub(super) fn samples(&self) -> usize {
        self.families.iter().flat_map(|family| &family.sets).map(Vec::len).sum()
    }

    /// The value of a series.
    pub(super) fn value_mut(&mut self, key: &str) -> Option<&mut f64> {
        let samples = self.families.iter_mut().flat_map(|family| &mut family.sets).flatten();
        samples.filter(|sample| sample.key == key).map(|sample| &mut sample.value).next()
    }

    /// The body.
    #[must_use]
    pub(super) fn to_body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for family in &self.families {
            body.extend_from_slice(family.head.as_bytes());
            for sample in family.sets.iter().flatten() {
                body.extend_from_slice(sample.key.as_bytes());
                body.push(b' ');
                push_number(&mut body, sample.value);
                if sample.is_timed {
                    body.push(b' ');
                    body.extend_from_slice(TIMESTAMP.as_bytes());
                }
                body.push(b'\n');
            }
        }
        body
    }
}

/// As Go's `strconv.FormatFloat(value, 'g', -1, 64)`: the shortest digits that read back, with an
/// exponent of two digits at least below 1e-04 and from 1e+06 on.
fn push_number(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let text: &[u8] = if value.is_nan() {
            b"NaN"
        } else if value > 0.0 {
            b"+Inf"
        } else {
            b"-Inf"
        };
        return out.extend_from_slice(text);
    }
    let magnitude = value.abs();
    // Writing into a vector cannot fail.
    let _ = if value == 0.0 || (1e-4..1e6).contains(&magnitude) {
        write!(out, "{value}")
    } else {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        match exponent.strip_prefix('-') {
            Some(digits) => write!(out, "{mantissa}e-{digits:0>2}"),
            None => write!(out, "{mantissa}e+{exponent:0>2}"),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (-3.5, "-3.5"),
            (999_999.0, "999999"),
            (1_000_000.0, "1e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (25_276_502_016.0, "2.5276502016e+10"),
            (0.0001, "0.0001"),
            (0.000_056_817, "5.6817e-05"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = Vec::new();
            push_number(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
