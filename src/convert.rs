//! From scrapes to datagrams: the only module that knows both vocabularies.
//!
//! It decides which scrape counts, what each sample becomes and under which name, and hands the lines
//! to the packer. `docs/mapping.md` is this module in prose. Pure: a body in pieces in, datagrams out; whoever
//! sends them says with [`Converter::taken`] which were taken.
//!
//! A body is read as it comes and never held; `pieces` makes lines of it. Most lines are those of the scrape before with
//! another value: they take the quick way of `expected`. Every other line takes the exact way of `sample`, and what is
//! learnt there makes it a known line of the next scrape.

mod canonical;
pub mod distribution;
mod encoded;
mod expected;
mod filter;
mod labeling;
mod merged;
mod name;
mod named;
mod note;
mod observed;
mod pieces;
mod plain;
mod report;
mod sample;
mod source;

use std::ops::Range;

use crate::boot::Boot;
use crate::config::{Histograms, Settings, Tag};
use crate::exposition::{Families, LineError};
use crate::fingerprint::{Fingerprint, Fingerprints};
use crate::series::{Continuity, OWED_BYTES_MAX, Series};
use crate::statsd::{
    Cleaning, DistributionLine, Encoder, Format, PACKETS_BYTES_MAX, Packets, Pushed, counted,
};
use crate::wide::Text;
use encoded::EncodedNames;
use filter::Filter;
use labeling::Labeling;
use merged::Merged;
use note::{Handling, Note};
use observed::Observed;
use plain::Plain;
pub use report::{Counts, Incomplete, Report};
pub use source::Source;

/// The most samples of a body.
pub const SAMPLES_MAX: usize = 2_000_000;
/// What the lines of a body may take before it is known that they count, in bytes, as they are kept.
pub const LINES_BYTES_MAX: usize = 256 << 20;
/// Then there is room for all others, of which each may take twice its text.
const _: () = assert!(
    LINES_BYTES_MAX + 2 * (OWED_BYTES_MAX + observed::OBSERVED_BYTES_MAX + observed::SHARES_BYTES_MAX)
        <= PACKETS_BYTES_MAX
);
/// How often one body may have to be read: for another engine than the saved state's, and for another
/// process of it.
pub const READINGS_MAX: usize = 3;

/// Where counting begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the first complete scrape, which sends no counts.
    FirstScrape,
    /// At zero: the first scrape sends every count whole.
    Zero,
}

/// Turns scrapes into datagrams; remembers what counters need.
#[derive(Debug)]
pub struct Converter {
    format: Format,
    histograms: Histograms,
    /// Put before a label whose name is a reserved tag key of Datadog's.
    namespace: String,
    filter: Filter,
    labeling: Labeling,
    encoder: Encoder,
    encoded: EncodedNames,
    plain: Plain,
    fingerprints: Fingerprints,
    families: Families,
    series: Series,
    /// How many cumulative series are known.
    series_count: usize,
    merged: Merged,
    observed: Observed,
    /// What a line carries is growth of this series; how much, it says itself.
    packets: Packets<Fingerprint>,
    /// The packets are those of a complete scrape. Those of one that broke off are of no use.
    is_delivering: bool,
    start: Start,
    past: Past,
    source: Source,
    /// The state that was taken up was another engine's, which nobody was told yet.
    was_foreign: bool,
    /// The scrape to be read comes from another process than the one before.
    expects_restart: bool,
    /// Which series are counted.
    choice: u64,
    /// The choice under which what is known was counted.
    known_choice: u64,
    reading: Reading,
}

/// What there was before the scrape being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    Nothing,
    /// The state of an earlier process, which has not met its engine yet.
    Resumed,
    /// A complete scrape.
    Scraped,
}

/// What the body being read has shown so far.
#[derive(Debug, Default)]
struct Reading {
    counts: Counts,
    /// Lines so far.
    lines: usize,
    /// The beginning of a line whose end has not come yet.
    half: Vec<u8>,
    first_malformed: Option<(usize, LineError)>,
    source: Source,
    has_info: bool,
    has_cpus: bool,
    /// Known lines, by their places, that are what they were although families are declared in another order: the
    /// TYPE line that they followed was read last.
    under_type: Range<usize>,
    /// Series whose growth is larger than a datagram: owing it would only keep it for ever.
    unsendable: Vec<Fingerprint>,
    /// What had to be cleaned of lines that did not stand there in the scrape before.
    cleaning: Cleaning,
    /// The identities of gauges among them that are not sent as they are, and of what they have become.
    changed_gauges: Vec<(Fingerprint, Fingerprint)>,
    /// Texts that are written again and again.
    head: String,
    line_text: Text,
}

