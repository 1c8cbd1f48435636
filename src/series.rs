//! Cumulative series: what was seen of each, and what is owed.
//!
//! A StatsD counter is sent as differences, so this module remembers each series' last value. Growth
//! that was seen is *owed* until a datagram that carries it was taken, and the two are kept apart: a
//! scrape moves `seen` and adds to `owed`, and only [`Series::settle`] takes from `owed`. So for every
//! series, whatever fails in between, *sum sent + owed = growth seen*. Pure: it knows keys and
//! numbers, nothing of sockets, clocks or names on the wire.

use std::collections::HashMap;
use std::rc::Rc;

use crate::decimal::Decimal;

/// The place of a series; valid until the next [`Series::end_scrape`] after it owes nothing.
pub type SeriesId = usize;

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

/// All known series. `T` is what the caller remembers of a series, to name it again when it is gone.
#[derive(Debug)]
pub struct Series<T> {
    slots: Vec<Option<Slot<T>>>,
    free: Vec<SeriesId>,
    /// Every occupied slot by its key.
    index: HashMap<Rc<str>, SeriesId>,
    /// How the values of the scrape being observed relate to those before it.
    continuity: Continuity,
}

#[derive(Debug)]
struct Slot<T> {
    key: Rc<str>,
    tag: T,
    /// The last value seen; `None` if there was a value, but none that counts.
    seen: Option<Decimal>,
    /// Growth that no datagram has delivered; never negative.
    owed: Decimal,
    /// What the scrape being observed has of it.
    shown: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Value,
    /// A value that is of no use.
    Presence,
    Nothing,
}

/// What is known of a series, to be kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<T> {
    /// Its key.
    pub key: Rc<str>,
    /// What the caller remembers of it.
    pub tag: T,
    /// Its last value; `None` if there was a value, but none that counts.
    pub seen: Option<Decimal>,
    /// What it owes.
    pub owed: Decimal,
}

/// A series that owes, and of which a scrape has no value.
#[derive(Debug)]
pub struct Debt<T> {
    /// Its place.
    pub id: SeriesId,
    /// Its key.
    pub key: Rc<str>,
    /// What the caller remembered of it.
    pub tag: T,
    /// What it owes.
    pub owed: Decimal,
}

impl<T: Copy> Default for Series<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), index: HashMap::new(), continuity: Continuity::Baseline }
    }
}

impl<T: Copy> Series<T> {
    /// How many series are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no series is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many series owe.
    #[must_use]
    pub fn owing(&self) -> usize {
        self.slots.iter().flatten().filter(|slot| !slot.owed.is_zero()).count()
    }

    /// What is known of every series.
    pub fn known(&self) -> impl Iterator<Item = Known<T>> {
        self.slots.iter().flatten().map(|slot| Known {
            key: slot.key.clone(),
            tag: slot.tag,
            seen: slot.seen,
            owed: slot.owed,
        })
    }

    /// Takes up a series where an earlier process left it.
    pub fn resume(&mut self, known: Known<T>) {
        let Known { key, tag, seen, owed } = known;
        if self.get(&key).is_none() {
            self.insert(Slot { key, tag, seen, owed, shown: Shown::Nothing });
        }
    }

    /// A new scrape begins. Only a scrape known to be complete may be observed.
    pub fn begin_scrape(&mut self, continuity: Continuity) {
        self.continuity = continuity;
        for slot in self.slots.iter_mut().flatten() {
            slot.shown = Shown::Nothing;
            if continuity == Continuity::Restarted {
                // Whether or not this scrape shows it: from here on it has grown from zero.
                slot.seen = Some(Decimal::ZERO);
            }
        }
    }

