//! What `docs/mapping.md` says, in the plainest code: the slow reference that the converter is compared with.
//!
//! It holds the whole body, reads every line into texts of its own, knows a series by its name and labels,
//! and is in no hurry: no fingerprints, no order, no pieces. It shares no code with the library: of that it takes
//! the settings, and the words in which a scrape is reported. It bounds lines and labels, and nothing else. Of datagrams
//! it knows only how large they may be; whoever compares says which of [`Reference::entries`] were taken.

#[path = "reference/choice.rs"]
mod choice;
#[path = "reference/distribution.rs"]
mod distribution;
#[path = "reference/exposition.rs"]
pub(crate) mod exposition;
#[path = "reference/ledger.rs"]
mod ledger;
#[path = "reference/number.rs"]
pub(crate) mod number;
#[path = "reference/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use docker_metrics_statsd::config::{self, Settings};
use docker_metrics_statsd::convert::{Counts, Incomplete, Report, Start};
use docker_metrics_statsd::statsd::{Cleaning, Format};

use choice::Choice;
use distribution::Histograms;
use exposition::{Line, Role, Sample, Types};
use ledger::Ledger;
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
    carries: Carries,
    is_taken: bool,
}

/// The growth that an entry carries.
#[derive(Debug)]
enum Carries {
    Nothing,
    /// Of this series.
    Growth(Key, Number),
    /// Told by this line, which says one of them.
    Observations(String, u64),
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
    /// What the last complete scrape was converted with.
    known_choice: Choice,
    /// Some line could not be read where counting began, nor in any scrape since.
    is_unsure: bool,
    values: Values,
    debts: BTreeMap<Key, Debt>,
    /// By the line that says one of them.
    observations_owed: BTreeMap<String, u64>,
    entries: Vec<Entry>,
    ledger: Ledger,
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
    /// A series that is not known may have been there before.
    is_baseline: bool,
    counts: Counts,
    types: Types,
    values: Values,
    /// Series that have a value that counts.
    shown: BTreeSet<Key>,
    /// Gauges, and what the settings and cleaning make of each.
    gauges: BTreeMap<Key, Key>,
    histograms: Histograms,
}

