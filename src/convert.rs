//! From scrapes to datagrams: the only module that knows both vocabularies.
//!
//! It decides which scrape counts, what each sample becomes and under which name, and hands the lines
//! to the packer. `docs/mapping.md` is this module in prose. Pure: a body in, datagrams out; whoever
//! sends them says with [`Converter::taken`] which were taken.

mod key;
mod name;
mod source;

use std::fmt;

use crate::boot::Boot;
use crate::config::{Histograms, Settings};
use crate::decimal::{Decimal, Number};
use crate::exposition::{self, Exposition, LineError, Role, Sample};
use crate::series::{Continuity, Known, Series, SeriesId};
use crate::statsd::{Encoder, Format, Kind, Metric, Packets, Pushed};
use key::{Label, canonical, key};
pub use source::Source;

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
    packet_bytes_max: usize,
    encoder: Encoder,
    series: Series<Role>,
    start: Start,
    /// Whether there was a complete scrape, in this process or the one whose state was taken up.
    scraped: bool,
    source: Source,
    /// The state that was taken up has not met its engine yet.
    resumed: bool,
}

/// What a later process needs to go on counting where this one ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    /// Where the values come from.
    pub source: Source,
    /// Every cumulative series.
    pub series: Vec<Known<Role>>,
}

/// What one complete scrape became.
#[derive(Debug)]
pub struct Conversion {
    packets: Packets<SeriesId>,
    /// What was counted on the way.
    pub counts: Counts,
    /// The baseline that was taken up is of another engine and was dropped: this scrape is the baseline.
    pub is_foreign: bool,
}

impl Conversion {
    /// The datagrams in order, each with the series whose growth it delivers.
    #[must_use]
    pub fn datagrams(&self) -> impl ExactSizeIterator<Item = (&[u8], &[SeriesId])> {
        self.packets.datagrams()
    }
}

/// Counts of one scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples read.
    pub samples: usize,
    /// Metrics written.
    pub metrics: usize,
    /// Lines skipped because they are malformed.
    pub malformed: usize,
    /// Values that are NaN or infinite, which StatsD has no meaning for.
    pub not_finite: usize,
    /// Cumulative values below zero, which cannot be.
    pub negative: usize,
    /// Samples whose series stood in the scrape before.
    pub repeated: usize,
    /// Metrics that are larger than a datagram.
    pub too_large: usize,
}

/// Why a scrape counts for nothing. Nothing that is known of any series changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// No sample at all.
    Empty,
    /// More than [`exposition::SAMPLES_MAX`] samples.
    TooLong,
    /// The engine is starting: its gauges are zero and `engine_daemon_engine_info` is missing
    /// (engines 20.10 to 29).
    EngineStarting,
    /// More lines are malformed than are samples, so this is no exposition.
    Malformed {
        /// How many are malformed.
        lines: usize,
        /// The first of them, from 1.
        first: usize,
        /// What is wrong with it.
        error: LineError,
    },
}

impl fmt::Display for Incomplete {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_str("the body holds no sample"),
            Self::TooLong => write!(out, "the body holds more than {} samples", exposition::SAMPLES_MAX),
            Self::EngineStarting => {
                out.write_str("the engine is still starting (engine_daemon_engine_info is missing)")
            }
            Self::Malformed { lines, first, error } => {
                write!(out, "the body is no Prometheus text: {lines} malformed lines, line {first}: {error}")
            }
        }
    }
}

impl std::error::Error for Incomplete {}

