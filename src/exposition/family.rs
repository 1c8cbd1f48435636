//! Families: what the TYPE lines say of the samples that follow.

use crate::fingerprint::{Fingerprint, FingerprintMap, Fingerprints};
use crate::wide::{self, Text};

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

    /// What a sample is whose name is that of such a family and this suffix.
    fn with_suffix(self, suffix: &[u8]) -> Option<Role> {
        Some(match (self, suffix) {
            (Self::Histogram, b"bucket") => Role::HistogramBucket,
            (Self::Histogram, b"count") => Role::HistogramCount,
            (Self::Histogram, b"sum") => Role::HistogramSum,
            (Self::Summary, b"count") => Role::SummaryCount,
            (Self::Summary, b"sum") => Role::SummarySum,
            (Self::Counter, b"total") => Role::Counter,
            (Self::Counter | Self::Histogram | Self::Summary, b"created") => Role::Created,
            (Self::Gauge, b"bucket" | b"gcount" | b"gsum" | b"info") => Role::Gauge,
            _ => return None,
        })
    }
}

/// What may stand behind a family's name in that of a sample.
const SUFFIXES: [&str; 8] = ["bucket", "count", "sum", "total", "created", "gcount", "gsum", "info"];

/// What a sample is within its family.
///
/// The order matters: `convert/note` keeps the place. What is sent as a gauge stands last, and a saved series, which has no
/// note, reads as the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The value of a counter.
    Counter,
    /// `x_bucket` of a histogram: cumulative over `le`.
    HistogramBucket,
    /// `x_count` of a histogram.
    HistogramCount,
    /// `x_sum` of a histogram.
    HistogramSum,
    /// `x_count` of a summary.
    SummaryCount,
    /// `x_sum` of a summary.
    SummarySum,
    /// OpenMetrics' `x_created`: when a series began, a time and no measurement.
    Created,
    /// A value without a declared type.
    Untyped,
    /// The value of a gauge.
    Gauge,
    /// `x{quantile=""}` of a summary.
    SummaryQuantile,
}

impl Role {
    /// All roles, in this order.
    pub const ALL: [Self; 10] = [
        Self::Counter,
        Self::HistogramBucket,
        Self::HistogramCount,
        Self::HistogramSum,
        Self::SummaryCount,
        Self::SummarySum,
        Self::Created,
        Self::Untyped,
        Self::Gauge,
        Self::SummaryQuantile,
    ];
}

/// What a sample is, and by which family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub role: Role,
    /// It is that by the family that was declared last.
    pub follows_type: bool,
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
    /// How many of the passed ones `kinds` holds.
    caught_up: usize,
    /// The standing of the last name asked for, unless a family was declared since.
    last: Option<Standing>,
    /// The name that `last` is of; without one, scratch for writing names.
    last_name: Text,
    /// Goes up whenever what was said of a name may no longer be so.
    generation: u32,
    /// Since the departure a family was declared whose samples another one claims too.
    are_disputed: bool,
}

/// The most declarations of a body. Behind them nothing would be known of a sample, and a counter taken for a gauge
/// once would send its whole value as growth later; so a body with more counts for nothing.
pub const FAMILIES_MAX: usize = 1 << 18;

impl Families {
    /// A new body begins.
    pub fn begin(&mut self) {
        (self.passed, self.caught_up, self.own, self.are_disputed) = (0, 0, None, false);
        self.renew();
        self.kinds.clear();
    }

    /// The next known families, so many, are declared here as they were.
    #[inline]
    pub fn pass(&mut self, count: usize) {
        self.passed += count;
        self.renew();
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
        self.renew();
    }

    /// A family is declared.
    pub fn declare(&mut self, family: &str, kind: Kind, fingerprints: &Fingerprints) {
        self.depart();
        self.catch_up();
        self.are_disputed |= self.is_claimed(family, kind, fingerprints);
        let family = fingerprints.of(family.as_bytes());
        let own = self.own.get_or_insert_default();
        if self.passed + own.len() <= FAMILIES_MAX {
            own.push((family, kind));
            self.kinds.insert(family, kind);
        }
    }

    /// Whether this body has declared more than [`FAMILIES_MAX`].
    #[must_use]
    pub fn are_too_many(&self) -> bool {
        self.passed + self.own.as_ref().map_or(0, Vec::len) > FAMILIES_MAX
    }

