//! What `docs/mapping.md` says, in the plainest code: the slow reference that the converter is compared with.
//!
//! It holds the whole body, reads every line into texts of its own, knows a series by its name and labels,
//! and is in no hurry: no fingerprints, no order, no pieces. It shares no code with the library: of that it takes
//! the settings, and the words in which a scrape is reported. It bounds lines and labels, and nothing else. Of datagrams
//! it knows only how large they may be; whoever compares says which of [`Reference::entries`] were taken.

#[path = "reference/exposition.rs"]
mod exposition;
#[path = "reference/number.rs"]
mod number;
#[path = "reference/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use docker_metrics_statsd::config::{Histograms, Settings};
use docker_metrics_statsd::convert::{Counts, Incomplete, Report, Start};
use docker_metrics_statsd::statsd::Cleaning;

use exposition::{Line, Role, Sample, Types};
use number::{Number, Value};

/// A series: its name and its labels, as text.
type Key = String;
/// Last values; `None` where there was a value, but none that counts.
type Values = BTreeMap<Key, Option<Number>>;

/// A metric that is sent.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its lines, with their line feeds.
    pub(crate) text: String,
    /// It is what a series owed that is gone.
    pub(crate) is_late: bool,
    /// The growth that it carries, and of which series.
    carries: Option<(Key, Number)>,
    is_taken: bool,
}

struct Debt {
    amount: Number,
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Past {
    Nothing,
    Resumed,
    Scraped,
}

/// The slow converter.
pub(crate) struct Reference {
    settings: Settings,
    start: Start,
    past: Past,
    source: Source,
    values: Values,
    debts: BTreeMap<Key, Debt>,
    entries: Vec<Entry>,
}

/// What a body says of where it comes from.
#[derive(Default)]
struct Source {
    engine: Option<String>,
    process_start: Option<Number>,
}

/// A complete scrape.
#[derive(Default)]
struct Scrape {
    is_baseline: bool,
    counts: Counts,
    types: Types,
    values: Values,
    /// Series that have a value that counts.
    shown: BTreeSet<Key>,
    /// Gauges, and what cleaning makes of each.
    gauges: BTreeMap<Key, Key>,
}

impl Reference {
    pub(crate) fn new(settings: &Settings, start: Start) -> Self {
        Self {
            settings: settings.clone(),
            start,
            past: Past::Nothing,
            source: Source::default(),
            values: Values::new(),
            debts: BTreeMap::new(),
            entries: Vec::new(),
        }
    }

    /// What the last scrape became.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The datagram with this entry was taken.
    pub(crate) fn taken(&mut self, entry: usize) {
        let entry = &mut self.entries[entry];
        entry.is_taken = true;
        if let Some((key, _)) = &entry.carries {
            self.debts.remove(key);
        }
    }

    /// How many series owe. What was not taken is owed.
    pub(crate) fn owing(&mut self) -> usize {
        for Entry { text, carries, is_taken, .. } in mem::take(&mut self.entries) {
            if let (Some((key, amount)), false) = (carries, is_taken) {
                self.debts.insert(key, Debt { amount, text });
            }
        }
        self.debts.len()
    }

    /// How many cumulative series are known.
    pub(crate) fn series(&self) -> usize {
        self.values.len()
    }

    /// The plugin ended and started again with its saved state.
    pub(crate) fn restart(&mut self) {
        self.owing();
        if self.past != Past::Nothing {
            self.past = Past::Resumed;
        }
    }

    pub(crate) fn convert(&mut self, body: &[u8]) -> Result<Report, Incomplete> {
        self.owing();
        let (counts, source) = complete(body)?;
        let is_foreign = self.past == Past::Resumed && source.engine != self.source.engine;
        if is_foreign {
            *self = Self::new(&self.settings, self.start);
        }
        let is_baseline = self.past == Past::Nothing && self.start == Start::FirstScrape;
        self.come_from(source);
        let mut scrape = Scrape { is_baseline, counts, ..Scrape::default() };
        for line in exposition::lines(body).flatten() {
            match line {
                Line::Nothing => {}
                Line::Type { family, kind } => drop(scrape.types.insert(family, kind)),
                Line::Sample(sample) => self.sample(&sample, &mut scrape),
            }
        }
        self.end(&mut scrape);
        scrape.counts.merged = scrape.gauges.len() - scrape.gauges.values().collect::<BTreeSet<_>>().len();
        // It does not know which lines stood where.
        Ok(Report { counts: scrape.counts, cleaning: Cleaning::default(), is_foreign })
    }

    fn come_from(&mut self, source: Source) {
        let moved =
            self.source.process_start.zip(source.process_start).map(|(before, now)| now.minus(before));
        if moved.is_some_and(|moved| Number::ONE.is_below(moved.magnitude())) {
            // Another process, which began to count at zero.
            self.values.values_mut().for_each(|value| *value = Some(Number::ZERO));
        }
        let process_start = source.process_start.or(self.source.process_start);
        self.source = Source { process_start, ..source };
        self.past = Past::Scraped;
    }

