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

mod index;
mod line;
mod seen;

use std::ops::Range;

use crate::decimal::Decimal;
use crate::fingerprint::{Fingerprint, FingerprintMap};
use index::Index;
use line::{CUMULATIVE, LANDMARK, OWES, TAKEN};
pub use line::{Known, Line, LineKind, NOT_EXPECTED};
use seen::{Meaning, Seen};

/// The most lines of a scrape. While one is read, those of the one before have places too.
pub const LINES_MAX: usize = 4_000_000;
const _: () = assert!(2 * LINES_MAX <= index::PLACES_MAX);
/// How many lines behind the expected one are looked at before all are.
const LOOK_AHEAD: usize = 8;

/// How the values of a scrape relate to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// Nothing is known of before: every value is where counting begins, and no growth.
    Baseline,
    /// The same process as before: a value that fell was reset on its own.
    Continued,
    /// The process was started again, so every value has grown from zero.
    Restarted,
}

/// Which line a line of the scrape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The one expected here.
    Expected,
    /// A known one that is expected elsewhere.
    Moved(usize),
    /// None that is known.
    New,
    /// One that stood in this scrape before.
    Repeated,
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

/// A last value that is to be changed when the scrape is complete.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(4))]
struct Change {
    place: u32,
    seen: Seen,
}

/// All known lines and what is owed.
#[derive(Debug)]
pub struct Series {
    /// The lines of the last complete scrape, in its order; behind them those of the scrape being read
    /// that differ.
    lines: Vec<Known>,
    /// The identity of each line, or nothing at all while every head is its own canonical form.
    identities: Vec<Fingerprint>,
    /// Last values that do not fit into a line.
    wide: FingerprintMap<Decimal>,
    debts: FingerprintMap<Debt>,
    /// Some line is marked as owing.
    has_marks: bool,
    reading: Reading,
}