/// Carried by a line of observations, in place of a series: they are owed by the line that tells of them. They were taken out
/// of what is owed when that line was written, so nothing is settled with this.
const OBSERVATIONS: Fingerprint = 0;

/// What a later process needs to go on counting where this one ended.
#[derive(Debug, Default)]
pub struct Baseline {
    /// Where the values come from.
    pub source: Source,
    /// The key of the fingerprints.
    pub key: u64,
    /// Which series were counted: another number stands for another choice.
    pub choice: u64,
    /// What is known of every cumulative series, and what is owed.
    pub series: Series,
}

/// A [`Baseline`] that is still in use.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a> {
    /// Where the values come from.
    pub source: &'a Source,
    /// The key of the fingerprints.
    pub key: u64,
    /// Which series are counted.
    pub choice: u64,
    /// What is known of every series, and what is owed.
    pub series: &'a Series,
}

impl Converter {
    /// A converter that knows nothing yet.
    #[must_use]
    pub fn new(settings: &Settings, start: Start) -> Self {
        let tags = settings.tags.iter().map(Tag::parts);
        let choice = filter::choice(settings);
        let encoder = Encoder::new(settings.statsd_format, &settings.metric_prefix, tags);
        Self {
            format: settings.statsd_format,
            histograms: settings.histograms,
            namespace: name::namespace(&settings.metric_prefix),
            plain: Plain::new(&settings.metric_prefix, &encoder.global()),
            filter: Filter::new(settings),
            labeling: Labeling::new(settings),
            encoder,
            encoded: EncodedNames::default(),
            fingerprints: Fingerprints::random(),
            families: Families::default(),
            series: Series::default(),
            series_count: 0,
            merged: Merged::default(),
            observed: Observed::default(),
            packets: Packets::new(settings.max_packet_bytes),
            is_delivering: false,
            start,
            past: Past::Nothing,
            source: Source::default(),
            was_foreign: false,
            expects_restart: false,
            choice,
            known_choice: choice,
            reading: Reading::default(),
        }
    }

    /// Goes on where an earlier process ended. The next scrape decides whether it is the same engine.
    pub fn resume(&mut self, baseline: Baseline) {
        self.fingerprints = Fingerprints::with_key(baseline.key);
        self.encoded.clear();
        self.source = baseline.source;
        self.series = baseline.series;
        self.series_count = self.series.len();
        self.known_choice = baseline.choice;
        self.past = Past::Resumed;
    }

