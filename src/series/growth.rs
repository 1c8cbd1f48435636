//! What a value makes of its series: how much it grew by, and what it owes from now on.

use super::line::{Line, OWES};
use super::reading::{Change, Place};
use super::seen::{Meaning, Seen};
use super::{Continuity, Series};
use crate::decimal::{Decimal, ShortText};
use crate::fingerprint::Fingerprint;

impl Series {
    /// A cumulative series' value in this scrape, and how it is written if the same text next time needs no second
    /// look; returns what it owes now.
    pub fn observe(&mut self, place: Place, line: &Line, value: Decimal, written: ShortText) -> Decimal {
        let seen = Seen::written(value, written);
        if place == Place::New && seen != Seen::LARGE && self.debts.is_empty() {
            self.add(line, seen, 0);
            return self.growth_of_new(value);
        }
        let growth = self.growth(place, line.identity, value);
        if seen == Seen::LARGE {
            self.reading.large.push((line.identity, value));
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

    /// As [`Self::observe`], of the expected line, which is that of a cumulative series, in a continued scrape; `None`,
    /// and nothing is changed, where that is not as simple as it mostly is.
    #[inline]
    pub fn observe_expected(&mut self, value: Decimal, written: ShortText) -> Option<Decimal> {
        let known = self.lines.get(self.reading.next).filter(|line| !line.is(OWES))?;
        let Meaning::Value(before) = known.seen.meaning() else { return None };
        let seen = Seen::written(value, written);
        let place = u32::try_from(self.reading.next).ok().filter(|_| seen != Seen::LARGE)?;
        self.reading.changes.push(Change { place, seen });
        self.accept(1);
        Some(grown(value, before))
    }

    /// As [`Self::observe`], but returns only what the series grew by: what it owes stays as it is.
    #[inline(never)]
    pub fn grow(&mut self, place: Place, line: &Line, value: Decimal) -> Decimal {
        let debt = self.debts.remove(&line.identity);
        let growth = self.observe(place, line, value, ShortText::NONE);
        self.debts.extend(debt.map(|debt| (line.identity, debt)));
        growth
    }

    #[inline(never)]
    fn growth(&self, place: Place, identity: Fingerprint, value: Decimal) -> Decimal {
        let known = match place {
            Place::Expected => self.lines.get(self.reading.next),
            Place::Moved(place) => self.lines.get(place),
            Place::New | Place::Repeated => None,
        };
        match (self.reading.continuity, known) {
            (Continuity::Baseline, _) => Decimal::ZERO,
            (Continuity::Restarted, _) => value,
            (_, Some(known)) => {
                self.value(identity, known.seen).map_or(Decimal::ZERO, |before| grown(value, before))
            }
            (_, None) => self.growth_of_new(value),
        }
    }

    /// What a series grew by that is not known.
    #[inline]
    fn growth_of_new(&self, value: Decimal) -> Decimal {
        // One that was absent was zero.
        if self.was_absent() { value } else { Decimal::ZERO }
    }

    /// Whether a series that is not known was absent before. If not, its value is where counting begins.
    #[must_use]
    pub fn was_absent(&self) -> bool {
        match self.reading.continuity {
            Continuity::Baseline | Continuity::Rechosen => false,
            Continuity::Continued => !self.is_unsure,
            Continuity::Restarted => true,
        }
    }

    /// The series is there, but its value is of no use: what is known of it stays. If nothing is, then
    /// it was absent before, so it was zero; unless there is no before, and it is not known at all.
    pub fn keep(&mut self, place: Place, line: &Line) {
        let seen = match (self.reading.continuity, place) {
            (Continuity::Restarted, _) => Some(Seen::of(Decimal::ZERO)),
            (_, Place::New) if self.was_absent() => Some(Seen::of(Decimal::ZERO)),
            (_, Place::New) => Some(Seen::UNKNOWN),
            _ => None,
        };
        self.put(place, line, seen);
    }
}

/// What a counter grew by that had the value `before`.
#[inline]
fn grown(value: Decimal, before: Decimal) -> Decimal {
    let growth = value.minus(before);
    // A value that fell was reset.
    if growth.is_negative() { value } else { growth }
}
