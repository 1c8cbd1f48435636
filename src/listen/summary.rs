//! What has arrived, metric by metric: the numbers behind the live table.
//!
//! Pure, and bounded whatever arrives: beyond its limits it counts what it does not keep. Times are
//! since the listening began.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::line::Line;

/// The most metrics kept. An engine of a Swarm manager has about 300 with tags.
pub(super) const ROWS_MAX: usize = 1000;
/// The most series told apart in a metric.
pub(super) const SERIES_MAX: usize = 500;
/// The longest name kept, in bytes: beyond what a server takes.
pub(super) const NAME_BYTES_MAX: usize = 300;
/// A rate is of this time at least, and of twice as much at most: a few scrapes of an engine.
const RATE_TIME: Duration = Duration::from_secs(30);
/// No rate is told of less time.
const RATE_TIME_MIN: Duration = Duration::from_secs(1);

/// What has arrived.
#[derive(Debug, Default)]
pub(super) struct Summary {
    rows: BTreeMap<String, Row>,
    pub(super) datagrams: u64,
    /// Lines that are metrics.
    pub(super) metrics: u64,
    /// Those of them that found no room in the table.
    pub(super) beyond: u64,
    /// Lines that are service checks.
    pub(super) checks: u64,
    /// Lines that are neither, or whose values are no numbers.
    pub(super) others: u64,
    /// When sums were last noted for rates, and the time before.
    marks: [Duration; 2],
}

/// One metric.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    /// The sum of a count, how many values a distribution had, the last value of anything else.
    pub(super) value: f64,
    /// When it last arrived.
    pub(super) seen: Duration,
    /// When its value last became another.
    pub(super) changed: Duration,
    /// How often that was.
    pub(super) changes: u64,
    /// A hash of the tags of each series, at most [`SERIES_MAX`].
    series: HashSet<u64>,
    /// The sums at [`Summary::marks`].
    marks: [f64; 2],
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Count,
    Gauge,
    Timer,
    Histogram,
    Distribution,
}

impl Kind {
    fn of(text: &str) -> Option<Self> {
        match text {
            "c" => Some(Self::Count),
            "g" => Some(Self::Gauge),
            "ms" => Some(Self::Timer),
            "h" => Some(Self::Histogram),
            "d" => Some(Self::Distribution),
            _ => None,
        }
    }
}

impl Summary {
    /// Takes the lines of one datagram.
    pub(super) fn take<'a>(&mut self, lines: impl Iterator<Item = &'a str>, now: Duration) {
        self.datagrams += 1;
        for line in lines {
            match Line::parse(line).and_then(|line| Some((number(line.value)?, Kind::of(line.kind)?, line))) {
                Some((value, kind, line)) => {
                    self.metrics += 1;
                    match self.row(line.name, kind) {
                        Some(row) => row.take(&line, value, now),
                        None => self.beyond += 1,
                    }
                }
                None if line.starts_with("_sc|") => self.checks += 1,
                None => self.others += 1,
            }
        }
    }

    /// The metrics by name.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = (&str, &Row)> {
        self.rows.iter().map(|(name, row)| (name.as_str(), row))
    }

    /// What a count or distribution grew by in a second, of late; `None` of anything else, and before that can be
    /// told.
    pub(super) fn rate(&self, row: &Row, now: Duration) -> Option<f64> {
        let [from, _] = self.marks;
        let [sum, _] = row.marks;
        let time = now.saturating_sub(from);
        let is_growing = matches!(row.kind, Kind::Count | Kind::Distribution);
        let is_known = is_growing && time >= RATE_TIME_MIN;
        is_known.then(|| (row.value - sum) / time.as_secs_f64())
    }

    /// Notes the sums that later rates begin from, when it is time; to be called at each look.
    pub(super) fn mark(&mut self, now: Duration) {
        let [_, last] = self.marks;
        if now.saturating_sub(last) >= RATE_TIME {
            self.marks = [last, now];
            for row in self.rows.values_mut() {
                let [_, last] = row.marks;
                row.marks = [last, row.value];
            }
        }
    }

    /// The metric's row; `None` if there is no room for another.
    fn row(&mut self, name: &str, kind: Kind) -> Option<&mut Row> {
        let is_known = self.rows.get(name).map(|row| row.kind == kind);
        let has_room = self.rows.len() < ROWS_MAX && name.len() <= NAME_BYTES_MAX;
        if is_known == Some(false) || is_known.is_none() && has_room {
            // Under another type it is another metric.
            self.rows.insert(name.to_owned(), Row::new(kind));
        }
        self.rows.get_mut(name)
    }
}

impl Row {
    fn new(kind: Kind) -> Self {
        let (seen, changed) = (Duration::ZERO, Duration::ZERO);
        Self { kind, value: 0.0, seen, changed, changes: 0, series: HashSet::new(), marks: [0.0; 2] }
    }

    /// How many series there are, and whether there may be more.
    pub(super) fn series(&self) -> (usize, bool) {
        (self.series.len(), self.series.len() == SERIES_MAX)
    }

