//! Datadog's own code makes sketches of distributions, which hold as many values as the buckets grew by.
//!
//! This build of it ignores rates and counts each line as one value; the Agent divides by the rate and cuts off the
//! fraction. So lines are sent as they are, and written out: each as often as the Agent would count it.

use std::collections::BTreeMap;
use std::thread;

use crate::exposition::{self, Sample};
use crate::program;
use crate::support::datadog::{Datadog, Sketch};
use crate::support::{asked_to_skip, workspace_root};

/// How far a sum of middles may be off: the server adds up doubles.
const SUM_ERROR_MAX: f64 = 1e-9;

/// A series' name and tags, and the values that were observed, each with how often.
type Observed = BTreeMap<(String, Vec<String>), Vec<(f64, u64)>>;

#[test]
fn sketches_hold_as_many_values_as_the_buckets_grew_by() {
    if asked_to_skip("agents") {
        return;
    }
    let scrape = workspace_root().join("tests/fixtures/scrapes/engine-28.5.2-active.prom");
    let expected = observed(&exposition::samples(&scrape));
    assert!(expected.len() >= 10, "histograms had counted when it was recorded");
    let lines = program::distributions_from_zero(&scrape);
    let lines: Vec<_> = lines.into_iter().filter(|line| line.contains("|d")).collect();
    let written_out: Vec<_> = lines.iter().flat_map(|line| written_out(line)).collect();
    assert!(written_out.len() > lines.len(), "some ranges held more than one");

    // A flush comes every ten seconds: the servers wait for theirs side by side.
    thread::scope(|scope| {
        scope.spawn(|| check(&lines, expected.clone(), |_| 1));
        scope.spawn(|| check(&written_out, expected.clone(), |count| count));
    });
}

/// The server counts each value of the histograms so often.
fn check(lines: &[String], expected: Observed, times: impl Fn(u64) -> u64) {
    let sketches = sketches(lines);
    assert_eq!(sketches.len(), expected.len(), "{sketches:#?}");
    for ((name, tags), values) in expected {
        let found = sketches.iter().find(|sketch| (&sketch.name, &sketch.tags) == (&name, &tags));
        let sketch = found.unwrap_or_else(|| panic!("no {name} {tags:?} among {sketches:#?}"));
        let count: u64 = values.iter().map(|(_, count)| times(*count)).sum();
        assert_eq!(sketch.count, count, "{name} {tags:?}");
        let sum: f64 = values.iter().flat_map(|(value, count)| (0..times(*count)).map(move |_| value)).sum();
        assert!((sketch.sum - sum).abs() <= SUM_ERROR_MAX, "{sketch:?}: {sum}");
        let (first, last) = (values[0].0, values[values.len() - 1].0);
        for (got, want) in [(sketch.min, first), (sketch.max, last)] {
            assert!((got - want).abs() <= SUM_ERROR_MAX, "{sketch:?}: {want}");
        }
    }
}

/// What a server of its own makes of the lines; flushes of one series are put together.
fn sketches(lines: &[String]) -> Vec<Sketch> {
    let mut datadog = Datadog::start();
    datadog.send(&program::pack(lines));
    let flushed = datadog.wait_for_sketches(lines.len() as u64);
    assert_eq!(datadog.parse_failures(), Vec::<String>::new());
    let mut sketches: Vec<Sketch> = Vec::new();
    for sketch in flushed {
        match sketches.iter_mut().find(|known| (&known.name, &known.tags) == (&sketch.name, &sketch.tags)) {
            Some(known) => {
                known.count += sketch.count;
                known.sum += sketch.sum;
                known.min = known.min.min(sketch.min);
                known.max = known.max.max(sketch.max);
            }
            None => sketches.push(sketch),
        }
    }
    sketches
}

/// A line without a rate as often as the Agent counts it: `uint(1 / rate)`.
fn written_out(line: &str) -> Vec<String> {
    let Some((before, rest)) = line.split_once("|@") else { return vec![line.to_owned()] };
    let (rate, tags) = rest.find('|').map_or((rest, ""), |tags| rest.split_at(tags));
    let rate: f64 = rate.parse().expect("a rate");
    let count = format!("{}", (1.0 / rate).floor()).parse().expect("a whole number");
    vec![format!("{before}{tags}"); count]
}

/// What histograms observed, from their buckets and their counts, in the order of the bounds.
fn observed(samples: &[Sample]) -> Observed {
    let mut observed = Observed::new();
    // Below which bound the last bucket lies, and how many values.
    let mut below: BTreeMap<(String, Vec<String>), (f64, u64)> = BTreeMap::new();
    let mut add = |key: (String, Vec<String>), upper: Option<f64>, cumulative: u64| {
        let (lower, counted) = below.get(&key).copied().unwrap_or_default();
        let value = upper.map_or(lower, |upper| f64::midpoint(lower, upper));
        below.insert(key.clone(), (upper.unwrap_or(lower), cumulative));
        if cumulative > counted {
            observed.entry(key).or_default().push((value, cumulative - counted));
        }
    };
    for sample in samples {
        let Some(family) = sample.name.strip_suffix("_bucket") else { continue };
        let (bounds, labels): (Vec<_>, Vec<_>) =
            sample.labels.iter().cloned().partition(|(label, _)| label == "le");
        let key = key(family, &labels);
        let cumulative = sample.value.parse().expect("a whole number");
        add(key.clone(), Some(bounds[0].1.parse().expect("a bound")), cumulative);
        // What is in no bucket is behind the last one.
        let count =
            samples.iter().find(|other| other.name == format!("{family}_count") && other.labels == labels);
        let is_last = samples
            .iter()
            .rfind(|other| other.name == sample.name && other.labels[..labels.len()] == labels[..])
            .is_some_and(|last| last.labels == sample.labels);
        if is_last {
            add(key, None, count.expect("a count").value.parse().expect("a whole number"));
        }
    }
    observed
}

/// The name and the tags; none of the labels of these scrapes is to be cleaned or renamed.
fn key(family: &str, labels: &[(String, String)]) -> (String, Vec<String>) {
    (format!("docker.{family}"), labels.iter().map(|(label, value)| format!("{label}:{value}")).collect())
}