impl Reference {
    pub(crate) fn new(settings: &Settings, start: Start) -> Self {
        Self {
            settings: settings.clone(),
            start,
            past: Past::Nothing,
            source: Source::default(),
            known_choice: Choice::of(settings),
            is_unsure: false,
            values: Values::new(),
            debts: BTreeMap::new(),
            observations_owed: BTreeMap::new(),
            entries: Vec::new(),
            ledger: Ledger::default(),
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
        if let Carries::Growth(key, _) = &entry.carries {
            self.debts.remove(key);
            self.ledger.sent(key, &entry.text);
        }
    }

    /// How many series owe. What was not taken is owed.
    pub(crate) fn owing(&mut self) -> usize {
        let entries = mem::take(&mut self.entries).into_iter();
        for Entry { text, carries, .. } in entries.filter(|entry| !entry.is_taken) {
            match carries {
                Carries::Nothing => {}
                Carries::Growth(key, amount) => drop(self.debts.insert(key, Debt { amount, text })),
                Carries::Observations(line, count) => {
                    *self.observations_owed.entry(line).or_default() += count;
                }
            }
        }
        self.ledger.check(|key| self.debts.get(key).map_or(Number::ZERO, |debt| debt.amount));
        self.debts.len() + self.observations_owed.len()
    }

    /// How many cumulative series are known.
    pub(crate) fn series_count(&self) -> usize {
        self.values.len()
    }

    /// The plugin ended and started again with its saved state, and these settings.
    pub(crate) fn restart(&mut self, settings: &Settings) {
        self.owing();
        if self.past == Past::Nothing {
            *self = Self::new(settings, self.start);
        } else {
            self.past = Past::Resumed;
            self.settings = settings.clone();
        }
    }

    pub(crate) fn convert(&mut self, body: &[u8]) -> Result<Report, Incomplete> {
        self.owing();
        let (counts, source) = complete(body)?;
        let is_foreign = self.past == Past::Resumed && source.engine != self.source.engine;
        if is_foreign {
            *self = Self::new(&self.settings, self.start);
        }
        let is_first = self.past == Past::Nothing && self.start == Start::FirstScrape;
        let choice = Choice::of(&self.settings);
        let is_rechosen = mem::replace(&mut self.known_choice, choice.clone()) != choice;
        let is_same_process = self.come_from(source);
        let begins = is_first || is_rechosen && is_same_process;
        let is_baseline = begins || self.is_unsure && is_same_process;
        self.is_unsure = counts.malformed > 0 && (begins || self.is_unsure);
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

    /// Whether it is the process of the scrape before.
    fn come_from(&mut self, source: Source) -> bool {
        let moved =
            self.source.process_start.zip(source.process_start).map(|(before, now)| now.minus(before));
        let is_same = !moved.is_some_and(|moved| Number::ONE.is_below(moved.magnitude()));
        if !is_same {
            // Another process, which began to count at zero.
            self.values.values_mut().for_each(|value| *value = Some(Number::ZERO));
        }
        let process_start = source.process_start.or(self.source.process_start);
        self.source = Source { process_start, ..source };
        self.past = Past::Scraped;
        is_same
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
            self.send(text, Carries::Nothing, false, &mut scrape.counts);
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
            None if scrape.is_baseline => Number::ZERO,
            None => value,
            Some(None) => Number::ZERO,
            Some(Some(before)) if value.is_below(before) => value,
            Some(Some(before)) => value.minus(before),
        };
        scrape.values.insert(key.clone(), Some(value));
        if role == Role::Bucket && self.settings.histograms == config::Histograms::Distributions {
            if known.is_none() && scrape.is_baseline {
                return;
            }
            let one = wire::distribution(&self.settings, sample);
            let count = value.whole().saturating_sub(value.minus(growth).whole());
            let bound = distribution::bound(&sample.labels["le"]).unwrap();
            scrape.histograms.add(sample, one, bound, count);
            return;
        }
        scrape.shown.insert(key.clone());
        self.ledger.grew(&key, value, growth);
        let owed = self.debts.get(&key).map_or(growth, |debt| debt.amount.plus(growth));
        if !owed.is_zero() {
            let text = wire::text(&self.settings, sample, role, 'c', owed);
            self.send(text, Carries::Growth(key, owed), false, &mut scrape.counts);
        }
    }

    fn is_sent(&self, sample: &Sample, role: Role) -> bool {
        match (role, self.settings.histograms) {
            _ if !self.known_choice.has(&sample.name, role) => false,
            (Role::Created, _)
            | (Role::Bucket | Role::OfHistogram(_), config::Histograms::Off)
            | (Role::Bucket, config::Histograms::Counts) => false,
            (Role::Bucket, config::Histograms::Buckets) => {
                !sample.labels.get("le").is_some_and(|le| wire::is_infinity(le))
            }
            (Role::Bucket, config::Histograms::Distributions) => {
                sample.labels.get("le").is_some_and(|le| distribution::bound(le).is_some())
            }
            _ => true,
        }
    }

    /// Observations follow, then debts of series that had no value, and what the scrape has shown is known.
    fn end(&mut self, scrape: &mut Scrape) {
        self.tell(scrape);
        let gone = self.debts.iter().filter(|(key, _)| !scrape.shown.contains(*key));
        let mut gone: Vec<_> =
            gone.map(|(key, debt)| (debt.text.clone(), key.clone(), debt.amount)).collect();
        gone.sort_by(|left, right| left.0.cmp(&right.0));
        for (text, key, amount) in gone {
            self.send(text, Carries::Growth(key, amount), true, &mut scrape.counts);
        }
        let before = mem::replace(&mut self.values, mem::take(&mut scrape.values));
        if scrape.counts.malformed > 0 {
            // The line may have been that of any series that seems to be gone.
            for (key, value) in before {
                self.values.entry(key).or_insert(value);
            }
        }
    }

    /// Whatever grew or is owed, by line; of each line no more than fifty times 200,000.
    fn tell(&mut self, scrape: &mut Scrape) {
        if self.settings.statsd_format != Format::Datadog {
            self.observations_owed.clear();
        }
        let mut owed = mem::take(&mut self.observations_owed);
        for (line, count) in mem::take(&mut scrape.histograms).observations() {
            let owed = owed.entry(line).or_default();
            *owed = owed.saturating_add(count);
        }
        for (line, count) in owed {
            let mut rest = count.min(999_999_999_999_999_999);
            for _ in 0..50 {
                let share = rest.min(200_000);
                let text = wire::with_rate(&line, share);
                if share == 0 || text.len() > self.settings.max_packet_bytes {
                    scrape.counts.too_large += usize::from(share > 0);
                    rest = 0;
                    break;
                }
                rest -= share;
                self.send(text, Carries::Observations(line.clone(), share), false, &mut scrape.counts);
            }
            if rest > 0 {
                self.observations_owed.insert(line, rest);
            }
        }
    }

    fn send(&mut self, text: String, carries: Carries, is_late: bool, counts: &mut Counts) {
        if text.len() <= self.settings.max_packet_bytes {
            counts.metrics += 1;
            self.entries.push(Entry { text, is_late, carries, is_taken: false });
        } else {
            counts.too_large += 1;
            if let Carries::Growth(key, _) = carries {
                self.debts.remove(&key);
                self.ledger.sent(&key, &text);
            }
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
