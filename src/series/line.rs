//! A line: as a scrape shows it, and as it is remembered.

use super::seen::Seen;
use crate::decimal::Decimal;
use crate::fingerprint::Fingerprint;

/// A line as it stands in a scrape, without its value.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// The fingerprint of its head.
    pub head: Fingerprint,
    /// How long the head is.
    pub head_bytes: u16,
    /// The identity of its series, however a scrape writes it: the fingerprint of the head in its one
    /// canonical form.
    pub identity: Fingerprint,
    /// What the caller wants to remember of the line.
    pub note: u8,
    /// What it is to the series.
    pub kind: LineKind,
}

/// What a line is to the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// A value of a cumulative series: what is known of it matters wherever it stands.
    Cumulative,
    /// No value, but something that shows where in the scrape it is: it is looked for as carefully.
    Landmark,
    /// Anything else: it matters only that it stands where it is expected.
    Passing,
}

/// A known line.
///
/// Packed, because there may be millions of them: twenty bytes.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(4))]
pub struct Known {
    pub(super) head: Fingerprint,
    pub(super) seen: Seen,
    pub(super) head_bytes: u16,
    pub(super) note: u8,
    pub(super) marks: u8,
}

/// The length of no head: such a line is known, but nowhere expected.
pub const NOT_EXPECTED: u16 = 0;

/// It is one of a cumulative series.
pub(super) const CUMULATIVE: u8 = 1;
/// It is a landmark.
pub(super) const LANDMARK: u8 = 2;
/// Its series owes.
pub(super) const OWES: u8 = 4;
/// A line of the scrape being read was found to be this one.
pub(super) const TAKEN: u8 = 8;

impl LineKind {
    pub(super) fn mark(self) -> u8 {
        match self {
            Self::Cumulative => CUMULATIVE,
            Self::Landmark => LANDMARK,
            Self::Passing => 0,
        }
    }
}

impl Known {
    /// The fingerprint of its head.
    #[inline]
    #[must_use]
    pub fn head(&self) -> Fingerprint {
        self.head
    }

    /// How long its head is.
    #[inline]
    #[must_use]
    pub fn head_bytes(&self) -> usize {
        usize::from(self.head_bytes)
    }

    /// What the caller wanted to remember of it.
    #[inline]
    #[must_use]
    pub fn note(&self) -> u8 {
        self.note
    }

    /// How long the value is, with its line feed, if it is written as it was and its series has nothing to
    /// send. `tail` is what stands behind the head.
    #[inline]
    #[must_use]
    pub fn unchanged_bytes(&self, tail: u64) -> Option<usize> {
        self.seen.bytes_if_in(tail)
    }

    /// Whether its series, with this value, has nothing to send, as far as that can be told at once.
    #[inline]
    #[must_use]
    pub fn is_settled_at(&self, value: Decimal) -> bool {
        let seen = self.seen;
        seen == Seen::of(value) && seen != Seen::LARGE && !self.is(OWES)
    }

    /// Whether a line of the scrape being read was found to be this one.
    #[inline]
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.is(TAKEN)
    }

    /// Whether its series owes. One that does is never settled.
    pub(super) fn set_owes(&mut self, owes: bool) {
        self.mark(OWES, owes);
        if owes {
            self.seen = self.seen.without_text();
        }
    }

    #[inline]
    pub(super) fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    pub(super) fn mark(&mut self, mark: u8, on: bool) {
        self.marks = if on { self.marks | mark } else { self.marks & !mark };
    }
}
