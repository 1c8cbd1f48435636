//! The books: what the plugin must have seen of every counter, and what arrived of it.
//!
//! For every counter and at every moment *received <= due*, and *received = due* whenever a scrape was delivered to a
//! server that was there all the while. `due` is the growth that complete scrapes have shown, by the rules of
//! `docs/mapping.md` in the plainest code. Where a fault may cost something, or have it arrive twice, the bound that
//! `docs/reliability.md` states is an allowance here, of exactly what was on its way. Pure.

use std::collections::HashMap;

use crate::engine::{Engine, Flaw, Kind};
use crate::number::{Amount, ONE};

/// The start time of one process moves by less, that of two by more.
const SAME_START: Amount = ONE;
const SAME_SINCE_BOOT: Amount = 2 * ONE;

/// What is known of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    /// It was there, but its value could never be read.
    NoValue,
    Value(Amount),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    seen: Seen,
    due: Amount,
    received: Amount,
}

impl Entry {
    const NEW: Self = Self { seen: Seen::Nothing, due: 0, received: 0 };
}

/// Where values come from.
#[derive(Debug, Clone, Copy)]
struct Source {
    daemon: usize,
    start: Amount,
    /// When the machine was booted, less when it really was.
    boot: Amount,
}

impl Source {
    fn has_restarted(self, now: Self) -> bool {
        let moved = now.start - self.start;
        moved.abs() > SAME_START && (moved - (now.boot - self.boot)).abs() > SAME_SINCE_BOOT
    }
}

/// The state of the books that a state file stands for.
#[derive(Debug)]
struct Saved {
    entries: Vec<Entry>,
    source: Option<Source>,
    is_unsure: bool,
}

#[derive(Debug)]
pub(crate) struct Law {
    entries: Vec<Entry>,
    /// Of the last complete scrape, for gauges.
    shown: Vec<Option<Amount>>,
    gauges: Vec<Option<Amount>>,
    /// None before the baseline.
    source: Option<Source>,
    /// The state of a process before was taken up, and no scrape has counted since.
    is_resumed: bool,
    /// The next reading is believed to come from another process.
    expects_restart: bool,
    /// A line was broken in the baseline, and in each scrape since: a series that is not known may have been there.
    is_unsure: bool,
    saved: Option<Saved>,
    /// Series from here on are not known, not due and not owed.
    width: usize,
    narrow: usize,
    /// What may arrive a second time, and what may never arrive.
    twice: HashMap<usize, Amount>,
    lost: HashMap<usize, Amount>,
    /// How many series were sent again after a process was killed, and did not arrive because a server was.
    pub(crate) repeated: u64,
    pub(crate) missed: u64,
}

impl Law {
    pub(crate) fn new(engine: &Engine) -> Self {
        let count = engine.series().len();
        Self {
            entries: vec![Entry::NEW; count],
            shown: vec![None; count],
            gauges: vec![None; count],
            source: None,
            is_resumed: false,
            expects_restart: false,
            is_unsure: false,
            saved: None,
            width: engine.narrow,
            narrow: engine.narrow,
            twice: HashMap::new(),
            lost: HashMap::new(),
            repeated: 0,
            missed: 0,
        }
    }

    /// A body was read whole; says whether it counts. One that shows another process than was believed is read again.
    pub(crate) fn scraped(&mut self, engine: &Engine, sent: &[bool], flaw: Flaw, boot: Amount) -> bool {
        if flaw == Flaw::Starting {
            return false;
        }
        let now = Source { daemon: engine.daemon, start: engine.start(), boot };
        if self.is_resumed && self.source.is_none_or(|source| source.daemon != now.daemon) {
            self.forget();
            return false;
        }
        let has_restarted = self.source.is_some_and(|source| source.has_restarted(now));
        if has_restarted != self.expects_restart {
            self.expects_restart = has_restarted;
            return false;
        }
        let is_baseline = self.source.is_none() || self.is_unsure && !has_restarted;
        self.is_unsure = matches!(flaw, Flaw::Broken(_)) && (self.source.is_none() || self.is_unsure);
        (self.is_resumed, self.expects_restart, self.source) = (false, false, Some(now));
        self.width = self.width.max(engine.width());
        let width = engine.width();
        let rows = self.entries.iter_mut().zip(&mut self.shown).zip(engine.series()).zip(sent).enumerate();
        for (number, (((entry, shown), series), is_sent)) in rows.take(self.width) {
            let is_there = number < width && series.is_there && *is_sent;
            let is_broken = flaw == Flaw::Broken(number);
            *shown = (is_there && !is_broken).then_some(series.value);
            if series.kind == Kind::Gauge || !is_sent {
                continue;
            }
            if has_restarted && entry.seen != Seen::Nothing {
                entry.seen = Seen::Value(0);
            }
            entry.seen = match (*shown, entry.seen) {
                (None, Seen::Nothing) if is_broken && is_baseline => Seen::NoValue,
                (None, Seen::Nothing) if is_broken => Seen::Value(0),
                (None, before) if is_broken || matches!(flaw, Flaw::Broken(_)) => before,
                (None, _) => Seen::Nothing,
                (Some(now), before) => {
                    entry.due += match before {
                        Seen::Nothing if is_baseline => 0,
                        Seen::NoValue => 0,
                        Seen::Value(before) if now >= before => now - before,
                        Seen::Nothing | Seen::Value(_) => now,
                    };
                    Seen::Value(now)
                }
            };
        }
        true
    }