impl Converter {
    /// A converter that knows nothing yet.
    #[must_use]
    pub fn new(settings: &Settings, start: Start) -> Self {
        let tags = settings.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_deref()));
        Self {
            format: settings.statsd_format,
            histograms: settings.histograms,
            namespace: name::namespace(&settings.metric_prefix),
            packet_bytes_max: settings.max_packet_bytes,
            encoder: Encoder::new(settings.statsd_format, &settings.metric_prefix, tags),
            series: Series::default(),
            start,
            scraped: false,
            source: Source::default(),
            resumed: false,
        }
    }

    /// Goes on where an earlier process ended. The next scrape decides whether it is the same engine.
    pub fn resume(&mut self, baseline: Baseline) {
        self.source = baseline.source;
        for known in baseline.series {
            self.series.resume(known);
        }
        self.scraped = true;
        self.resumed = true;
    }

    /// What a later process needs; `None` before the first complete scrape.
    #[must_use]
    pub fn baseline(&self) -> Option<Baseline> {
        self.scraped.then(|| Baseline { source: self.source.clone(), series: self.series.known().collect() })
    }

    /// How many cumulative series are known.
    #[must_use]
    pub fn series(&self) -> usize {
        self.series.len()
    }

    /// How many of them owe growth that was not delivered.
    #[must_use]
    pub fn owing(&self) -> usize {
        self.series.owing()
    }

    /// Converts the body of one scrape.
    ///
    /// # Errors
    /// The scrape is not complete; nothing that is known changed.
    pub fn convert(&mut self, body: &[u8]) -> Result<Conversion, Incomplete> {
        self.convert_from(body, None)
    }

    /// As [`Self::convert`], for an endpoint on a machine whose clocks can be read: it tells a process
    /// that was started again from a clock that was set.
    pub fn convert_from(&mut self, body: &[u8], boot: Option<Boot>) -> Result<Conversion, Incomplete> {
        let exposition = exposition::parse(body);
        complete(&exposition)?;
        let source = Source::of(&exposition, boot);
        let is_foreign = std::mem::take(&mut self.resumed) && source.engine != self.source.engine;
        if is_foreign {
            self.series = Series::default();
            self.scraped = false;
        }
        let continuity = self.continuity(source);
        let mut conversion = Conversion {
            packets: Packets::new(self.packet_bytes_max),
            counts: Counts {
                samples: exposition.samples.len(),
                malformed: exposition.malformed,
                ..Counts::default()
            },
            is_foreign,
        };
        self.series.begin_scrape(continuity);
        for sample in &exposition.samples {
            self.sample(sample, &mut conversion);
        }
        for series in exposition.broken.iter().filter(|series| is_cumulative(series.role)) {
            let labels = canonical(&series.labels);
            self.series.keep(&key(&series.name, &labels), series.role);
        }
        self.send_debts(exposition.malformed == 0, &mut conversion);
        conversion.packets.finish();
        Ok(conversion)
    }

    /// A datagram was taken, and with it the growth of these series.
    pub fn taken(&mut self, carried: &[SeriesId]) {
        for id in carried {
            self.series.settle(*id);
        }
    }

    fn continuity(&mut self, source: Source) -> Continuity {
        let is_first = !std::mem::replace(&mut self.scraped, true);
        let has_restarted = self.source.has_restarted(&source);
        self.source.engine = source.engine;
        // A scrape without a start time says nothing about it.
        if source.process_start.is_some() {
            (self.source.process_start, self.source.boot) = (source.process_start, source.boot);
        }
        match has_restarted {
            _ if is_first && self.start == Start::FirstScrape => Continuity::Baseline,
            true => Continuity::Restarted,
            false => Continuity::Continued,
        }
    }

    fn sample(&mut self, sample: &Sample<'_>, conversion: &mut Conversion) {
        let Some(kind) = self.kind(sample) else { return };
        let labels = canonical(&sample.labels);
        let counts = &mut conversion.counts;
        match (kind, sample.value) {
            (Kind::Gauge, Number::Finite(value)) => {
                self.push(conversion, &sample.name, &labels, sample.role, value, None);
            }
            (Kind::Gauge, Number::NotFinite) => counts.not_finite += 1,
            (Kind::Counter, Number::Finite(value)) if !value.is_negative() => {
                let key = key(&sample.name, &labels);
                match self.series.observe(&key, sample.role, value) {
                    Some((_, owed)) if owed.is_zero() => {}
                    Some((id, owed)) => {
                        self.push(conversion, &sample.name, &labels, sample.role, owed, Some(id));
                    }
                    None => counts.repeated += 1,
                }
            }
            (Kind::Counter, value) => {
                self.series.keep(&key(&sample.name, &labels), sample.role);
                match value {
                    Number::Finite(_) => counts.negative += 1,
                    Number::NotFinite => counts.not_finite += 1,
                }
            }
        }
    }

    /// What a sample is to a StatsD server; `None` if it is not sent.
    fn kind(&self, sample: &Sample<'_>) -> Option<Kind> {
        match (sample.role, self.histograms) {
            (Role::HistogramBucket | Role::HistogramCount | Role::HistogramSum, Histograms::Off)
            | (Role::HistogramBucket, Histograms::Counts)
            | (Role::Created, _) => None,
            // The same number as `_count`.
            (Role::HistogramBucket, Histograms::Buckets) => {
                (!sample.labels.get("le").is_some_and(|le| name::is_infinity(&le))).then_some(Kind::Counter)
            }
            (Role::Gauge | Role::Untyped | Role::SummaryQuantile, _) => Some(Kind::Gauge),
            _ => Some(Kind::Counter),
        }
    }

    /// Growth that was seen in earlier scrapes and not delivered, of series without a value in this one.
    fn send_debts(&mut self, had_all: bool, conversion: &mut Conversion) {
        for debt in self.series.end_scrape(had_all) {
            if let Some((name, labels)) = exposition::parse_series(&debt.key) {
                let labels: Vec<_> = labels.iter().collect();
                self.push(conversion, &name, &labels, debt.tag, debt.owed, Some(debt.id));
            } else {
                // The key's quotes made its line too long to be read.
                conversion.counts.too_large += 1;
                self.series.settle(debt.id);
            }
        }
    }

    fn push(
        &mut self,
        conversion: &mut Conversion,
        name: &str,
        labels: &[Label<'_>],
        role: Role,
        value: Decimal,
        series: Option<SeriesId>,
    ) {
        let kind = if series.is_some() { Kind::Counter } else { Kind::Gauge };
        let encoder = &mut self.encoder;
        let pushed = match self.format {
            Format::Datadog => {
                let name = name::datadog_name(name, role);
                let tags = name::datadog_tags(labels, role, &self.namespace);
                let metric = Metric { name: &name, tags: &tags, kind, value };
                conversion.packets.push(series, |out| encoder.encode(&metric, out))
            }
            Format::Etsy => {
                let metric = Metric { name, tags: labels, kind, value };
                conversion.packets.push(series, |out| encoder.encode(&metric, out))
            }
        };
        match pushed {
            Pushed::Packed => conversion.counts.metrics += 1,
            Pushed::TooLarge => {
                conversion.counts.too_large += 1;
                // It will never fit, so owing it would only keep it for ever.
                if let Some(id) = series {
                    self.series.settle(id);
                }
            }
        }
    }
}

fn complete(exposition: &Exposition<'_>) -> Result<(), Incomplete> {
    let has = |name: &str| exposition.samples.iter().any(|sample| sample.name == name);
    match exposition.first_malformed {
        Some((first, error)) if exposition.malformed > exposition.samples.len() => {
            Err(Incomplete::Malformed { lines: exposition.malformed, first, error })
        }
        _ if exposition.is_too_long => Err(Incomplete::TooLong),
        _ if exposition.samples.is_empty() => Err(Incomplete::Empty),
        _ if has("engine_daemon_engine_cpus_cpus") && !has("engine_daemon_engine_info") => {
            Err(Incomplete::EngineStarting)
        }
        _ => Ok(()),
    }
}

fn is_cumulative(role: Role) -> bool {
    !matches!(role, Role::Gauge | Role::Untyped | Role::SummaryQuantile | Role::Created)
}

#[cfg(test)]
mod tests;
