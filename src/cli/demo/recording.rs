//! A scrape of a real engine that moves: counters grow, histograms fill, gauges wander.
//!
//! Pure. What moves is drawn from a hash of the series and the number of the step, so that the buckets,
//! the sum and the count of a histogram agree without knowing of one another, and every demo is the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::exposition::{self, Kind, Sample};

/// Engine 28.5.2 at work: the families that people look at, without their HELP lines.
const RECORDING: &str = include_str!("engine.prom");
/// How long something may have taken, in seconds.
const DURATIONS: [f64; 6] = [0.003, 0.007, 0.018, 0.031, 0.07, 0.2];
/// What does not move on its own: the machine, and when the process was started.
const STILL: [&str; 2] = ["engine_daemon_engine_", "process_start_time_seconds"];

/// The recording after a number of steps.
#[derive(Debug)]
pub(super) struct Recording {
    lines: Vec<Line>,
    step: u64,
}

#[derive(Debug)]
struct Line {
    /// The whole line, or what stands before the value.
    head: &'static str,
    series: Option<Series>,
}

#[derive(Debug)]
struct Series {
    moves: Moves,
    /// The family and labels of what is counted or measured: the same for all of a histogram.
    key: String,
    recorded: f64,
    value: f64,
}

/// How a series moves.
#[derive(Debug)]
enum Moves {
    Counter,
    /// A bucket up to this bound.
    Bucket(f64),
    /// How many a histogram or a summary has seen.
    Count,
    /// Their sum.
    Sum,
    Gauge,
    Still,
}

impl Recording {
    /// As it was recorded.
    pub(super) fn new() -> Self {
        let mut family = (String::new(), Kind::Untyped);
        let lines = RECORDING.lines().map(|line| match exposition::parse(line.as_bytes()) {
            Ok(exposition::Line::Sample(sample)) => {
                let (head, value) = line.rsplit_once(' ').unwrap_or_default();
                let (name, kind) = &family;
                Line { head, series: Series::new(name, *kind, &sample, value) }
            }
            Ok(exposition::Line::Type { family: name, kind }) => {
                family = (name.into_owned(), kind);
                Line { head: line, series: None }
            }
            _ => Line { head: line, series: None },
        });
        Self { lines: lines.collect(), step: 0 }
    }

    /// The text of a scrape, after which everything moves a step.
    pub(super) fn scrape(&mut self) -> String {
        let mut text = String::new();
        for Line { head, series } in &mut self.lines {
            text += head;
            if let Some(series) = series {
                text += &format!(" {}", series.value);
                series.advance(self.step);
            }
            text.push('\n');
        }
        self.step += 1;
        text
    }
}

impl Series {
    fn new(family: &str, kind: Kind, sample: &Sample<'_>, value: &str) -> Option<Self> {
        let recorded = value.parse().ok()?;
        let moves = match (kind, sample.name().strip_prefix(family)?) {
            (Kind::Counter, _) => Moves::Counter,
            (Kind::Histogram, "_bucket") => Moves::Bucket(sample.labels().get("le")?.parse().ok()?),
            (Kind::Histogram | Kind::Summary, "_count") => Moves::Count,
            (Kind::Histogram | Kind::Summary, "_sum") => Moves::Sum,
            (Kind::Gauge, _) if !STILL.iter().any(|still| family.starts_with(still)) => Moves::Gauge,
            _ => Moves::Still,
        };
        let labels = sample.labels().iter().filter(|(name, _)| name != "le");
        let key = labels.fold(family.to_owned(), |key, (name, value)| key + &format!(",{name}={value}"));
        Some(Self { moves, key, recorded, value: recorded })
    }

    fn advance(&mut self, step: u64) {
        self.value += match self.moves {
            Moves::Counter => self.growth(step),
            Moves::Bucket(bound) => {
                f64::from(u8::from(self.duration(step).is_some_and(|duration| duration <= bound)))
            }
            Moves::Count => f64::from(u8::from(self.duration(step).is_some())),
            Moves::Sum => self.duration(step).unwrap_or_default(),
            Moves::Gauge => self.swing(step),
            Moves::Still => 0.0,
        };
    }

