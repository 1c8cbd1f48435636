//! A scrape as it is read: which known line each of its lines is, and what that makes of the series.
//!
//! Nothing that is known changes before [`Series::finish`]: new last values and new lines are kept beside it.

use std::ops::Range;

use super::index::Index;
use super::line::{CUMULATIVE, Known, LANDMARK, Line, LineKind, NOT_EXPECTED, OWES, TAKEN};
use super::order::Order;
use super::seen::Seen;
use super::{Continuity, Debt, LINES_MAX, Series, give_back, identity};
use crate::decimal::Decimal;
use crate::fingerprint::Fingerprint;

/// How many lines behind the expected one are looked at before all are.
const LOOK_AHEAD: usize = 8;

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

/// A last value that is to be changed when the scrape is complete.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(4))]
pub(super) struct Change {
    pub(super) place: u32,
    pub(super) seen: Seen,
}

/// What the scrape being read has shown so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) continuity: Continuity,
    /// The line that is expected.
    pub(super) next: usize,
    /// How many lines stood as expected before the first that did not; `None` while all do.
    prefix: Option<usize>,
    /// Where each line stands, from the first on that did not stand as expected.
    order: Order,
    /// New last values of known lines.
    pub(super) changes: Vec<Change>,
    pub(super) large: Vec<(Fingerprint, Decimal)>,
    index: Option<Index>,
    /// One that is not needed any more, for its memory.
    old_index: Option<Index>,
    /// Where in it the series belongs that was not found last.
    free: Option<usize>,
    /// Nothing was known, and counting begins: whatever stands twice is found when all is read.
    is_fresh: bool,
    /// How many lines were found then.
    repeated: usize,
}

impl Reading {
    /// No index is needed any more.
    fn drop_index(&mut self) {
        if let Some(index) = self.index.take() {
            self.old_index = Some(index).filter(Index::is_small);
        }
    }
}

impl Series {
    /// A new scrape begins. One that was not finished leaves no trace.
    pub fn begin(&mut self, continuity: Continuity) {
        self.abandon();
        self.reading.continuity = continuity;
        self.reading.is_fresh = continuity == Continuity::Baseline && self.is_empty();
        self.reading.repeated = 0;
        self.debts.values_mut().for_each(|debt| debt.is_shown = false);
        if self.debts.is_empty() {
            // Room for very many is of no use any more.
            self.debts.shrink_to_fit();
        }
        if self.has_owing || !self.debts.is_empty() {
            for place in 0..self.lines.len() {
                let owes = self.debts.contains_key(&self.identity(place));
                if let Some(line) = self.lines.get_mut(place) {
                    line.set_owes(owes && line.is(CUMULATIVE));
                }
            }
            self.has_owing = !self.debts.is_empty();
        }
    }

    fn abandon(&mut self) {
        let reading = &mut self.reading;
        if let Some(prefix) = reading.prefix.take() {
            self.lines.truncate(self.known_count);
            self.identities.truncate(self.known_count);
            self.lines.iter_mut().skip(prefix).for_each(|line| line.mark(TAKEN, false));
        }
        reading.next = 0;
        reading.order.clear();
        reading.changes.clear();
        reading.large.clear();
        reading.drop_index();
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
        self.lines.get(self.reading.next..self.known_count).unwrap_or_default()
    }

    /// Those of them that have these places.
    #[inline]
    #[must_use]
    pub fn ahead_among(&self, places: &Range<usize>) -> &[Known] {
        let next = self.reading.next;
        if next < places.start {
            &[]
        } else {
            self.lines.get(next..self.known_count.min(places.end)).unwrap_or_default()
        }
    }

