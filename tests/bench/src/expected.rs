//! What a StatsD server must have got after two scrapes, computed plainly.
//!
//! Independent of everything that it checks: its own reading of the text, doubles for numbers, and hash
//! maps. It knows the names that metrics get and compares the values of labels, cleaned, without
//! their keys. Bodies are those of [`crate::inputs`]; it does not judge others.

use std::collections::HashMap;

use crate::Error;

/// How far a sum may be off for each unit of the counter's value: what doubles lose.
const LOSS_MAX: f64 = 1e-12;
/// How many differences a message names.
const SHOWN_MAX: usize = 5;

/// Who a value belongs to: the metric's name and the values of its labels, in order.
type Identity = String;

/// Counters and gauges, each by its identity.
#[derive(Debug, Default)]
pub struct Metrics {
    counters: HashMap<Identity, Counter>,
    gauges: HashMap<Identity, f64>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counter {
    growth: f64,
    /// How far `growth` may be off.
    loss_max: f64,
    /// A label of it needs cleaning.
    is_awkward: bool,
}

impl Metrics {
    /// What the scrapes of a chain lead to, the first being the baseline of counters.
    #[must_use]
    pub fn of_scrapes<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut metrics = Self::default();
        let mut before: Option<HashMap<Identity, f64>> = None;
        for body in bodies {
            let mut seen = HashMap::new();
            for sample in samples(body) {
                if sample.is_gauge {
                    if sample.value.is_finite() {
                        metrics.gauges.insert(sample.identity, sample.value);
                    }
                    continue;
                }
                if let Some(before) = &before {
                    let last = before.get(&sample.identity).copied().unwrap_or(0.0);
                    let growth = if sample.value < last { sample.value } else { sample.value - last };
                    if growth != 0.0 {
                        let counter = metrics.counters.entry(sample.identity.clone()).or_default();
                        counter.growth += growth;
                        counter.loss_max += sample.value * LOSS_MAX;
                        counter.is_awkward |= sample.is_awkward;
                    }
                }
                seen.insert(sample.identity, sample.value);
            }
            before = Some(seen);
        }
        metrics
    }

