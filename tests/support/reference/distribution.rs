//! Histograms of the reference as distributions: buckets to observations.

use std::collections::BTreeMap;

use super::exposition::Sample;
use super::number::{Number, Value};

/// Up to where a bucket goes; `None` is without end.
type Bound = Option<Number>;

/// The histograms of a scrape, by name and labels.
#[derive(Default)]
pub(super) struct Histograms(BTreeMap<String, Histogram>);

#[derive(Default)]
struct Histogram {
    /// The line of one observation, with `?` in place of its value.
    line: String,
    /// Each bucket and by how many observations it grew.
    buckets: Vec<(Bound, u64)>,
}

/// `None` if the text bounds nothing.
pub(super) fn bound(text: &str) -> Option<Bound> {
    match Value::parse(text)? {
        Value::Finite(bound) => Some(Some(bound)),
        Value::NotFinite => {
            let is_below_all = text.starts_with('-');
            let is_nan = text.to_lowercase().ends_with("nan");
            (!is_below_all && !is_nan).then_some(None)
        }
    }
}

impl Histograms {
    pub(super) fn add(&mut self, bucket: &Sample, line: String, bound: Bound, growth: u64) {
        let mut labels = bucket.labels.clone();
        labels.remove("le");
        let histogram = self.0.entry(format!("{:?}{labels:?}", bucket.name)).or_default();
        histogram.line = line;
        histogram.buckets.push((bound, growth));
    }

    /// The line of each value that was observed, and how often it was.
    pub(super) fn observations(self) -> Vec<(String, u64)> {
        self.0.into_values().flat_map(Histogram::observations).collect()
    }
}

impl Histogram {
    fn observations(self) -> Vec<(String, u64)> {
        let Self { line, buckets } = self;
        let mut observations = Vec::new();
        let mut told = 0;
        let mut lower: Bound = None;
        // The lowest of the rest, again and again.
        let mut rest = buckets.clone();
        while let Some(at) = lowest(&rest) {
            let (upper, _) = rest.swap_remove(at);
            // What a bucket holds is in every one that goes at least as far, so it is no more than in any of these.
            let holding = buckets.iter().filter(|(bound, _)| !is_below(*bound, upper));
            let growth = holding.map(|(_, growth)| *growth).min().unwrap();
            let value = match (lower, upper) {
                (Some(lower), Some(upper)) => Some(lower.plus(upper).half()),
                (None, Some(upper)) if upper.is_below(Number::ZERO) => Some(upper),
                (None, Some(upper)) => Some(upper.half()),
                (lower, None) => lower,
            };
            if let (Some(value), true) = (value, growth > told) {
                observations.push((line.replacen('?', &value.text(), 1), growth - told));
            }
            told = growth;
            lower = upper.or(lower);
        }
        observations
    }
}

fn lowest(buckets: &[(Bound, u64)]) -> Option<usize> {
    let is_lowest = |at: &usize| buckets.iter().all(|(bound, _)| !is_below(*bound, buckets[*at].0));
    (0..buckets.len()).find(is_lowest)
}

fn is_below(left: Bound, right: Bound) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left.is_below(right),
        (left, None) => left.is_some(),
        (None, Some(_)) => false,
    }
}