    /// The place of the expected line.
    #[must_use]
    pub fn next_place(&self) -> usize {
        self.reading.next
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
    #[inline]
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
        let next = self.reading.next;
        let is_it = |known: &Known| {
            known.head == line.head && known.marks & (CUMULATIVE | LANDMARK | TAKEN) == line.kind.mark()
        };
        let ahead = self.lines.get(next..self.known_count.min(next + LOOK_AHEAD)).unwrap_or_default();
        match ahead.iter().position(is_it) {
            Some(0) => return Place::Expected,
            Some(skipped) => return Place::Moved(next + skipped),
            None => {}
        }
        self.reading.free = None;
        let is_looked_up = line.kind != LineKind::Passing && !self.reading.is_fresh;
        if is_looked_up { self.look_up(line) } else { Place::New }
    }

    /// As [`Self::find`], wherever the line is expected.
    #[inline(never)]
    fn look_up(&mut self, line: &Line) -> Place {
        let Self { lines, identities, reading, known_count, .. } = self;
        let next = reading.next;
        let known = lines.get(..*known_count).unwrap_or_default();
        let Reading { index, old_index, .. } = reading;
        let index = index.get_or_insert_with(|| index_of(known, identities, known.len(), old_index.take()));
        let found = index.find(line.identity, |place| identity(lines, identities, place));
        reading.free = found.err();
        match found.ok() {
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
        let Reading { next, prefix, .. } = self.reading;
        let is_marked = || self.lines.get(place).is_none_or(|line| line.is(TAKEN));
        place >= self.known_count || place < prefix.unwrap_or(next) || is_marked()
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

    /// Notes that a line without a value to count stands here.
    pub fn pass(&mut self, place: Place, line: &Line) {
        self.put(place, line, None);
    }

    /// Notes that the line stands here, and its last value if there is a new one.
    pub(super) fn put(&mut self, place: Place, line: &Line, seen: Option<Seen>) {
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
        let Some((place, before)) = before else { return self.add(line, seen.unwrap_or(Seen::UNKNOWN), 0) };
        self.depart();
        if let Some(line) = self.lines.get_mut(place) {
            line.mark(TAKEN, true);
        }
        self.reading.next = place + 1;
        self.reading.free = None;
        self.add(line, seen.unwrap_or(before.seen), before.marks & OWES);
    }

    /// Notes that a line that is none of the list yet stands here, with its last value, and marks beside its own.
    pub(super) fn add(&mut self, line: &Line, seen: Seen, marks: u8) {
        if self.reading.prefix.is_none() {
            self.depart();
        }
        if self.reading.order.len() >= LINES_MAX {
            return;
        }
        let Line { head, head_bytes, identity, note, kind } = *line;
        if identity != head || !self.identities.is_empty() {
            self.add_identity(identity);
        }
        let new = self.lines.len();
        self.reading.order.stand(new, 1);
        self.lines.push(Known { head, seen, head_bytes, note, marks: marks | kind.mark() });
        if let (Some(index), Some(free)) = (&mut self.reading.index, self.reading.free) {
            if index.has_room() {
                index.insert(identity, free, new);
            } else {
                self.make_room();
            }
        }
    }

    /// The index is full: makes a larger one.
    #[cold]
    fn make_room(&mut self) {
        let full = self.reading.index.take();
        let count = full.as_ref().map_or(0, Index::len) + 1;
        self.reading.index = Some(index_of(&self.lines, &self.identities, count, full));
    }

    /// Notes the identity of the line that is about to be added, and of all before it.
    #[cold]
    fn add_identity(&mut self, identity: Fingerprint) {
        if self.identities.is_empty() {
            self.identities = self.lines.iter().map(|line| line.head).collect();
        }
        self.identities.push(identity);
    }

    /// Whether the scrape being read, if it ends here, has the lines of the one before and no others, in its order.
    #[must_use]
    pub fn is_as_before(&self) -> bool {
        self.reading.next == self.known_count && self.reading.prefix.is_none()
    }

    /// The scrape is complete: what it has shown is known from now on. Lines that it did not have are
    /// forgotten, but not what they owe: returns the debts of which it had no value.
    ///
    /// `had_all` is whether every line of the scrape could be read. Where one could not, it may have
    /// been that of a series that seems to be missing, so none is forgotten.
    pub fn finish(&mut self, had_all: bool) -> impl Iterator<Item = (Fingerprint, &Debt)> {
        let begins = matches!(self.reading.continuity, Continuity::Baseline | Continuity::Rechosen);
        self.is_unsure = !had_all && (self.is_unsure || begins);
        let is_as_before = self.is_as_before();
        let mut changes = std::mem::take(&mut self.reading.changes);
        if !is_as_before {
            give_back(&mut changes);
        }
        for Change { place, seen } in changes.drain(..) {
            if let Some(line) = self.lines.get_mut(place as usize) {
                line.seen = seen;
            }
        }
        self.reading.changes = changes;
        self.reading.drop_index();
        if self.reading.is_fresh {
            self.drop_repeated();
        }
        if !is_as_before {
            self.depart();
            self.forget(had_all);
            self.reorder();
        }
        // Of a series that stood twice, the first value counts.
        self.large.extend(self.reading.large.drain(..).rev());
        self.known_count = self.lines.len();
        let reading = &mut self.reading;
        (reading.next, reading.prefix) = (0, None);
        reading.order.clear();
        self.debts.iter().filter(|(_, debt)| !debt.is_shown).map(|(identity, debt)| (*identity, debt))
    }

    /// How many values of series that had one before were found when the last scrape was complete, and were left out.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.reading.repeated
    }

    /// Of cumulative series that stand twice, only the first line stays.
    fn drop_repeated(&mut self) {
        let Self { lines, identities, reading, .. } = self;
        let count = lines.iter().filter(|line| line.is(CUMULATIVE)).count();
        let mut index = Index::with_room(count, reading.old_index.take());
        let mut is_any = false;
        for place in 0..lines.len() {
            let Some(line) = lines.get(place).copied().filter(|line| line.is(CUMULATIVE)) else { continue };
            let at = |place: usize| identity(lines, identities, place);
            let series = at(place);
            if let Err(free) = index.find(series, at) {
                index.insert(series, free, place);
                continue;
            }
            let seen = line.seen;
            reading.repeated += usize::from(seen != Seen::UNKNOWN);
            lines.get_mut(place).into_iter().for_each(|line| line.mark(TAKEN, true));
            is_any = true;
        }
        if is_any {
            reading.order.clear();
            let left = lines.iter().enumerate().filter(|(_, line)| !line.is(TAKEN));
            left.for_each(|(place, _)| reading.order.stand(place, 1));
        }
        reading.index = Some(index);
        reading.drop_index();
    }

    /// Forgets the cumulative series among the known lines that the scrape did not have, or lets them stand
    /// behind those that it had.
    fn forget(&mut self, had_all: bool) {
        for place in self.reading.prefix.unwrap_or(0)..self.known_count {
            let Some(line) = self.lines.get_mut(place) else { continue };
            if line.is(TAKEN) || !line.is(CUMULATIVE) {
                continue;
            }
            if had_all || self.reading.order.len() >= LINES_MAX {
                self.is_unsure |= !had_all;
                self.large.remove(&self.identity(place));
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
        order.arrange(&mut self.lines, self.known_count);
        if !self.identities.is_empty() {
            order.arrange(&mut self.identities, self.known_count);
        }
        order.give_back();
        self.lines.iter_mut().for_each(|line| line.mark(TAKEN, false));
    }
}

/// Where each cumulative series and each landmark of these lines stands first; they are `count` at most.
fn index_of(lines: &[Known], identities: &[Fingerprint], count: usize, old: Option<Index>) -> Index {
    let mut index = Index::with_spare_room(count, old);
    let identity = |place: usize| identity(lines, identities, place);
    for (place, _) in lines.iter().enumerate().filter(|(_, line)| line.is(CUMULATIVE | LANDMARK)) {
        index.add(identity(place), place, identity);
    }
    index
}