    /// A counter's line arrived.
    pub(crate) fn counted(&mut self, number: usize, amount: Amount) {
        if let Some(entry) = self.entries.get_mut(number) {
            entry.received += amount;
        }
    }

    /// A gauge's line arrived.
    pub(crate) fn gauged(&mut self, number: usize, value: Amount) {
        if let Some(gauge) = self.gauges.get_mut(number) {
            *gauge = Some(value);
        }
    }

    /// A line that arrived may arrive again.
    pub(crate) fn may_repeat(&mut self, number: usize, amount: Amount) {
        *self.twice.entry(number).or_default() += amount;
    }

    /// What has not arrived so far may be lost.
    pub(crate) fn may_be_lost(&mut self) {
        for (number, entry) in self.entries.iter().enumerate().take(self.width) {
            let open = entry.due - entry.received;
            if open > 0 {
                *self.lost.entry(number).or_default() += open;
            }
        }
    }

    /// How many series a plugin knows now.
    pub(crate) fn series(&self) -> usize {
        self.entries.iter().take(self.width).filter(|entry| entry.seen != Seen::Nothing).count()
    }

    /// Nothing arrived that was not due. Returns the first series of which too much did, and how many there are.
    pub(crate) fn check_due(&self) -> Result<(), Wrong> {
        self.check(|number, entry| {
            entry.received > entry.due + self.twice.get(&number).copied().unwrap_or_default()
        })
    }

    /// No less arrived than was due.
    pub(crate) fn check_arrived(&self) -> Result<(), Wrong> {
        self.check(|number, entry| {
            entry.received < entry.due - self.lost.get(&number).copied().unwrap_or_default()
        })
    }

    /// Everything that was due has arrived, once, and of each gauge the last value.
    pub(crate) fn check_settled(&mut self) -> Result<(), Wrong> {
        self.check_due()?;
        self.check_arrived()?;
        for number in self.twice.drain().chain(self.lost.drain()).map(|(number, _)| number) {
            if let Some(entry) = self.entries.get_mut(number) {
                self.missed += u64::from(entry.received < entry.due);
                self.repeated += u64::from(entry.received > entry.due);
                entry.due = entry.received;
            }
        }
        Ok(())
    }

    /// Of each gauge of the last complete scrape, its value arrived last.
    pub(crate) fn check_gauges(&self, engine: &Engine) -> Result<(), Wrong> {
        let rows = engine.series().iter().zip(self.shown.iter().zip(&self.gauges)).enumerate();
        let wrong = rows.take(self.narrow).find(|(_, (series, (shown, got)))| {
            series.kind == Kind::Gauge && shown.is_some() && shown != got
        });
        wrong.map_or(Ok(()), |(number, (_, (due, received)))| {
            Err(Wrong {
                number,
                count: 1,
                due: due.unwrap_or_default(),
                received: received.unwrap_or_default(),
            })
        })
    }

    fn check(&self, is_wrong: impl Fn(usize, &Entry) -> bool) -> Result<(), Wrong> {
        let known = self.entries.iter().enumerate().take(self.width);
        let mut wrong = known.filter(|(number, entry)| is_wrong(*number, entry));
        let Some((number, Entry { due, received, .. })) = wrong.next() else { return Ok(()) };
        Err(Wrong { number, count: 1 + wrong.count(), due: *due, received: *received })
    }

    /// Whether something may be lost or repeated that is not accounted for yet.
    pub(crate) fn has_allowance(&self) -> bool {
        !self.twice.is_empty() || !self.lost.is_empty()
    }

    /// Everything is settled, so what is no longer shown need not be looked at.
    pub(crate) fn rest(&mut self) {
        let mut behind = self.entries.iter().take(self.width).skip(self.narrow);
        if behind.all(|entry| entry.seen == Seen::Nothing && entry.due == entry.received) {
            self.width = self.narrow;
        }
    }

    /// The books as they are now are those of the saved state.
    pub(crate) fn save(&mut self) {
        let count = self.entries.len();
        let nothing = || Saved { entries: vec![Entry::NEW; count], source: None, is_unsure: false };
        let saved = self.saved.get_or_insert_with(nothing);
        (saved.source, saved.is_unsure) = (self.source, self.is_unsure);
        saved.entries.iter_mut().zip(&self.entries).take(self.width).for_each(|(to, from)| *to = *from);
    }

