//! What the program says of itself: whether it can scrape, and what scraping and sending came to.
//!
//! Pure: figures in, datagrams out, apart from those of the endpoint, so that there is something to say when nothing
//! could be scraped. It knows the names (`docs/mapping.md` has them in a table) and what is owed; it knows nothing of
//! sockets or clocks. A count is settled by the datagram that carried it being taken, as every other count is.

use std::time::Duration;

use crate::config::{Settings, Tag};
use crate::convert::Report;
use crate::decimal::Decimal;
use crate::statsd::{CheckStatus, Encoder, Kind, Metric, Packets, Pushed, ServiceCheck};
use crate::wide::Text;

/// Whether there is something to scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<'a> {
    /// It was scraped.
    Up,
    /// There is nothing to scrape, and nothing is wrong: why.
    Waiting(&'a str),
    /// It should have been scraped, and could not be: why.
    Failing(&'a str),
}

/// How the last attempt to scrape went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// How long it took.
    pub time: Duration,
    /// How many bytes and samples the body had; `None` if it was not complete.
    pub body: Option<(usize, usize)>,
}

/// What is so now, beside what was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now<'a> {
    /// Whether there is something to scrape.
    pub status: Status<'a>,
    /// The attempt, if there was one.
    pub attempt: Option<Attempt>,
    /// How many cumulative series are known.
    pub series: usize,
    /// How many of them owe.
    pub owing: usize,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Complete scrapes.
    Scrapes,
    /// Scrapes that were not complete.
    ScrapesFailed,
    /// Lines in datagrams that were taken.
    LinesSent,
    /// Datagrams that were taken.
    PacketsSent,
    /// Their bytes.
    BytesSent,
    /// Datagrams that were not taken.
    PacketsRefused,
    /// Lines of an exposition that are malformed.
    LinesMalformed,
    /// Metrics that are larger than a datagram.
    LinesTooLarge,
    /// Values that are NaN or infinite.
    ValuesNotFinite,
    /// Cumulative values below zero.
    ValuesNegative,
    /// Cumulative samples whose series stood earlier in the same scrape; the first value counts.
    SamplesRepeated,
    /// Gauges that arrive as another one.
    GaugesMerged,
    /// Series that lost growth: it was not taken, and more is owed than can be kept.
    SeriesLost,
    /// Names that had to be cleaned.
    NamesCleaned,
    /// Tags that had to be cleaned.
    TagsCleaned,
}

impl Count {
    /// All of them, in the order they are sent.
    pub const ALL: [Self; 15] = [
        Self::Scrapes,
        Self::ScrapesFailed,
        Self::LinesSent,
        Self::PacketsSent,
        Self::BytesSent,
        Self::PacketsRefused,
        Self::LinesMalformed,
        Self::LinesTooLarge,
        Self::ValuesNotFinite,
        Self::ValuesNegative,
        Self::SamplesRepeated,
        Self::GaugesMerged,
        Self::SeriesLost,
        Self::NamesCleaned,
        Self::TagsCleaned,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Scrapes => "metrics.scrapes",
            Self::ScrapesFailed => "metrics.scrapes_failed",
            Self::LinesSent => "metrics.lines_sent",
            Self::PacketsSent => "metrics.packets_sent",
            Self::BytesSent => "metrics.bytes_sent",
            Self::PacketsRefused => "metrics.packets_refused",
            Self::LinesMalformed => "metrics.lines_malformed",
            Self::LinesTooLarge => "metrics.lines_too_large",
            Self::ValuesNotFinite => "metrics.values_not_finite",
            Self::ValuesNegative => "metrics.values_negative",
            Self::SamplesRepeated => "metrics.samples_repeated",
            Self::GaugesMerged => "metrics.gauges_merged",
            Self::SeriesLost => "metrics.series_lost",
            Self::NamesCleaned => "metrics.names_cleaned",
            Self::TagsCleaned => "metrics.tags_cleaned",
        }
    }
}

/// What was counted and not delivered so far, and the datagrams that are to deliver it.
#[derive(Debug)]
pub struct Vitals {
    encoder: Encoder,
    packets: Packets<Carried>,
    /// By the number of the count.
    owed: [u64; Count::ALL.len()],
    /// Written again and again.
    text: Text,
}

/// A count that a line carries.
#[derive(Debug, Clone, Copy)]
struct Carried {
    count: Count,
    amount: u64,
}