/// What the scrape being read has shown so far.
#[derive(Debug)]
struct Reading {
    continuity: Continuity,
    /// How many lines were known before.
    known: usize,
    /// The line that is expected.
    next: usize,
    /// How many lines stood as expected before the first that did not; `None` while all do.
    prefix: Option<usize>,
    /// New last values of lines that stand as expected.
    changes: Vec<Change>,
    wide: Vec<(Fingerprint, Decimal)>,
    index: Option<Index>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            identities: Vec::new(),
            wide: FingerprintMap::default(),
            debts: FingerprintMap::default(),
            has_marks: false,
            reading: Reading {
                continuity: Continuity::Baseline,
                known: 0,
                next: 0,
                prefix: None,
                changes: Vec::new(),
                wide: Vec::new(),
                index: None,
            },
        }
    }
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
        self.reading.known == 0
    }

    /// What is owed, by the identity of the series.
    #[must_use]
    pub fn debts(&self) -> impl ExactSizeIterator<Item = (Fingerprint, &Debt)> {
        self.debts.iter().map(|(identity, debt)| (*identity, debt))
    }

    /// What is known of every cumulative series.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let cumulative = self.known_lines().enumerate().filter(|(_, line)| line.is(CUMULATIVE));
        cumulative.map(|(place, line)| {
            let identity = self.identity(place);
            Record { identity, seen: self.value(identity, line.seen) }
        })
    }

    /// The memory that is held for what is known, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let texts: usize = self.debts.values().map(|debt| debt.text.len()).sum();
        self.lines.capacity() * size_of::<Known>()
            + self.identities.capacity() * size_of::<Fingerprint>()
            + self.wide.capacity() * size_of::<(Fingerprint, Decimal)>()
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
        if let (Seen::WIDE, Some(value)) = (packed, seen) {
            self.wide.insert(identity, value);
        }
        self.lines.push(Known {
            head: identity,
            seen: packed,
            head_bytes: NOT_EXPECTED,
            note: 0,
            marks: CUMULATIVE,
        });
        self.reading.known = self.lines.len();
    }

    /// Growth was seen and not delivered: it is owed from now on, in place of what the series owed.
    /// `text` is what would have delivered it.
    pub fn owe(&mut self, identity: Fingerprint, amount: Decimal, text: &[u8]) {
        self.debts.insert(identity, Debt { amount, text: text.into(), is_shown: false });
    }

    /// Whatever the series owed was delivered, or can never be.
    pub fn settle(&mut self, identity: Fingerprint) {
        if !self.debts.is_empty() {
            self.debts.remove(&identity);
        }
    }

    /// A new scrape begins. One that was not finished leaves no trace.
    pub fn begin(&mut self, continuity: Continuity) {
        self.abandon();
        self.reading.continuity = continuity;
        self.debts.values_mut().for_each(|debt| debt.is_shown = false);
        if self.has_marks || !self.debts.is_empty() {
            for place in 0..self.lines.len() {
                let owes = self.debts.contains_key(&self.identity(place));
                if let Some(line) = self.lines.get_mut(place) {
                    line.set_owes(owes && line.is(CUMULATIVE));
                }
            }
            self.has_marks = !self.debts.is_empty();
        }
    }

    fn abandon(&mut self) {
        let reading = &mut self.reading;
        if let Some(prefix) = reading.prefix.take() {
            self.lines.truncate(reading.known);
            self.identities.truncate(reading.known);
            self.lines.iter_mut().skip(prefix).for_each(|line| line.mark(TAKEN, false));
        }
        reading.next = 0;
        reading.changes.clear();
        reading.wide.clear();
        reading.index = None;
    }

    /// The line that stood next in the scrape before.
    #[must_use]
    pub fn expected(&self) -> Option<&Known> {
        self.ahead().first().filter(|line| !line.is_taken())
    }

    /// The lines that stood next in the scrape before, of which some may have been taken.
    #[inline]
    #[must_use]
    pub fn ahead(&self) -> &[Known] {
        self.lines.get(self.reading.next..self.reading.known).unwrap_or_default()
    }

    /// The identity of the expected line's series.
    #[inline]
    #[must_use]
    pub fn expected_identity(&self) -> Fingerprint {
        self.identity(self.reading.next)
    }

    /// So many of the lines ahead stand here, and there is nothing else to be said of them.
    #[inline]
    pub fn accept(&mut self, count: usize) {
        if self.reading.prefix.is_none() {
            self.reading.next += count;
        } else {
            (0..count).for_each(|_| self.copy_expected());
        }
    }

    /// Whether the process is that of the scrape before, so that a value that is the same has nothing to send.
    #[inline]
    #[must_use]
    pub fn is_continued(&self) -> bool {
        self.reading.continuity == Continuity::Continued
    }

    /// Which known line this is.
    pub fn find(&mut self, line: &Line) -> Place {
        let Reading { next, known, .. } = self.reading;
        let is_it = |known: &Known| {
            known.head == line.head && known.marks & (CUMULATIVE | LANDMARK | TAKEN) == line.kind.mark()
        };
        let ahead = self.lines.get(next..known.min(next + LOOK_AHEAD)).unwrap_or_default();
        match ahead.iter().position(is_it) {
            Some(0) => return Place::Expected,
            Some(skipped) => return Place::Moved(next + skipped),
            None if line.kind == LineKind::Passing => return Place::New,
            None => {}
        }
        let index = self.reading.index.take().unwrap_or_else(|| self.index_of_known());
        let found = index.find(line.identity, |place| self.identity(place));
        self.reading.index = Some(index);
        match found {
            None => Place::New,
            // It says the same again, and the next scrape will too.
            Some(place) if line.kind == LineKind::Landmark && self.is_taken(place) => Place::New,
            Some(place) if self.is_taken(place) => Place::Repeated,
            Some(place) if place == next => Place::Expected,
            Some(place) => Place::Moved(place),
        }
    }

    /// Whether the line at `place` was found in the scrape being read.
    fn is_taken(&self, place: usize) -> bool {
        let Reading { next, known, prefix, .. } = self.reading;
        let is_marked = || self.lines.get(place).is_none_or(|line| line.is(TAKEN));
        place >= known || place < prefix.unwrap_or(next) || is_marked()
    }

    fn index_of_known(&self) -> Index {
        let mut index = Index::with_room(self.reading.known);
        for (place, line) in self.known_lines().enumerate() {
            if line.is(CUMULATIVE | LANDMARK) {
                index.insert(self.identity(place), place, |place| self.identity(place));
            }
        }
        index
    }

    /// The notes of the known lines that are passed over if the line at `place` stands here; `None` if
    /// that is not ahead.
    #[must_use]
    pub fn passed_over(&self, place: Place) -> Option<impl ExactSizeIterator<Item = u8>> {
        let end = match place {
            Place::Moved(place) => place,
            Place::Expected | Place::New | Place::Repeated => self.reading.next,
        };
        self.lines.get(self.reading.next..end).map(|lines| lines.iter().map(|line| line.note))
    }

    /// A line that is not of a cumulative series.
    pub fn see(&mut self, place: Place, line: &Line) {
        self.put(place, line, None);
    }

    /// A cumulative series' value in this scrape, and the text that [`Decimal::leading`] read it from with its line
    /// feed, if the same text next time needs no second look; returns what it owes now.
    pub fn observe(&mut self, place: Place, line: &Line, value: Decimal, written: &[u8]) -> Decimal {
        let growth = self.growth(place, line.identity, value);
        let seen = Seen::written(value, written);
        if seen == Seen::WIDE {
            self.reading.wide.push((line.identity, value));
        }
        self.put(place, line, Some(seen));
        match self.debts.get_mut(&line.identity) {
            Some(debt) => {
                debt.is_shown = true;
                debt.amount.plus(growth)
            }
            None => growth,
        }
    }

    fn growth(&self, place: Place, identity: Fingerprint, value: Decimal) -> Decimal {
        let known = match place {
            Place::Expected => self.lines.get(self.reading.next),
            Place::Moved(place) => self.lines.get(place),
            Place::New | Place::Repeated => None,
        };
        match (self.reading.continuity, known) {
            (Continuity::Baseline, _) => Decimal::ZERO,
            // It was absent, so it was zero.
            (Continuity::Restarted, _) | (Continuity::Continued, None) => value,
            (Continuity::Continued, Some(known)) => match self.value(identity, known.seen) {
                None => Decimal::ZERO,
                Some(seen) => {
                    let growth = value.minus(seen);
                    // A value that fell was reset.
                    if growth.is_negative() { value } else { growth }
                }
            },
        }
    }

    /// The series is there, but its value is of no use: what is known of it stays. If nothing is, then
    /// it was absent before, so it was zero; unless there is no before, and it is not known at all.
    pub fn keep(&mut self, place: Place, line: &Line) {
        let seen = match (self.reading.continuity, place) {
            (Continuity::Restarted, _) | (Continuity::Continued, Place::New) => Some(Seen::of(Decimal::ZERO)),
            (Continuity::Baseline, Place::New) => Some(Seen::UNKNOWN),
            _ => None,
        };
        self.put(place, line, seen);
    }

    /// Notes that the line stands here, and its last value if there is a new one.
    fn put(&mut self, place: Place, line: &Line, seen: Option<Seen>) {
        let next = self.reading.next;
        let known = match place {
            Place::Repeated => return,
            Place::New => None,
            Place::Expected => Some(next),
            Place::Moved(place) => Some(place),
        };
        let before = known.and_then(|place| self.lines.get(place)).copied();
        if let (Some(before), Place::Expected, None) = (before, place, self.reading.prefix)
            && (before.head, before.head_bytes, before.note) == (line.head, line.head_bytes, line.note)
        {
            if let (Some(seen), Ok(place)) = (seen, u32::try_from(next)) {
                self.reading.changes.push(Change { place, seen });
            }
            self.reading.next += 1;
            return;
        }
        self.reading.prefix.get_or_insert(next);
        if before.is_none() && !self.has_room() {
            return;
        }
        if let Some(place) = known {
            self.take(place);
        }
        let (kept, marks) = before.map_or((Seen::UNKNOWN, 0), |before| (before.seen, before.marks & OWES));
        let Line { head, head_bytes, identity, note, kind } = *line;
        let marks = marks | kind.mark();
        self.push(Known { head, seen: seen.unwrap_or(kept), head_bytes, note, marks }, identity);
        if before.is_none()
            && kind != LineKind::Passing
            && let Some(mut index) = self.reading.index.take()
        {
            let new = self.lines.len() - 1;
            index.insert(identity, new, |place| self.identity(place));
            self.reading.index = Some(index);
        }
    }

    /// Whether one more line of the scrape being read can be kept.
    fn has_room(&self) -> bool {
        let Reading { known, next, prefix, .. } = self.reading;
        prefix.unwrap_or(next) + self.lines.len() - known < LINES_MAX
    }

    /// The known line at `place` stands here, and is not to be found again.
    fn take(&mut self, place: usize) {
        if let Some(line) = self.lines.get_mut(place) {
            line.mark(TAKEN, true);
        }
        self.reading.next = place + 1;
    }

    /// The expected line stands here as it was, behind one that did not.
    fn copy_expected(&mut self) {
        let place = self.reading.next;
        if let Some(line) = self.lines.get(place).copied() {
            self.take(place);
            self.push(line, self.identity(place));
        }
    }

    fn push(&mut self, line: Known, identity: Fingerprint) {
        if self.identities.is_empty() && identity != line.head {
            self.identities = self.lines.iter().map(|line| line.head).collect();
        }
        if identity != line.head || !self.identities.is_empty() {
            self.identities.push(identity);
        }
        self.lines.push(line);
    }

    /// The scrape is complete: what it has shown is known from now on. Lines that it did not have are
    /// forgotten, but not what they owe: returns the debts of which it had no value.
    ///
    /// `had_all` is whether every line of the scrape could be read. Where one could not, it may have
    /// been that of a series that seems to be missing, so none is forgotten.
    pub fn finish(&mut self, had_all: bool) -> impl Iterator<Item = (Fingerprint, &Debt)> {
        let known = self.reading.known;
        let prefix = self.reading.prefix.unwrap_or(self.reading.next);
        if prefix < known || self.lines.len() > known {
            self.forget(prefix..known, had_all);
        }
        let mut changes = std::mem::take(&mut self.reading.changes);
        for Change { place, seen } in changes.drain(..) {
            if let Some(line) = self.lines.get_mut(place as usize) {
                line.seen = seen;
            }
        }
        self.wide.extend(self.reading.wide.drain(..));
        let reading = &mut self.reading;
        (reading.changes, reading.known, reading.next) = (changes, self.lines.len(), 0);
        (reading.prefix, reading.index) = (None, None);
        self.debts.iter().filter(|(_, debt)| !debt.is_shown).map(|(identity, debt)| (*identity, debt))
    }

    /// Takes known lines out that were not found, or that stand again behind them.
    fn forget(&mut self, places: Range<usize>, had_all: bool) {
        for place in places.clone() {
            let Some(mut line) = self.lines.get(place).copied() else { continue };
            if line.is(TAKEN) || !line.is(CUMULATIVE) {
                continue;
            }
            let identity = self.identity(place);
            if had_all || !self.has_room() {
                self.wide.remove(&identity);
            } else {
                if self.reading.continuity == Continuity::Restarted {
                    line.seen = Seen::of(Decimal::ZERO);
                }
                // It stands behind lines that it did not stand behind, so its note may be wrong there.
                line.head_bytes = NOT_EXPECTED;
                self.push(line, identity);
            }
        }
        self.lines.drain(places.clone());
        if !self.identities.is_empty() {
            self.identities.drain(places);
        }
        give_back(&mut self.lines);
        give_back(&mut self.identities);
        give_back(&mut self.reading.changes);
    }

    fn known_lines(&self) -> impl Iterator<Item = &Known> {
        self.lines.iter().take(self.reading.known)
    }

    #[inline]
    fn identity(&self, place: usize) -> Fingerprint {
        let head = || self.lines.get(place).map_or(0, |line| line.head);
        self.identities.get(place).copied().unwrap_or_else(head)
    }

    fn value(&self, identity: Fingerprint, seen: Seen) -> Option<Decimal> {
        match seen.meaning() {
            Meaning::Value(value) => Some(value),
            Meaning::Unknown => None,
            Meaning::Wide => self.wide.get(&identity).copied(),
        }
    }
}

/// Returns the memory that one large scrape needed and the present one does not.
fn give_back<T>(list: &mut Vec<T>) {
    if list.capacity() > list.len() / 2 * 3 {
        list.shrink_to(list.len() + list.len() / 16);
    }
}

#[cfg(test)]
mod tests;