    /// A process with a state ended, and the next one goes on from that: with what arrived since to be sent again.
    pub(crate) fn resume(&mut self) {
        self.expects_restart = false;
        let Some(saved) = &self.saved else { return self.forget() };
        self.is_resumed = true;
        (self.source, self.is_unsure) = (saved.source, saved.is_unsure);
        for (entry, saved) in self.entries.iter_mut().zip(&saved.entries).take(self.width) {
            let again = entry.received - saved.received;
            self.repeated += u64::from(again > 0);
            (entry.seen, entry.due) = (saved.seen, saved.due + again);
        }
    }

    /// What was known and owed is gone: the next scrape is the baseline.
    pub(crate) fn forget(&mut self) {
        (self.twice, self.lost) = Default::default();
        (self.source, self.is_resumed) = (None, false);
        (self.expects_restart, self.is_unsure) = (false, false);
        for entry in self.entries.iter_mut().take(self.width) {
            (entry.seen, entry.due) = (Seen::Nothing, entry.received);
        }
        self.width = self.narrow;
    }

    /// There is no state any more.
    pub(crate) fn drop_saved(&mut self) {
        self.saved = None;
    }
}

/// A series of which something else arrived than was due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) number: usize,
    /// So many are wrong.
    pub(crate) count: usize,
    pub(crate) due: Amount,
    pub(crate) received: Amount,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine, its books, and the number of a counter in them.
    fn books() -> (Engine, Law, usize) {
        let engine = Engine::new();
        let head = "builder_builds_triggered_total";
        let number = engine.series().iter().position(|series| series.head == head).unwrap();
        let law = Law::new(&engine);
        (engine, law, number)
    }

    /// What is due of the counter after scrapes in which it has these values; all other series stay as they are.
    fn due(law: &mut Law, engine: &mut Engine, number: usize, values: &[Amount], flaw: Flaw) -> Amount {
        let sent = vec![true; engine.series().len()];
        for value in values {
            engine.set(number, *value);
            assert!(law.scraped(engine, &sent, flaw, 0));
        }
        law.entries[number].due
    }

    #[test]
    fn growth_is_due_and_a_baseline_is_not() {
        for (values, expected) in [(&[7][..], 0), (&[7, 9, 9, 12], 5), (&[7, 3, 4], 4)] {
            let (mut engine, mut law, number) = books();
            assert_eq!(due(&mut law, &mut engine, number, values, Flaw::None), expected, "{values:?}");
        }
        let (mut engine, mut law, number) = books();
        assert_eq!(due(&mut law, &mut engine, number, &[5, 6, 7], Flaw::Broken(number)), 0);
        assert_eq!(due(&mut law, &mut engine, number, &[8, 9], Flaw::None), 1, "it had no value before");
    }

    #[test]
    fn what_came_since_the_saved_state_comes_again() {
        let (mut engine, mut law, number) = books();
        due(&mut law, &mut engine, number, &[1, 3], Flaw::None);
        law.counted(number, 2);
        law.save();
        due(&mut law, &mut engine, number, &[9], Flaw::None);
        law.counted(number, 6);
        assert_eq!(law.check_settled(), Ok(()));
        law.resume();
        assert_eq!(due(&mut law, &mut engine, number, &[10], Flaw::None), 2 + 6 + 7);
        law.counted(number, 7);
        assert_eq!((law.check_settled(), law.repeated), (Ok(()), 1));
    }

    #[test]
    fn too_much_and_too_little_are_noticed_but_for_what_is_allowed() {
        let (mut engine, mut law, number) = books();
        due(&mut law, &mut engine, number, &[1, 4], Flaw::None);
        assert_eq!(law.check_due(), Ok(()));
        let wrong = |received| Err(Wrong { number, count: 1, due: 3, received });
        assert_eq!(law.check_settled(), wrong(0));
        law.counted(number, 4);
        assert_eq!(law.check_due(), wrong(4));
        law.may_repeat(number, 1);
        assert_eq!(law.check_settled(), Ok(()));
        law.counted(number, 1);
        assert!(law.check_due().is_err(), "it was allowed once");
        law.forget();
        due(&mut law, &mut engine, number, &[4, 6], Flaw::None);
        law.may_be_lost();
        assert_eq!((law.check_settled(), law.missed), (Ok(()), 1));
    }

    #[test]
    fn a_restart_is_read_twice_unless_the_clock_was_set() {
        let (mut engine, mut law, number) = books();
        let sent = vec![true; engine.series().len()];
        due(&mut law, &mut engine, number, &[5, 6], Flaw::None);
        engine.clock -= 3600 * ONE;
        assert!(law.scraped(&engine, &sent, Flaw::None, engine.clock), "the boot moved with it");
        engine.restart(&mut bench::inputs::Random::new(1));
        engine.set(number, 8);
        assert!(!law.scraped(&engine, &sent, Flaw::None, engine.clock));
        assert!(law.scraped(&engine, &sent, Flaw::None, engine.clock));
        assert_eq!(law.entries[number].due, 1 + 8);
    }
}