    /// A series' value in this scrape: its place and what it owes now, or `None` if this scrape has
    /// had this key before (the first value counts).
    pub fn observe(&mut self, key: &str, tag: T, value: Decimal) -> Option<(SeriesId, Decimal)> {
        let is_baseline = self.continuity == Continuity::Baseline;
        let Some((id, slot)) = self.get(key) else {
            // It was absent, so it was zero.
            let owed = if is_baseline { Decimal::ZERO } else { value };
            let id = self.insert(Slot { key: key.into(), tag, seen: Some(value), owed, shown: Shown::Value });
            return Some((id, owed));
        };
        if slot.shown != Shown::Nothing {
            return None;
        }
        let growth = match slot.seen {
            None => Decimal::ZERO,
            _ if is_baseline => Decimal::ZERO,
            Some(seen) if value >= seen => value.minus(seen),
            // It was reset.
            Some(_) => value,
        };
        slot.tag = tag;
        slot.seen = Some(value);
        slot.owed = slot.owed.plus(growth);
        slot.shown = Shown::Value;
        Some((id, slot.owed))
    }

    /// The series is there, but its value is of no use: what is known of it stays. If nothing is, then
    /// it was absent before, so it was zero; unless there is no before, and it is not known at all.
    pub fn keep(&mut self, key: &str, tag: T) {
        if let Some((_, slot)) = self.get(key) {
            if slot.shown == Shown::Nothing {
                slot.shown = Shown::Presence;
            }
            return;
        }
        let seen = (self.continuity != Continuity::Baseline).then_some(Decimal::ZERO);
        self.insert(Slot { key: key.into(), tag, seen, owed: Decimal::ZERO, shown: Shown::Presence });
    }

    /// A complete scrape ends: series that it did not have are forgotten, unless they still owe. Returns
    /// those that owe and had no value in it.
    ///
    /// `had_all` is whether every line of the scrape could be read. Where one could not, it may have
    /// been that of a series that seems to be missing, so none is forgotten.
    pub fn end_scrape(&mut self, had_all: bool) -> Vec<Debt<T>> {
        let mut debts = Vec::new();
        for (id, place) in self.slots.iter_mut().enumerate() {
            let Some(slot) = place else { continue };
            let is_gone = had_all && slot.shown == Shown::Nothing;
            if is_gone && slot.owed.is_zero() {
                self.index.remove(&slot.key);
                self.free.push(id);
                *place = None;
                continue;
            }
            if is_gone {
                // Should it come back, it has grown from zero.
                slot.seen = Some(Decimal::ZERO);
            }
            if slot.shown != Shown::Value && !slot.owed.is_zero() {
                debts.push(Debt { id, key: slot.key.clone(), tag: slot.tag, owed: slot.owed });
            }
        }
        debts
    }

    /// A datagram that carried what the series owed was taken.
    pub fn settle(&mut self, id: SeriesId) {
        if let Some(Some(slot)) = self.slots.get_mut(id) {
            slot.owed = Decimal::ZERO;
        }
    }

    fn get(&mut self, key: &str) -> Option<(SeriesId, &mut Slot<T>)> {
        let id = *self.index.get(key)?;
        self.slots.get_mut(id)?.as_mut().map(|slot| (id, slot))
    }