    /// What StatsD lines add up to.
    pub fn of_lines(text: &str) -> Result<Self, Error> {
        let mut metrics = Self::default();
        for line in text.lines() {
            metrics.add(line).ok_or_else(|| Error::Wrong(format!("no StatsD line: {line:?}")))?;
        }
        Ok(metrics)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let (name, rest) = line.split_once(':')?;
        let mut fields = rest.split('|');
        let value: f64 = fields.next()?.parse().ok()?;
        let kind = fields.next()?;
        let tags = fields.next().map_or("", |tags| tags.trim_start_matches('#'));
        let labels = tags.split(',').filter_map(|tag| {
            let (key, value) = tag.split_once(':')?;
            Some(if matches!(key, "upper_bound" | "quantile") { bound(value) } else { value.to_owned() })
        });
        let identity = identity(name, labels.collect());
        match kind {
            "c" => self.counters.entry(identity).or_default().growth += value,
            "g" => drop(self.gauges.insert(identity, value)),
            _ => return None,
        }
        fields.next().is_none().then_some(())
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counters.len() + self.gauges.len()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `got` is exactly this.
    pub fn check(&self, got: &Self) -> Result<(), Error> {
        let wrong = self.counters.iter().filter_map(|(identity, counter)| {
            let sum = got.counters.get(identity).map_or(0.0, |counter| counter.growth);
            let is_right = (sum - counter.growth).abs() <= counter.loss_max;
            (!is_right).then(|| format!("{identity}: {sum} instead of {}", counter.growth))
        });
        let gauges = self.gauges.iter().filter_map(|(identity, value)| {
            let is_right = got.gauges.get(identity) == Some(value);
            (!is_right)
                .then(|| format!("{identity}: gauge {:?} instead of {value}", got.gauges.get(identity)))
        });
        let more = got.counters.keys().filter(|identity| !self.counters.contains_key(*identity));
        let more = more.chain(got.gauges.keys().filter(|identity| !self.gauges.contains_key(*identity)));
        report(wrong.chain(gauges).chain(more.map(|identity| format!("{identity}: unexpected"))))
    }

    /// Whether `got` has these counters in whole numbers, save those with labels that need care: all that
    /// can be asked of parsers that split labels at commas and of clients that count in integers.
    pub fn check_roughly(&self, got: &Self) -> Result<(), Error> {
        let plain = self.counters.iter().filter(|(_, counter)| !counter.is_awkward);
        report(plain.filter_map(|(identity, counter)| {
            let sum = got.counters.get(identity).map_or(0.0, |counter| counter.growth);
            let is_right = (sum - counter.growth).abs() < 1.0;
            (!is_right).then(|| format!("{identity}: {sum} instead of {}", counter.growth))
        }))
    }
}

fn report(problems: impl Iterator<Item = String>) -> Result<(), Error> {
    let mut problems: Vec<_> = problems.collect();
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort();
    let count = problems.len();
    problems.truncate(SHOWN_MAX);
    Err(Error::Wrong(format!("{count} values are wrong: {}", problems.join("; "))))
}

struct Sample {
    identity: Identity,
    is_gauge: bool,
    is_awkward: bool,
    value: f64,
}

/// The samples that are sent.
fn samples(body: &[u8]) -> impl Iterator<Item = Sample> {
    let mut kind = "";
    let lines = std::str::from_utf8(body).unwrap_or_default().lines();
    lines.filter_map(move |line| {
        if line.starts_with('#') {
            kind = line.rsplit(' ').next().unwrap_or_default();
            return None;
        }
        sample(line, kind)
    })
}

fn sample(line: &str, kind: &str) -> Option<Sample> {
    // Nothing behind the labels holds a brace.
    let (key, rest) = match line.rfind('}') {
        Some(end) => line.split_at_checked(end + 1)?,
        None => line.split_once(' ')?,
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    let (name, labels) = key.split_once('{').unwrap_or((key, ""));
    let labels = pairs(labels);
    let has = |name: &str, value: &str| labels.iter().any(|(key, text)| key == name && text.contains(value));
    if has("le", "Inf") {
        return None;
    }
    let (name, is_gauge) = match kind {
        "counter" => (format!("{}.count", name.strip_suffix("_total").unwrap_or(name)), false),
        "gauge" => (name.to_owned(), true),
        _ => match name.rsplit_once('_') {
            Some((family, part @ ("bucket" | "sum" | "count"))) => (format!("{family}.{part}"), false),
            _ => (format!("{name}.quantile"), true),
        },
    };
    let is_awkward = labels.iter().any(|(_, value)| value.contains(['"', '\\', '\n', ',', '{', '=']));
    let values = labels.into_iter().map(|(key, value)| match key.as_str() {
        "le" | "quantile" => bound(&value),
        _ => clean(&value),
    });
    Some(Sample {
        identity: identity(&format!("docker.{name}"), values.collect()),
        is_gauge,
        is_awkward,
        value,
    })
}

fn identity(name: &str, mut values: Vec<String>) -> Identity {
    values.sort();
    format!("{name} {}", values.join(" "))
}

/// `1` and `1.0` are one bound.
fn bound(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| text.to_owned(), |float| float.to_string())
}

fn clean(value: &str) -> String {
    value.replace(|char: char| !char.is_alphanumeric() && !"_-:/.".contains(char), "_")
}

/// Names and values of `a="b",c="d"}`.
fn pairs(mut text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let mut value = String::new();
        let mut chars = rest.chars();
        loop {
            match chars.next() {
                Some('\\') => value.extend(chars.next().map(|char| if char == 'n' { '\n' } else { char })),
                Some('"') | None => break,
                Some(char) => value.push(char),
            }
        }
        pairs.push((name.trim_start_matches(',').to_owned(), value));
        text = chars.as_str();
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# TYPE a_total counter\na_total{x=\"1\"} 5\na_total{x=\"2\"} 5\n# TYPE g gauge\ng 1\n\
                          # TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 0.5\nh_count 2\n";
    const AFTER: &str = "# TYPE a_total counter\na_total{x=\"1\"} 7\na_total{x=\"3,}\"} 4\n# TYPE g gauge\ng NaN\n\
                         # TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 0.75\nh_count 3\n";
    const LINES: &str = "docker.a.count:2|c|#x:1\ndocker.a.count:4|c|#x:3__\ndocker.g:1|g\n\
                         docker.h.sum:0.25|c\ndocker.h.count:1|c\n";

    #[track_caller]
    fn check(lines: &str, expected: Result<(), &str>) {
        let metrics = Metrics::of_scrapes([BEFORE.as_bytes(), AFTER.as_bytes()]);
        let result = metrics.check(&Metrics::of_lines(lines).unwrap()).map_err(|error| error.to_string());
        assert_eq!(result, expected.map_err(ToOwned::to_owned));
    }

    #[test]
    fn lines_that_say_what_the_scrapes_say_are_right() {
        check(LINES, Ok(()));
        check(
            &LINES.replace(":2|c", ":1|c").replace("docker.g", "docker.a.count:1|c|#x:1\ndocker.g"),
            Ok(()),
        );
    }

    #[test]
    fn every_difference_is_named() {
        let wrong = |problem| Err::<(), &str>(problem);
        check(&LINES.replace(":2|c", ":3|c"), wrong("1 values are wrong: docker.a.count 1: 3 instead of 2"));
        check(
            &LINES.replace("g:1|g", "g:2|g"),
            wrong("1 values are wrong: docker.g : gauge Some(2.0) instead of 1"),
        );
        check(&format!("{LINES}docker.b:1|g\n"), wrong("1 values are wrong: docker.b : unexpected"));
        let missing = LINES.replace("docker.h.sum:0.25|c\n", "");
        check(&missing, wrong("1 values are wrong: docker.h.sum : 0 instead of 0.25"));
    }

    #[test]
    fn rough_checks_forgive_fractions_and_awkward_labels_only() {
        let metrics = Metrics::of_scrapes([BEFORE.as_bytes(), AFTER.as_bytes()]);
        let rough = |lines: &str| metrics.check_roughly(&Metrics::of_lines(lines).unwrap()).is_ok();
        assert!(rough("docker.a.count:2|c|#x:1\ndocker.h.count:1|c\n"));
        assert!(!rough("docker.a.count:4|c|#x:1\ndocker.h.count:1|c\n"));
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for text in ["a", "a:b|c", "a:1|x", "a:1|c|#b:c|d"] {
            assert!(Metrics::of_lines(text).is_err(), "{text}");
        }
    }
}
