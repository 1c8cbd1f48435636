//! What a server without tags must have after a scrape, computed from the exposition.

use std::collections::BTreeMap;

use crate::exposition::{Kind, Sample};

/// The program shortens longer names; how is its own affair.
const NAME_CHARACTERS_MAX: usize = 200;

/// What a server should hold.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) counters: BTreeMap<String, f64>,
    pub(crate) gauges: BTreeMap<String, f64>,
    /// Metrics whose names are too long to be sent whole.
    pub(crate) long_names: usize,
}

impl Expected {
    /// All of a scrape, counted from zero, with labels folded into names.
    pub(crate) fn from_zero(samples: &[Sample]) -> Self {
        let mut expected = Self::default();
        for sample in samples {
            expected.add(sample, sample.number());
        }
        expected
    }

    /// All of a scrape, counted from zero, with labels as Graphite's tags.
    pub(crate) fn tagged_from_zero(samples: &[Sample]) -> Self {
        let mut expected = Self::default();
        for sample in samples {
            expected.insert(tagged_name(sample), sample, sample.number());
        }
        expected
    }

    /// Adds a gauge's value, or what a counter grew by, under a name that its labels are folded into.
    pub(crate) fn add(&mut self, sample: &Sample, value: f64) {
        self.insert(folded_name(sample), sample, value);
    }

    /// What is nothing is not told of a counter.
    fn insert(&mut self, name: String, sample: &Sample, value: f64) {
        let table = match sample.kind {
            Kind::Counter if value == 0.0 => return,
            Kind::Counter => &mut self.counters,
            Kind::Gauge => &mut self.gauges,
        };
        // Tags are shortened one by one, and none of those recorded is long.
        let untagged = name.split(';').next().unwrap_or_default();
        if untagged.chars().count() > NAME_CHARACTERS_MAX {
            self.long_names += 1;
        } else {
            let taken = table.insert(name, value);
            assert!(taken.is_none(), "two recorded series have one name: {sample:?}");
        }
    }

    /// Checks a server's tables: every expected name with exactly its value, and nothing else but as
    /// many shortened names as there are names to shorten.
    pub(crate) fn check(&self, what: &str, counters: BTreeMap<String, f64>, gauges: BTreeMap<String, f64>) {
        let (counters, long_counters) = without_shortened(counters, &self.counters);
        let (gauges, long_gauges) = without_shortened(gauges, &self.gauges);
        assert_same(&format!("{what}: counters"), &counters, &self.counters);
        assert_same(&format!("{what}: gauges"), &gauges, &self.gauges);
        assert_eq!(long_counters + long_gauges, self.long_names, "{what}: shortened names");
    }
}

/// Two tables are equal; if not, shows where they differ and not the rest.
pub(crate) fn assert_same(what: &str, got: &BTreeMap<String, f64>, want: &BTreeMap<String, f64>) {
    let missing = want.iter().filter(|(name, _)| !got.contains_key(*name));
    let different = got.iter().filter(|(name, value)| want.get(*name) != Some(value));
    let missing: Vec<_> = missing.map(|(name, value)| format!("missing {name} {value}")).collect();
    let different: Vec<_> =
        different.map(|(name, value)| format!("got {name} {value}, expected {:?}", want.get(name))).collect();
    assert!(missing.is_empty() && different.is_empty(), "{what}: {missing:#?} {different:#?}");
}

/// Splits off names of exactly the limit's length that nobody expects.
fn without_shortened(
    mut table: BTreeMap<String, f64>,
    expected: &BTreeMap<String, f64>,
) -> (BTreeMap<String, f64>, usize) {
    let all = table.len();
    table.retain(|name, _| name.len() != NAME_CHARACTERS_MAX || expected.contains_key(name));
    let shortened = all - table.len();
    (table, shortened)
}

/// `docker.` and Prometheus' name, then each label's name and value as further parts.
fn folded_name(sample: &Sample) -> String {
    let mut name = format!("docker.{}", sample.name);
    for (label, value) in &sample.labels {
        let border = |char: char| !char.is_ascii_alphanumeric() && char != '_';
        name.extend([".", label, ".", &value.replace(border, "_")]);
    }
    name
}

/// `docker.` and Prometheus' name, then `;label=value` for each label.
fn tagged_name(sample: &Sample) -> String {
    let mut name = format!("docker.{}", sample.name);
    for (label, value) in &sample.labels {
        let foreign = |char: char| !char.is_ascii_alphanumeric() && !"_-.".contains(char);
        name.extend([";", label, "=", &value.replace(foreign, "_")]);
    }
    name
}
