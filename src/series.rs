//! Known lines: what was seen of each cumulative series, and what is owed.
//!
//! A scrape repeats the lines of the one before, in the same order, with other values. So the lines
//! are kept in that order, twenty bytes each and no text: the fingerprint of a line's head (name and labels, up to the
//! value) and the last value. A line whose head is the expected one is known at once; only where the order
//! changes is a line looked up among all.
//!
//! A StatsD counter is sent as differences. Growth that was seen is *owed* until a datagram that
//! carries it was taken: a scrape moves what was seen, and only a delivery settles. So for every series,
//! whatever fails in between, *sum sent + owed = growth seen*.
//!
//! A scrape changes nothing before [`Series::finish`], so that an incomplete one leaves no trace. Pure: it knows
//! fingerprints and numbers, nothing of sockets, clocks or names on the wire.

mod growth;
mod index;
mod line;
mod order;
mod reading;
mod seen;

use crate::decimal::Decimal;
use crate::fingerprint::{Fingerprint, FingerprintMap};
use line::CUMULATIVE;
pub use line::{Known, Line, LineKind, NOT_EXPECTED};
pub use reading::Place;
use reading::Reading;
use seen::{Meaning, Seen};

/// The most lines of a scrape. While one is read, those of the one before have places too.
pub const LINES_MAX: usize = 4_000_000;
const _: () = assert!(2 * LINES_MAX <= index::PLACES_MAX);

/// The most that is kept owed, in bytes: about 600,000 series of usual names. Growth beyond it is lost, and counted.
pub const OWED_BYTES_MAX: usize = 128 << 20;
/// What a debt takes of it beside its text: a place in a table of which more than half may be empty.
const DEBT_BYTES: usize = 128;
const _: () = assert!(DEBT_BYTES >= 5 * size_of::<(Fingerprint, Debt)>() / 2);

/// How the values of a scrape relate to those before it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// Nothing is known of before: every value is where counting begins, and no growth.
    #[default]
    Baseline,
    /// The same process as before: a value that fell was reset on its own.
    Continued,
    /// The same process as before, but other series were counted of it: one that is not known is where counting
    /// begins.
    Rechosen,
    /// The process was started again, so every value has grown from zero.
    Restarted,
}

/// A series that owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// What it owes.
    pub amount: Decimal,
    /// The text that would have delivered it, to be sent as it is if the series is gone.
    pub text: Box<[u8]>,
    /// The scrape being read has a value of it.
    is_shown: bool,
}

/// What is known of a series, to be kept over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Its identity.
    pub identity: Fingerprint,
    /// Its last value; `None` if there was a value, but none that counts.
    pub seen: Option<Decimal>,
}

/// All known lines and what is owed.
#[derive(Debug, Default)]
pub struct Series {
    /// The lines of the last complete scrape, in its order; behind them those of the scrape being read
    /// that differ.
    lines: Vec<Known>,
    /// How many of them are known.
    known_count: usize,
    /// The identity of each line, or nothing at all while every head is its own canonical form.
    identities: Vec<Fingerprint>,
    /// Last values that do not fit into a line.
    large: FingerprintMap<Decimal>,
    debts: FingerprintMap<Debt>,
    /// What the debts take, as [`OWED_BYTES_MAX`] has it.
    owed_bytes: usize,
    /// Series whose growth found no room among the debts.
    lost: usize,
    /// A series may have been there that is not known: its line could not be read where counting began, or it was
    /// forgotten for want of room. Until all lines of a scrape can be read, one that is not known may be that one, so
    /// its value is where counting begins.
    is_unsure: bool,
    /// Some line is marked as owing.
    has_owing: bool,
    reading: Reading,
}