    fn insert(&mut self, slot: Slot<T>) -> SeriesId {
        let key = slot.key.clone();
        let id = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(id) {
            Some(place) => *place = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        self.index.insert(key, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::Number;

    fn decimal(text: &str) -> Decimal {
        Number::parse(text).and_then(Number::finite).unwrap()
    }

    /// Each step is a scrape of one series, `-` where the scrape lacks it, `!` before it where nothing
    /// that was owed could be sent, `R` where the process restarted. Returns what each step sent.
    fn sent(steps: &[&str]) -> Vec<String> {
        let mut series = Series::default();
        let mut sent = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let refused = step.starts_with('!');
            let text = step.trim_start_matches('!');
            let continuity = match text.starts_with('R') {
                true => Continuity::Restarted,
                false if number == 0 => Continuity::Baseline,
                false => Continuity::Continued,
            };
            series.begin_scrape(continuity);
            let mut owing: Vec<_> = match text.trim_start_matches('R') {
                "-" => None,
                value => series.observe("a", (), decimal(value)),
            }
            .into_iter()
            .collect();
            owing.extend(series.end_scrape(true).into_iter().map(|debt| (debt.id, debt.owed)));
            let total = owing.iter().fold(Decimal::ZERO, |sum, (_, owed)| sum.plus(*owed));
            if refused {
                sent.push("refused".to_owned());
            } else {
                owing.iter().for_each(|(id, _)| series.settle(*id));
                let mut text = Vec::new();
                total.write_to(&mut text);
                sent.push(String::from_utf8(text).unwrap());
            }
        }
        sent
    }

    #[track_caller]
    fn check(steps: &[&str], expected: &[&str]) {
        assert_eq!(sent(steps), expected);
    }

    #[test]
    fn the_first_scrape_is_the_baseline() {
        check(&["40", "40", "41"], &["0", "0", "1"]);
    }

    #[test]
    fn fractions_are_exact() {
        check(&["0.25", "0.75", "0.8"], &["0", "0.5", "0.05"]);
    }

    #[test]
    fn reset_counter_sends_new_value() {
        check(&["100", "3", "5"], &["0", "3", "2"]);
    }

    #[test]
    fn restarted_process_sends_new_value_even_if_it_did_not_fall() {
        check(&["100", "R130", "131"], &["0", "130", "1"]);
    }

    #[test]
    fn late_series_has_grown_from_zero() {
        check(&["-", "40", "41"], &["0", "40", "1"]);
    }

    #[test]
    fn series_gone_and_back_has_grown_from_zero() {
        check(&["40", "-", "30", "31"], &["0", "0", "30", "1"]);
        check(&["40", "-", "50"], &["0", "0", "50"]);
    }

    #[test]
    fn refused_growth_stays_owed() {
        check(&["10", "!11", "!13", "14", "14"], &["0", "refused", "refused", "4", "0"]);
    }

    #[test]
    fn growth_before_a_reset_stays_owed_over_it() {
        check(&["10", "!15", "2"], &["0", "refused", "7"]);
    }

    #[test]
    fn a_series_that_goes_while_it_owes_still_pays() {
        check(&["10", "!15", "!-", "-", "-"], &["0", "refused", "refused", "5", "0"]);
        check(&["10", "!15", "!-", "3"], &["0", "refused", "refused", "8"]);
    }

    #[test]
    fn forgotten_places_are_used_again() {
        let mut series = Series::default();
        for scrape in 0..100 {
            series.begin_scrape(Continuity::Continued);
            series.observe(&format!("s{scrape}"), (), decimal("1"));
            let ids: Vec<_> = (0..4).collect();
            ids.into_iter().for_each(|id| series.settle(id));
            series.end_scrape(true);
        }
        assert_eq!(series.len(), 1);
        assert!(series.slots.len() <= 2, "{}", series.slots.len());
    }

    #[test]
    fn the_first_of_two_equal_keys_counts() {
        let mut series = Series::default();
        series.begin_scrape(Continuity::Continued);
        assert!(series.observe("a", (), decimal("1")).is_some());
        assert!(series.observe("a", (), decimal("9")).is_none());
    }

    /// Each step is a value, `?` where it is of no use, or `-` where the scrape lacks the series; what
    /// each step adds to what is owed.
    #[track_caller]
    fn check_growth(steps: &[&str], had_all: bool, expected: &[&str]) {
        let mut series = Series::default();
        let mut growth = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let continuity = if number == 0 { Continuity::Baseline } else { Continuity::Continued };
            series.begin_scrape(continuity);
            let owed = match *step {
                "-" => Decimal::ZERO,
                "?" => {
                    series.keep("a", ());
                    Decimal::ZERO
                }
                value => {
                    let (id, owed) = series.observe("a", (), decimal(value)).unwrap();
                    series.settle(id);
                    owed
                }
            };
            assert!(series.end_scrape(had_all).is_empty());
            growth.push(owed);
        }
        assert_eq!(growth, expected.iter().map(|text| decimal(text)).collect::<Vec<_>>());
    }

    #[test]
    fn a_value_of_no_use_changes_nothing() {
        check_growth(&["5", "?", "7"], true, &["0", "0", "2"]);
        check_growth(&["?", "5", "7"], true, &["0", "0", "2"]);
        check_growth(&["-", "?", "7"], true, &["0", "0", "7"]);
    }

    #[test]
    fn a_series_missing_beside_a_malformed_line_is_not_forgotten() {
        check_growth(&["5", "-", "7"], true, &["0", "0", "7"]);
        check_growth(&["5", "-", "7"], false, &["0", "0", "2"]);
    }
}