    /// What a later process needs; `None` before the first complete scrape. What was not taken so far
    /// is owed.
    pub fn snapshot(&mut self) -> Option<Snapshot<'_>> {
        self.end_delivery();
        let Self { past, source, fingerprints, known_choice, series, .. } = self;
        let (key, choice) = (fingerprints.key(), *known_choice);
        (*past != Past::Nothing).then_some(Snapshot { source, key, choice, series })
    }

    /// How many cumulative series are known.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.series_count
    }

    /// How many of them owe growth that was not delivered. What was not taken so far is owed.
    #[must_use]
    pub fn owing(&mut self) -> usize {
        self.end_delivery();
        self.series.debts().len()
    }

    /// How many series have lost growth since this was asked last: it was not taken, and more is owed than can be
    /// kept. What was not taken so far is owed.
    pub fn take_lost(&mut self) -> usize {
        self.end_delivery();
        self.series.take_lost()
    }

    /// The memory that is held for what is known, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.series.memory_bytes()
    }

    /// Converts the body of one scrape.
    ///
    /// # Errors
    /// The scrape does not count. Nothing that is known changed, except that a resumed baseline of another engine is dropped
    /// ([`Incomplete::OtherProcess`]).
    pub fn convert(&mut self, body: &[u8]) -> Result<Report, Incomplete> {
        let mut converted = Err(Incomplete::OtherProcess);
        for _ in 0..READINGS_MAX {
            self.begin();
            self.feed(body);
            converted = self.finish(None);
            if converted != Err(Incomplete::OtherProcess) {
                break;
            }
        }
        converted
    }

    /// A new body begins. What was not taken of the one before is owed.
    pub fn begin(&mut self) {
        self.end_delivery();
        self.packets.clear();
        let Reading { mut half, head, line_text, .. } = std::mem::take(&mut self.reading);
        half.clear();
        self.reading = Reading { half, head, line_text, ..Reading::default() };
        self.families.begin();
        self.observed.clear();
        self.series.begin(match self.expects_restart {
            _ if self.past == Past::Nothing && self.start == Start::FirstScrape => Continuity::Baseline,
            true => Continuity::Restarted,
            false if self.known_choice != self.choice => Continuity::Rechosen,
            false => Continuity::Continued,
        });
    }

    /// The body ended, as its framing says it must. `boot` is the boot of the machine that it comes from, if its
    /// clocks can be read: it tells a process that was started again from a clock that was set.
    ///
    /// # Errors
    /// The scrape does not count. Nothing that is known changed, except that a resumed baseline of another engine is dropped
    /// ([`Incomplete::OtherProcess`]).
    pub fn finish(&mut self, boot: Option<Boot>) -> Result<Report, Incomplete> {
        self.end_last_line();
        self.check().and_then(|()| self.recognise(boot)).inspect_err(|_| self.packets.clear())?;
        self.families.finish();
        let is_as_before = self.series.is_as_before();
        let gone = self.finish_series();
        self.tell_observations();
        self.send_gone(gone);
        self.reading.unsendable.drain(..).for_each(|series| self.series.settle(series));
        if !is_as_before {
            self.encoded.make_room();
            self.series_count = self.series.len();
            let gauges = self.series.notes().filter(|(_, note)| Note(*note).handling() == Handling::Gauge);
            self.merged.recount(self.reading.changed_gauges.drain(..), gauges.map(|(identity, _)| identity));
        }
        self.reading.counts.merged = self.merged.count();
        self.packets.finish();
        self.is_delivering = true;
        self.past = Past::Scraped;
        self.expects_restart = false;
        self.known_choice = self.choice;
        let is_foreign = std::mem::take(&mut self.was_foreign);
        let Reading { counts, cleaning, .. } = self.reading;
        Ok(Report { counts, cleaning, is_foreign })
    }

    /// Whether the body that was read counts, and what it becomes is within its limits.
    fn check(&self) -> Result<(), Incomplete> {
        self.reading.check()?;
        let has_room = self.packets.bytes() <= LINES_BYTES_MAX && !self.observed.are_too_many();
        if self.families.are_too_many() || !has_room { Err(Incomplete::TooLong) } else { Ok(()) }
    }

    /// What the scrape has shown is known from now on. Observations that are owed are told with its own; returns the
    /// series that are gone and owe growth.
    fn finish_series(&mut self) -> Vec<Fingerprint> {
        let had_all = self.reading.counts.malformed == 0;
        let (mut gone, mut put_together) = (Vec::new(), Vec::new());
        for (series, debt) in self.series.finish(had_all) {
            if let Some(line) = DistributionLine::parse(&debt.text) {
                self.observed.add_owed(&line, debt.amount.whole());
                put_together.push(series);
            } else {
                gone.push(series);
            }
        }
        put_together.into_iter().for_each(|series| self.series.settle(series));
        self.reading.counts.repeated += self.series.repeated();
        gone
    }

    /// Sends what these series owe, sorted by their lines: debts are in no order.
    fn send_gone(&mut self, mut gone: Vec<Fingerprint>) {
        let text = |series: &Fingerprint| self.series.debt(*series).map(|debt| &debt.text);
        gone.sort_by(|left, right| text(left).cmp(&text(right)));
        for series in gone {
            let Some(debt) = self.series.debt(series) else { continue };
            let pushed = self.packets.push(Some(series), |out| out.push_slice(&debt.text));
            self.count_pushed(pushed, Some(series));
        }
    }

    /// How many datagrams the last body became.
    #[must_use]
    pub fn datagrams(&self) -> usize {
        self.packets.len()
    }

    /// How long each of them is, in bytes.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.packets.lengths()
    }

    /// One of them.
    #[must_use]
    pub fn datagram(&mut self, index: usize) -> Option<&[u8]> {
        self.packets.datagram(index)
    }

    /// A datagram was taken, and with it the growth that it carried.
    pub fn taken(&mut self, index: usize) {
        self.packets.take(index).for_each(|series| self.series.settle(series));
    }

    /// Whatever was not taken will not be: it is owed.
    fn end_delivery(&mut self) {
        if !std::mem::take(&mut self.is_delivering) {
            return;
        }
        self.packets.not_taken(|series, text| {
            if series == OBSERVATIONS {
                self.observed.refused(text, &self.fingerprints, &mut self.series);
            } else if let Some(amount) = counted(text) {
                self.series.owe(series, amount, text);
            }
        });
        self.packets.clear();
    }

    /// Lines went to the packer.
    fn count_pushed(&mut self, pushed: Pushed, carries: Option<Fingerprint>) {
        match pushed {
            Pushed::Packed => self.reading.counts.metrics += 1,
            Pushed::TooLarge => {
                self.reading.counts.too_large += 1;
                self.reading.unsendable.extend(carries);
            }
        }
    }
}

#[cfg(test)]
mod tests;