impl Series {
    /// How many cumulative series are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known_lines().filter(|line| line.is(CUMULATIVE)).count()
    }

    /// Whether no line is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known_count == 0
    }

    /// No series yet of those that an earlier process knew, which was unsure or not.
    #[must_use]
    pub fn taken_up(is_unsure: bool) -> Self {
        Self { is_unsure, ..Self::default() }
    }

    /// Whether a series that is not known may have been there.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        self.is_unsure
    }

    /// What is owed, by the identity of the series.
    #[must_use]
    pub fn debts(&self) -> impl ExactSizeIterator<Item = (Fingerprint, &Debt)> {
        self.debts.iter().map(|(identity, debt)| (*identity, debt))
    }

    /// What is known of every cumulative series.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let cumulative = self.known_lines().enumerate().filter(|(_, line)| line.is(CUMULATIVE));
        // Buckets of one histogram, and all that never happened, have the same value, which is read once.
        let mut before = (Seen::UNKNOWN, None);
        cumulative.map(move |(place, line)| {
            let (identity, seen) = (self.identity(place), line.seen);
            if seen == Seen::LARGE || seen != before.0 {
                before = (seen, self.value(identity, seen));
            }
            Record { identity, seen: before.1 }
        })
    }

    /// The memory that is held for what is known, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let texts: usize = self.debts.values().map(|debt| debt.text.len()).sum();
        self.lines.capacity() * size_of::<Known>()
            + self.identities.capacity() * size_of::<Fingerprint>()
            + self.large.capacity() * size_of::<(Fingerprint, Decimal)>()
            + self.debts.capacity() * size_of::<(Fingerprint, Debt)>()
            + texts
    }

    /// Takes up a series where an earlier process left it. Its place in a scrape is not known.
    pub fn resume(&mut self, record: Record) {
        let Record { identity, seen } = record;
        if self.lines.len() == LINES_MAX {
            return;
        }
        let packed = seen.map_or(Seen::UNKNOWN, Seen::of);
        if let (Seen::LARGE, Some(value)) = (packed, seen) {
            self.large.insert(identity, value);
        }
        self.lines.push(Known {
            head: identity,
            seen: packed,
            head_bytes: NOT_EXPECTED,
            note: 0,
            marks: CUMULATIVE,
        });
        self.known_count = self.lines.len();
    }

    /// Growth was seen and not delivered: it is owed from now on, in place of what the series owed, or lost if there
    /// is no room for one more that owes. `text` is what would have delivered it.
    pub fn owe(&mut self, identity: Fingerprint, amount: Decimal, text: &[u8]) {
        let bytes = DEBT_BYTES + text.len();
        // One that owes already says the same as before with another number.
        if self.owed_bytes + bytes > OWED_BYTES_MAX && !self.debts.contains_key(&identity) {
            self.lost += 1;
            return;
        }
        self.settle(identity);
        self.owed_bytes += bytes;
        self.debts.insert(identity, Debt { amount, text: text.into(), is_shown: false });
    }

    /// As [`Self::owe`], but beside what is owed already.
    pub fn owe_more(&mut self, identity: Fingerprint, amount: Decimal, text: &[u8]) {
        let owed = self.debts.get(&identity).map_or(amount, |debt| debt.amount.plus(amount));
        self.owe(identity, owed, text);
    }

    /// Whatever the series owed was delivered, or can never be.
    pub fn settle(&mut self, identity: Fingerprint) {
        if !self.debts.is_empty()
            && let Some(debt) = self.debts.remove(&identity)
        {
            self.owed_bytes = self.owed_bytes.saturating_sub(DEBT_BYTES + debt.text.len());
        }
    }

    /// What a series owes.
    #[must_use]
    pub fn debt(&self, identity: Fingerprint) -> Option<&Debt> {
        self.debts.get(&identity)
    }

    /// How many series have lost what they owed, for want of room, since this was asked last.
    pub fn take_lost(&mut self) -> usize {
        std::mem::take(&mut self.lost)
    }

    /// The identity of every known line, and what the caller remembers of it.
    pub fn notes(&self) -> impl Iterator<Item = (Fingerprint, u8)> {
        self.known_lines().enumerate().map(|(place, line)| (self.identity(place), line.note))
    }

    fn known_lines(&self) -> impl Iterator<Item = &Known> {
        self.lines.iter().take(self.known_count)
    }

    #[inline]
    fn identity(&self, place: usize) -> Fingerprint {
        identity(&self.lines, &self.identities, place)
    }

    fn value(&self, identity: Fingerprint, seen: Seen) -> Option<Decimal> {
        match seen.meaning() {
            Meaning::Value(value) => Some(value),
            Meaning::Unknown => None,
            Meaning::Large => self.large.get(&identity).copied(),
        }
    }
}

/// The identity of the line at a place.
#[inline]
fn identity(lines: &[Known], identities: &[Fingerprint], place: usize) -> Fingerprint {
    let head = || lines.get(place).map_or(0, |line| line.head);
    identities.get(place).copied().unwrap_or_else(head)
}

/// Returns the memory that one large scrape needed and the present one does not.
fn give_back<T>(list: &mut Vec<T>) {
    if list.capacity() > list.len() / 2 * 3 {
        list.shrink_to(list.len() + list.len() / 16);
    }
}

#[cfg(test)]
mod tests;