    fn take(&mut self, line: &Line<'_>, value: f64, now: Duration) {
        let value = match self.kind {
            Kind::Count => self.value + value / line.rate(),
            Kind::Distribution => self.value + line.times(),
            Kind::Gauge | Kind::Timer | Kind::Histogram => value,
        };
        let is_first = self.series.is_empty();
        if self.series.len() < SERIES_MAX {
            let mut hasher = DefaultHasher::new();
            line.tags().hash(&mut hasher);
            self.series.insert(hasher.finish());
        }
        if is_first || value.to_bits() != self.value.to_bits() {
            self.changes += 1;
            self.changed = now;
        }
        (self.value, self.seen) = (value, now);
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn summary(datagrams: &[(u64, &str)]) -> Summary {
        let mut summary = Summary::default();
        for (time, datagram) in datagrams {
            summary.take(datagram.lines(), seconds(*time));
        }
        summary
    }

    fn row<'a>(summary: &'a Summary, name: &str) -> &'a Row {
        summary.rows().find(|(other, _)| *other == name).unwrap().1
    }

    #[test]
    fn counts_are_summed_and_other_values_replaced() {
        let summary =
            summary(&[(1, "a:1|c\nb:5|g\nc:3|ms"), (2, "a:0.5|c\na:1|c|@0.25\nb:-2|g"), (3, "b:-2|g")]);
        let values = ["a", "b", "c"].map(|name| row(&summary, name).value);
        assert_eq!(values.map(|value| value.to_string()), ["5.5", "-2", "3"]);
        let times = ["a", "b", "c"].map(|name| (row(&summary, name).seen, row(&summary, name).changed));
        assert_eq!(times, [(2, 2), (3, 2), (1, 1)].map(|(seen, changed)| (seconds(seen), seconds(changed))));
        assert_eq!((summary.datagrams, summary.metrics, summary.others), (3, 7, 0));
    }

    #[test]
    fn series_are_told_apart_by_their_tags_in_every_dialect() {
        let summary = summary(&[(0, "a:1|c|#b:c\na:1|c|#b:d\na:1|c|#b:c\na;b=c:1|c\na:1|c")]);
        assert_eq!(row(&summary, "a").series(), (4, false));
    }

    #[test]
    fn a_rate_is_of_the_last_half_minute_to_minute() {
        let mut summary = summary(&[(0, "a:60|c")]);
        let rate = |summary: &Summary, now| summary.rate(row(summary, "a"), seconds(now));
        assert_eq!(rate(&summary, 0), None);
        assert_eq!(rate(&summary, 20), Some(3.0));
        summary.mark(seconds(30));
        assert_eq!(rate(&summary, 60), Some(1.0));
        summary.mark(seconds(60));
        summary.take(["a:30|c"].into_iter(), seconds(75));
        assert_eq!(rate(&summary, 90), Some(0.5), "of the 60 seconds since the first mark");
    }

    #[test]
    fn values_of_a_distribution_are_counted() {
        let summary = summary(&[(0, "a:7|d|@0.3333333333333333\na:2|d"), (1, "a:7|d|@0.02040816326530612")]);
        assert_eq!(row(&summary, "a").value.to_string(), "53");
        assert_eq!(summary.rate(row(&summary, "a"), seconds(53)), Some(1.0));
    }

    #[test]
    fn a_gauge_has_no_rate() {
        let summary = summary(&[(0, "a:60|g")]);
        assert_eq!(summary.rate(row(&summary, "a"), seconds(20)), None);
    }

    #[test]
    fn what_is_no_metric_is_counted() {
        let summary = summary(&[(0, "_sc|a|0\nnonsense\na:x|c\na:NaN|g\na:1e999|g\na:1|zz")]);
        assert_eq!((summary.metrics, summary.checks, summary.others), (0, 1, 5));
        assert_eq!(summary.rows().len(), 0);
    }

    #[test]
    fn another_type_begins_anew() {
        let summary = summary(&[(0, "a:5|c"), (1, "a:1|g")]);
        assert_eq!((row(&summary, "a").kind, row(&summary, "a").changes), (Kind::Gauge, 1));
    }

    #[test]
    fn whatever_arrives_the_table_is_bounded() {
        let mut summary = Summary::default();
        for number in 0..ROWS_MAX + 7 {
            summary.take([format!("a{number}:1|c").as_str()].into_iter(), seconds(0));
        }
        for number in 0..SERIES_MAX + 7 {
            summary.take([format!("a1:1|c|#b:{number}").as_str()].into_iter(), seconds(0));
        }
        summary.take([format!("{}:1|c", "x".repeat(NAME_BYTES_MAX + 1)).as_str()].into_iter(), seconds(0));
        assert_eq!((summary.rows().len(), summary.beyond), (ROWS_MAX, 8));
        assert_eq!(row(&summary, "a1").series(), (SERIES_MAX, true));
    }
}