impl Vitals {
    /// Nothing was counted so far.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let tags = settings.tags.iter().map(Tag::parts);
        Self {
            encoder: Encoder::new(settings.statsd_format, &settings.metric_prefix, tags),
            packets: Packets::new(settings.max_packet_bytes),
            owed: [0; Count::ALL.len()],
            text: Text::default(),
        }
    }

    /// So much more is owed.
    pub fn add(&mut self, count: Count, amount: usize) {
        let amount = u64::try_from(amount).unwrap_or(u64::MAX);
        if let Some(owed) = self.owed.get_mut(count as usize) {
            *owed = owed.saturating_add(amount);
        }
    }

    /// A complete scrape, and what was odd about it.
    pub fn add_scrape(&mut self, report: &Report) {
        let counts = report.counts;
        for (count, amount) in [
            (Count::Scrapes, 1),
            (Count::LinesMalformed, counts.malformed),
            (Count::LinesTooLarge, counts.too_large),
            (Count::ValuesNotFinite, counts.not_finite),
            (Count::ValuesNegative, counts.negative),
            (Count::SamplesRepeated, counts.repeated),
            (Count::GaugesMerged, counts.merged),
            (Count::NamesCleaned, report.cleaning.names),
            (Count::TagsCleaned, report.cleaning.tags),
        ] {
            self.add(count, amount);
        }
    }

    /// Writes what is so now and everything that is owed, in place of what was written before.
    pub fn write(&mut self, now: Now<'_>) {
        self.packets.clear();
        self.check(now.status);
        self.gauge("up", whole(usize::from(now.status == Status::Up)));
        if let Some(attempt) = now.attempt {
            self.gauge("metrics.scrape.duration", seconds(attempt.time));
            if let Some((bytes, samples)) = attempt.body {
                self.gauge("metrics.scrape.bytes", whole(bytes));
                self.gauge("metrics.scrape.samples", whole(samples));
            }
        }
        self.gauge("metrics.series", whole(now.series));
        self.gauge("metrics.series_owing", whole(now.owing));
        for count in Count::ALL {
            let amount = self.owed.get(count as usize).copied().unwrap_or_default();
            if amount > 0 {
                let value = Decimal::new(i64::try_from(amount).unwrap_or(i64::MAX), 0);
                self.line(count.name(), Kind::Counter, value, Some(Carried { count, amount }));
            }
        }
        self.packets.finish();
    }

    fn gauge(&mut self, name: &str, value: Decimal) {
        self.line(name, Kind::Gauge, value, None);
    }

    /// A line that is larger than a datagram is left out, and what it carries stays owed: with tags that long, no
    /// other metric is sent either.
    fn line(&mut self, name: &str, kind: Kind, value: Decimal, carries: Option<Carried>) {
        let Self { encoder, packets, text, .. } = self;
        text.truncate(0);
        encoder.encode(&Metric { name, tags: &[], kind, value }, text);
        let _ = packets.push(carries, |out| out.push_slice(text.as_slice()));
    }

    fn check(&mut self, status: Status<'_>) {
        let (status, message) = match status {
            Status::Up => (CheckStatus::Ok, ""),
            Status::Waiting(why) => (CheckStatus::Warning, why),
            Status::Failing(why) => (CheckStatus::Critical, why),
        };
        let Self { encoder, packets, text, .. } = self;
        // What is told is worth more than why.
        for message in [message, ""] {
            text.truncate(0);
            encoder.encode_check(&ServiceCheck { name: "metrics.can_scrape", status, message }, text);
            if packets.push(None, |out| out.push_slice(text.as_slice())) == Pushed::Packed {
                return;
            }
        }
    }

    /// How many datagrams were written.
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

    /// A datagram was taken, and with it the counts that it carried.
    pub fn taken(&mut self, index: usize) {
        for Carried { count, amount } in self.packets.take(index) {
            if let Some(owed) = self.owed.get_mut(count as usize) {
                *owed = owed.saturating_sub(amount);
            }
        }
    }
}

fn whole(number: usize) -> Decimal {
    Decimal::new(i64::try_from(number).unwrap_or(i64::MAX), 0)
}

/// To the microsecond.
fn seconds(time: Duration) -> Decimal {
    Decimal::new(i64::try_from(time.as_micros()).unwrap_or(i64::MAX), -6)
}

#[cfg(test)]
mod tests;