    fn sample(&mut self, sample: &Sample, scrape: &mut Scrape) {
        let role = exposition::role(&sample.name, &scrape.types);
        if !self.is_sent(sample, role) {
            return;
        }
        let value = sample.value.ok().and_then(Value::finite);
        scrape.counts.not_finite += usize::from(matches!(sample.value, Ok(Value::NotFinite)));
        if matches!(role, Role::Gauge | Role::Quantile) {
            scrape.gauges.insert(key(sample), wire::cleaned(&self.settings, sample));
        }
        if !matches!(role, Role::Gauge | Role::Quantile) {
            self.cumulative(sample, role, value, scrape);
        } else if let Some(value) = value {
            let text = wire::text(&self.settings, sample, role, 'g', value);
            self.send(text, None, false, &mut scrape.counts);
        }
    }

    fn cumulative(&mut self, sample: &Sample, role: Role, value: Option<Number>, scrape: &mut Scrape) {
        let is_negative = value.is_some_and(|value| value.is_below(Number::ZERO));
        scrape.counts.negative += usize::from(is_negative);
        let value = value.filter(|_| !is_negative);

        let key = key(sample);
        if scrape.values.contains_key(&key) {
            scrape.counts.repeated += usize::from(value.is_some());
            return;
        }
        let known = self.values.get(&key).copied();
        let Some(value) = value else {
            let absent = if scrape.is_baseline { None } else { Some(Number::ZERO) };
            scrape.values.insert(key, known.unwrap_or(absent));
            return;
        };
        let growth = match known {
            _ if scrape.is_baseline => Number::ZERO,
            None => value,
            Some(None) => Number::ZERO,
            Some(Some(before)) if value.is_below(before) => value,
            Some(Some(before)) => value.minus(before),
        };
        scrape.values.insert(key.clone(), Some(value));
        scrape.shown.insert(key.clone());
        let owed = self.debts.get(&key).map_or(growth, |debt| debt.amount.plus(growth));
        if !owed.is_zero() {
            let text = wire::text(&self.settings, sample, role, 'c', owed);
            self.send(text, Some((key, owed)), false, &mut scrape.counts);
        }
    }

    fn is_sent(&self, sample: &Sample, role: Role) -> bool {
        match (role, self.settings.histograms) {
            (Role::Created, _)
            | (Role::Bucket | Role::OfHistogram(_), Histograms::Off)
            | (Role::Bucket, Histograms::Counts) => false,
            (Role::Bucket, Histograms::Buckets) => {
                !sample.labels.get("le").is_some_and(|le| wire::is_infinity(le))
            }
            _ => true,
        }
    }

    /// Debts of series that had no value follow, and what the scrape has shown is known.
    fn end(&mut self, scrape: &mut Scrape) {
        let gone = self.debts.iter().filter(|(key, _)| !scrape.shown.contains(*key));
        let mut gone: Vec<_> =
            gone.map(|(key, debt)| (debt.text.clone(), key.clone(), debt.amount)).collect();
        gone.sort_by(|left, right| left.0.cmp(&right.0));
        for (text, key, amount) in gone {
            self.send(text, Some((key, amount)), true, &mut scrape.counts);
        }
        let before = mem::replace(&mut self.values, mem::take(&mut scrape.values));
        if scrape.counts.malformed > 0 {
            // The line may have been that of any series that seems to be gone.
            for (key, value) in before {
                self.values.entry(key).or_insert(value);
            }
        }
    }

    fn send(&mut self, text: String, carries: Option<(Key, Number)>, is_late: bool, counts: &mut Counts) {
        if text.len() <= self.settings.max_packet_bytes {
            counts.metrics += 1;
            self.entries.push(Entry { text, is_late, carries, is_taken: false });
        } else {
            counts.too_large += 1;
            carries.map(|(key, _)| self.debts.remove(&key));
        }
    }
}

fn key(sample: &Sample) -> Key {
    format!("{:?}{:?}", sample.name, sample.labels)
}

/// Whether a body counts: how many samples and malformed lines it has, and where it comes from.
fn complete(body: &[u8]) -> Result<(Counts, Source), Incomplete> {
    let mut counts = Counts::default();
    let mut source = Source::default();
    let mut malformed = Vec::new();
    let (mut has_info, mut has_cpus) = (false, false);
    for (number, line) in exposition::lines(body).enumerate() {
        let (name, labels, value) = match line {
            Ok(Line::Nothing | Line::Type { .. }) => continue,
            Ok(Line::Sample(Sample { value: Err(error), .. })) | Err(error) => {
                malformed.push((number + 1, error));
                continue;
            }
            Ok(Line::Sample(Sample { name, labels, value: Ok(value) })) => (name, labels, value),
        };
        counts.samples += 1;
        match name.as_str() {
            "engine_daemon_engine_info" => {
                has_info = true;
                let id = labels.get("daemon_id").map(|id| id.replace(char::is_control, " "));
                source.engine = source.engine.take().or(id);
            }
            "engine_daemon_engine_cpus_cpus" => has_cpus = true,
            "process_start_time_seconds" => {
                source.process_start = source.process_start.or(value.finite());
            }
            _ => {}
        }
    }
    counts.malformed = malformed.len();
    match malformed.first() {
        Some((first, error)) if malformed.len() > counts.samples => {
            Err(Incomplete::Malformed { lines: malformed.len(), first: *first, error: *error })
        }
        _ if counts.samples == 0 => Err(Incomplete::Empty),
        _ if has_cpus && !has_info => Err(Incomplete::EngineStarting),
        _ => Ok((counts, source)),
    }
}