    /// The body is complete: what it declared is known.
    pub fn finish(&mut self) {
        self.known.truncate(self.passed);
        self.known.extend(self.own.take().unwrap_or_default());
        self.kinds.clear();
        self.kinds.shrink_to(self.known.len());
    }

    /// A number that stays the same as long as nothing is declared: until then, what was said of a name is so.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    fn renew(&mut self) {
        self.last = None;
        self.generation = self.generation.wrapping_add(1);
    }

    /// Whether since [`Self::depart`] two families were declared that both claim the samples of one name, as a gauge
    /// `x_sum` and a histogram `x` do. As long as none were, a sample is what the family declared last makes it,
    /// whatever else was declared before.
    #[must_use]
    pub fn are_disputed(&self) -> bool {
        self.are_disputed
    }

    /// What a sample of this name is. A family declared under its whole name decides; else the one without the suffix.
    /// The suffix alone decides nothing: `x_total` may be a gauge.
    pub fn standing(&mut self, name: &[u8], fingerprints: &Fingerprints) -> Standing {
        if let Some(standing) = self.last
            && self.last_name.len() == name.len()
            && wide::begins_alike(name, self.last_name.as_slice(), name.len())
        {
            return standing;
        }
        self.catch_up();
        let (role, family) = self.role_of(name, fingerprints);
        let standing = Standing { role, follows_type: family.is_some() && family == self.last_declared() };
        self.last = Some(standing);
        self.last_name.truncate(0);
        self.last_name.push_slice(name);
        standing
    }

    /// The role, and the family that decides it.
    fn role_of(&self, name: &[u8], fingerprints: &Fingerprints) -> (Role, Option<Fingerprint>) {
        let whole = fingerprints.of(name);
        if let Some(kind) = self.kinds.get(&whole) {
            let role = match kind {
                Kind::Counter => Role::Counter,
                Kind::Gauge => Role::Gauge,
                Kind::Summary => Role::SummaryQuantile,
                Kind::Histogram | Kind::Untyped => Role::Untyped,
            };
            return (role, Some(whole));
        }
        self.by_suffix(name, fingerprints)
            .map_or((Role::Untyped, None), |(role, family)| (role, Some(family)))
    }

    /// What a family makes a sample whose name is its own and a suffix.
    fn by_suffix(&self, name: &[u8], fingerprints: &Fingerprints) -> Option<(Role, Fingerprint)> {
        let end = memchr::memrchr(b'_', name)?;
        let family = fingerprints.of(name.get(..end)?);
        Some((self.kinds.get(&family)?.with_suffix(name.get(end + 1..)?)?, family))
    }

    /// Whether another family claims the samples of this one, or this one those of another.
    fn is_claimed(&mut self, family: &str, kind: Kind, fingerprints: &Fingerprints) -> bool {
        if self.by_suffix(family.as_bytes(), fingerprints).is_some() {
            return true;
        }
        self.last = None;
        let Self { kinds, last_name: name, .. } = self;
        name.truncate(0);
        name.push_slice(family.as_bytes());
        name.push_slice(b"_");
        let family_bytes = name.len();
        let mut claimed = SUFFIXES.iter().filter(|suffix| kind.with_suffix(suffix.as_bytes()).is_some());
        claimed.any(|suffix| {
            name.truncate(family_bytes);
            name.push_slice(suffix.as_bytes());
            kinds.contains_key(&fingerprints.of(name.as_slice()))
        })
    }

    /// The family declared last, if it is among those that are kept.
    fn last_declared(&self) -> Option<Fingerprint> {
        let own = self.own.as_deref().unwrap_or_default();
        if self.passed + own.len() >= FAMILIES_MAX {
            return None;
        }
        let passed = self.passed.checked_sub(1).and_then(|last| self.known.get(last));
        own.last().or(passed).map(|(family, _)| *family)
    }

    fn catch_up(&mut self) {
        // Those behind the last one kept are passed too.
        let end = self.passed.min(self.known.len());
        let passed = self.known.get(self.caught_up..end).unwrap_or_default();
        self.kinds.extend(passed.iter().copied());
        self.caught_up = self.passed;
    }
}