    /// What a counter grows by: the more, the more it has counted. One of nothing stays so.
    fn growth(&self, step: u64) -> f64 {
        let draw = f64::from(self.draw(step, "counter", 3));
        match self.recorded {
            0.0 => 0.0,
            recorded if recorded.fract() != 0.0 => 0.01 * draw,
            recorded => (recorded / 60.0).floor() * draw + f64::from(self.draw(step, "one", 2)),
        }
    }

    /// How long the one thing took that happened in this step, if any did.
    fn duration(&self, step: u64) -> Option<f64> {
        let happens = self.draw(step, "happens", 3) == 0;
        let index = self.draw(step, "duration", DURATIONS.len());
        happens.then(|| DURATIONS.get(usize::from(index)).copied()).flatten()
    }

    /// What a gauge moves by: it stays near what was recorded.
    fn swing(&self, step: u64) -> f64 {
        let unit = (self.recorded / 30.0).ceil();
        let moved = self.value + unit * (f64::from(self.draw(step, "swing", 3)) - 1.0);
        let (least, most) = ((self.recorded * 0.5).ceil(), (self.recorded * 1.5).floor());
        if (least..=most).contains(&moved) { moved - self.value } else { 0.0 }
    }

    /// One of the numbers below `count`.
    fn draw(&self, step: u64, purpose: &str, count: usize) -> u8 {
        let mut hasher = DefaultHasher::new();
        (&self.key, step, purpose).hash(&mut hasher);
        u8::try_from(hasher.finish() % count as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const STEPS: usize = 100;

    /// Each series' text before its value, and the value, as a scrape has them.
    fn values(scrape: &str) -> BTreeMap<String, f64> {
        let samples = scrape.lines().filter(|line| !line.starts_with('#'));
        let split = samples.map(|line| line.rsplit_once(' ').unwrap());
        split.map(|(head, value)| (head.to_owned(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_first_scrape_is_the_recording() {
        let scrape = Recording::new().scrape();
        assert_eq!(values(&scrape), values(RECORDING));
        assert_eq!(scrape.lines().count(), RECORDING.lines().count());
        let mut lines = scrape.lines();
        assert!(lines.all(|line| exposition::parse(line.as_bytes()).is_ok()));
    }

    /// For all scrapes: nothing cumulative falls, and a histogram's count is its last bucket's.
    #[test]
    fn every_scrape_could_be_an_engines() {
        let mut recording = Recording::new();
        for _ in 0..STEPS {
            let values = values(&recording.scrape());
            for Line { head, series } in &recording.lines {
                let Some(series) = series else { continue };
                let may_fall = matches!(series.moves, Moves::Gauge | Moves::Still);
                assert!(may_fall || series.value >= values[*head], "{head}");
            }
            for action in ["create", "delete", "start"] {
                let value = |suffix: &str| {
                    values[&format!("engine_daemon_container_actions_seconds_{suffix}")].to_bits()
                };
                let last_bucket = format!("bucket{{action=\"{action}\",le=\"+Inf\"}}");
                assert_eq!(value(&last_bucket), value(&format!("count{{action=\"{action}\"}}")));
            }
        }
    }

    #[test]
    fn counters_histograms_summaries_and_gauges_move() {
        let mut recording = Recording::new();
        let first = values(&recording.scrape());
        let last = values(&(0..STEPS).map(|_| recording.scrape()).last().unwrap());
        for (moves, head) in [
            (true, "builder_builds_triggered_total"),
            (true, "engine_daemon_events_total"),
            (true, "process_cpu_seconds_total"),
            (true, "engine_daemon_container_actions_seconds_bucket{action=\"start\",le=\"0.25\"}"),
            (true, "engine_daemon_container_actions_seconds_sum{action=\"start\"}"),
            (true, "go_gc_duration_seconds_count"),
            (true, "go_goroutines"),
            (false, "engine_daemon_health_checks_failed_total"),
            (false, "engine_daemon_engine_memory_bytes"),
            (false, "process_start_time_seconds"),
        ] {
            assert_eq!(first[head].to_bits() != last[head].to_bits(), moves, "{head}");
        }
    }
}
