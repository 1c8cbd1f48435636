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
mod order;
mod seen;

use crate::decimal::Decimal;
use crate::fingerprint::{Fingerprint, FingerprintMap};
use index::Index;
use line::{CUMULATIVE, LANDMARK, OWES, TAKEN};
pub use line::{Known, Line, LineKind, NOT_EXPECTED};
use order::Order;
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
    /// The same process as before, but other series were counted of it: one that is not known is where counting
    /// begins.
    Rechosen,
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
    /// Where each line stands, from the first on that did not stand as expected.
    order: Order,
    /// New last values of known lines.
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
                order: Order::default(),
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

    /// As [`Self::owe`], but beside what is owed already.
    pub fn owe_more(&mut self, identity: Fingerprint, amount: Decimal, text: &[u8]) {
        let owed = self.debts.get(&identity).map_or(amount, |debt| debt.amount.plus(amount));
        self.owe(identity, owed, text);
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
        reading.order.clear();
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
            self.stand(self.reading.next, count);
        }
    }

    /// Known lines from `place` on stand here.
    fn stand(&mut self, place: usize, count: usize) {
        if self.reading.prefix.is_none() && place == self.reading.next {
            self.reading.next += count;
            return;
        }
        self.depart();
        self.reading.order.stand(place, count);
        self.reading.next = place + count;
        let taken = self.lines.get_mut(place..place + count).unwrap_or_default();
        taken.iter_mut().for_each(|line| line.mark(TAKEN, true));
    }

    /// From here on lines do not stand as expected.
    fn depart(&mut self) {
        let Reading { next, prefix, order, .. } = &mut self.reading;
        if prefix.is_none() {
            *prefix = Some(*next);
            order.stand(0, *next);
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

    /// How the values of the scrape being read relate to those before it.
    #[must_use]
    pub fn continuity(&self) -> Continuity {
        self.reading.continuity
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

    /// As [`Self::observe`], but returns only what the series grew by: what it owes stays as it is.
    #[inline(never)]
    pub fn grow(&mut self, place: Place, line: &Line, value: Decimal) -> Decimal {
        let debt = self.debts.remove(&line.identity);
        let growth = self.observe(place, line, value, b"");
        self.debts.extend(debt.map(|debt| (line.identity, debt)));
        growth
    }

    fn growth(&self, place: Place, identity: Fingerprint, value: Decimal) -> Decimal {
        let known = match place {
            Place::Expected => self.lines.get(self.reading.next),
            Place::Moved(place) => self.lines.get(place),
            Place::New | Place::Repeated => None,
        };
        match (self.reading.continuity, known) {
            (Continuity::Baseline, _) | (Continuity::Rechosen, None) => Decimal::ZERO,
            // It was absent, so it was zero.
            (Continuity::Restarted, _) | (Continuity::Continued, None) => value,
            (_, Some(known)) => match self.value(identity, known.seen) {
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
            (Continuity::Baseline | Continuity::Rechosen, Place::New) => Some(Seen::UNKNOWN),
            _ => None,
        };
        self.put(place, line, seen);
    }

    /// Notes that the line stands here, and its last value if there is a new one.
    fn put(&mut self, place: Place, line: &Line, seen: Option<Seen>) {
        let known = match place {
            Place::Repeated => return,
            Place::New => None,
            Place::Expected => Some(self.reading.next),
            Place::Moved(place) => Some(place),
        };
        let before = known.and_then(|place| Some((place, *self.lines.get(place)?)));
        if let Some((place, before)) = before
            && (before.head, before.head_bytes, before.note) == (line.head, line.head_bytes, line.note)
        {
            if let (Some(seen), Ok(place)) = (seen, u32::try_from(place)) {
                self.reading.changes.push(Change { place, seen });
            }
            self.stand(place, 1);
            return;
        }
        self.depart();
        if before.is_none() && self.reading.order.len() >= LINES_MAX {
            return;
        }
        let (mut kept, mut marks) = (Seen::UNKNOWN, line.kind.mark());
        if let Some((place, before)) = before {
            (kept, marks) = (before.seen, marks | before.marks & OWES);
            self.take(place);
        }
        let Line { head, head_bytes, identity, note, kind } = *line;
        let new = self.lines.len();
        self.push(Known { head, seen: seen.unwrap_or(kept), head_bytes, note, marks }, identity);
        self.reading.order.stand(new, 1);
        if before.is_none()
            && kind != LineKind::Passing
            && let Some(mut index) = self.reading.index.take()
        {
            index.insert(identity, new, |place| self.identity(place));
            self.reading.index = Some(index);
        }
    }

    /// The known line at `place` stands here, as another line.
    fn take(&mut self, place: usize) {
        if let Some(line) = self.lines.get_mut(place) {
            line.mark(TAKEN, true);
        }
        self.reading.next = place + 1;
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

    /// Whether the scrape being read, if it ends here, has the lines of the one before and no others, in its order.
    #[must_use]
    pub fn is_as_before(&self) -> bool {
        let Reading { known, next, prefix, .. } = self.reading;
        next == known && prefix.is_none()
    }

    /// The scrape is complete: what it has shown is known from now on. Lines that it did not have are
    /// forgotten, but not what they owe: returns the debts of which it had no value.
    ///
    /// `had_all` is whether every line of the scrape could be read. Where one could not, it may have
    /// been that of a series that seems to be missing, so none is forgotten.
    pub fn finish(&mut self, had_all: bool) -> impl Iterator<Item = (Fingerprint, &Debt)> {
        let mut changes = std::mem::take(&mut self.reading.changes);
        for Change { place, seen } in changes.drain(..) {
            if let Some(line) = self.lines.get_mut(place as usize) {
                line.seen = seen;
            }
        }
        self.reading.changes = changes;
        if self.reading.prefix.is_some() || self.reading.next < self.reading.known {
            self.depart();
            self.forget(had_all);
            self.reorder();
        }
        self.wide.extend(self.reading.wide.drain(..));
        let reading = &mut self.reading;
        (reading.known, reading.next) = (self.lines.len(), 0);
        (reading.prefix, reading.index) = (None, None);
        reading.order.clear();
        self.debts.iter().filter(|(_, debt)| !debt.is_shown).map(|(identity, debt)| (*identity, debt))
    }

    /// Forgets the cumulative series among the known lines that the scrape did not have, or lets them stand
    /// behind those that it had.
    fn forget(&mut self, had_all: bool) {
        for place in self.reading.prefix.unwrap_or(0)..self.reading.known {
            let Some(line) = self.lines.get_mut(place) else { continue };
            if line.is(TAKEN) || !line.is(CUMULATIVE) {
                continue;
            }
            if had_all || self.reading.order.len() >= LINES_MAX {
                self.wide.remove(&self.identity(place));
            } else {
                if self.reading.continuity == Continuity::Restarted {
                    line.seen = Seen::of(Decimal::ZERO);
                }
                // It stands behind lines that it did not stand behind, so its note may be wrong there.
                line.head_bytes = NOT_EXPECTED;
                self.reading.order.stand(place, 1);
            }
        }
    }

    /// Puts the lines in the order of the scrape.
    fn reorder(&mut self) {
        let order = &mut self.reading.order;
        order.sort(&mut self.lines);
        if !self.identities.is_empty() {
            order.sort(&mut self.identities);
        }
        order.give_back();
        give_back(&mut self.reading.changes);
        self.lines.iter_mut().for_each(|line| line.mark(TAKEN, false));
    }

    /// The identity of every known line, and what the caller remembers of it.
    pub fn notes(&self) -> impl Iterator<Item = (Fingerprint, u8)> {
        self.known_lines().enumerate().map(|(place, line)| (self.identity(place), line.note))
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
