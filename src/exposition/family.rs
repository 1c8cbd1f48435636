//! Families: what the TYPE lines say of the samples that follow.

use crate::fingerprint::{Fingerprint, FingerprintMap, Fingerprints};

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Buckets, a sum and a count.
    Histogram,
    /// Quantiles, a sum and a count.
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

impl Role {
    /// Whether the values of such a series only grow.
    #[must_use]
    pub fn is_cumulative(self) -> bool {
        !matches!(self, Self::Gauge | Self::Untyped | Self::SummaryQuantile | Self::Created)
    }
}

/// The families declared so far in a body.
///
/// A scrape declares the families of the one before, in the same order, and while it does so only the
/// number of them is noted.
#[derive(Debug, Default)]
pub struct Families {
    /// What the last complete scrape declared, in order.
    known: Vec<(Fingerprint, Kind)>,
    /// How many of them this scrape has declared.
    passed: usize,
    /// What this scrape declared since it departed from that order; `None` while it has not.
    own: Option<Vec<(Fingerprint, Kind)>>,
    /// What was declared before here, as far as anybody asked.
    kinds: FingerprintMap<Kind>,
    /// How many of the passed ones are among them.
    asked: usize,
    /// The role of the last name asked for, unless a family was declared since.
    last: Option<Role>,
    /// It, if there is a last role.
    last_name: String,
}

/// The most declarations kept; families declared behind them are not known.
pub const FAMILIES_MAX: usize = 1 << 18;

impl Families {
    /// A new body begins.
    pub fn begin(&mut self) {
        (self.passed, self.asked, self.own, self.last) = (0, 0, None, None);
        self.kinds.clear();
    }

    /// The next known families, so many, are declared here as they were.
    #[inline]
    pub fn pass(&mut self, count: usize) {
        self.passed += count;
        self.last = None;
    }

    /// Whether this scrape has declared what the one before had declared up to here.
    #[inline]
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        self.own.is_none()
    }

    /// Families may be declared otherwise from here on than in the scrape before.
    pub fn depart(&mut self) {
        self.own.get_or_insert_default();
        self.last = None;
    }

    /// A family is declared.
    pub fn declare(&mut self, family: &str, kind: Kind, fingerprints: &Fingerprints) {
        self.depart();
        let family = fingerprints.of(family.as_bytes());
        self.catch_up();
        let own = self.own.get_or_insert_default();
        if self.passed + own.len() < FAMILIES_MAX {
            own.push((family, kind));
            self.kinds.insert(family, kind);
        }
    }

    /// The body is complete: what it declared is known.
    pub fn finish(&mut self) {
        self.known.truncate(self.passed);
        self.known.extend(self.own.take().unwrap_or_default());
        self.kinds.clear();
        self.kinds.shrink_to(self.known.len());
    }

    /// A family declared under the sample's whole name decides; else the one without the suffix.
    /// The suffix alone decides nothing: `x_total` may be a gauge.
    pub fn role(&mut self, name: &str, fingerprints: &Fingerprints) -> Role {
        if let Some(role) = self.last
            && self.last_name == name
        {
            return role;
        }
        self.catch_up();
        let role = self.role_of(fingerprints.of(name.as_bytes()), name, fingerprints);
        self.last = Some(role);
        name.clone_into(&mut self.last_name);
        role
    }

    fn role_of(&self, whole: Fingerprint, name: &str, fingerprints: &Fingerprints) -> Role {
        match self.kinds.get(&whole) {
            Some(Kind::Counter) => return Role::Counter,
            Some(Kind::Gauge) => return Role::Gauge,
            Some(Kind::Summary) => return Role::SummaryQuantile,
            Some(Kind::Histogram | Kind::Untyped) => return Role::Untyped,
            None => {}
        }
        let Some((family, suffix)) = name.rsplit_once('_') else { return Role::Untyped };
        match (self.kinds.get(&fingerprints.of(family.as_bytes())), suffix) {
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

    fn catch_up(&mut self) {
        // Those behind the last one kept are passed too.
        let end = self.passed.min(self.known.len());
        let passed = self.known.get(self.asked..end).unwrap_or_default();
        self.kinds.extend(passed.iter().copied());
        self.asked = self.passed;
    }
}
