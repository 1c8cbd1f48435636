//! Families: what the TYPE lines say of the samples that follow.

use std::borrow::Cow;
use std::collections::HashMap;

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Histogram,
    Summary,
    /// Everything whose samples are values of the moment: gauge, and OpenMetrics' info, stateset and
    /// gaugehistogram.
    Gauge,
    /// `untyped`, OpenMetrics' `unknown`, and any word that is no type.
    Untyped,
}

impl Kind {
    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "counter" => Self::Counter,
            "histogram" => Self::Histogram,
            "summary" => Self::Summary,
            "gauge" | "info" | "stateset" | "gaugehistogram" => Self::Gauge,
            _ => Self::Untyped,
        }
    }
}

/// What a sample is within its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The value of a counter.
    Counter,
    /// The value of a gauge.
    Gauge,
    /// A value without a declared type.
    Untyped,
    /// `x_bucket` of a histogram: cumulative over `le`.
    HistogramBucket,
    /// `x_count` of a histogram.
    HistogramCount,
    /// `x_sum` of a histogram.
    HistogramSum,
    /// `x{quantile=""}` of a summary.
    SummaryQuantile,
    /// `x_count` of a summary.
    SummaryCount,
    /// `x_sum` of a summary.
    SummarySum,
    /// OpenMetrics' `x_created`: when a series began, a time and no measurement.
    Created,
}

/// The families declared so far in a body.
#[derive(Debug, Default)]
pub(super) struct Families<'a> {
    kinds: HashMap<Cow<'a, str>, Kind>,
}

impl<'a> Families<'a> {
    pub(super) fn declare(&mut self, family: Cow<'a, str>, kind: Kind) {
        self.kinds.insert(family, kind);
    }

    /// A family declared under the sample's whole name decides; else the one without the suffix.
    /// The suffix alone decides nothing: `x_total` may be a gauge.
    pub(super) fn role(&self, name: &str) -> Role {
        match self.kinds.get(name) {
            Some(Kind::Counter) => return Role::Counter,
            Some(Kind::Gauge) => return Role::Gauge,
            Some(Kind::Summary) => return Role::SummaryQuantile,
            Some(Kind::Histogram | Kind::Untyped) => return Role::Untyped,
            None => {}
        }
        let Some((family, suffix)) = name.rsplit_once('_') else { return Role::Untyped };
        match (self.kinds.get(family), suffix) {
            (Some(Kind::Histogram), "bucket") => Role::HistogramBucket,
            (Some(Kind::Histogram), "count") => Role::HistogramCount,
            (Some(Kind::Histogram), "sum") => Role::HistogramSum,
            (Some(Kind::Summary), "count") => Role::SummaryCount,
            (Some(Kind::Summary), "sum") => Role::SummarySum,
            (Some(Kind::Counter), "total") => Role::Counter,
            (Some(Kind::Counter | Kind::Histogram | Kind::Summary), "created") => Role::Created,
            (Some(Kind::Gauge), "bucket" | "gcount" | "gsum" | "info") => Role::Gauge,
            _ => Role::Untyped,
        }
    }
}
