//! Laws of the StatsD dialects over arbitrary text: what a strict reader reads is what was given.

use std::borrow::Cow;

use docker_metrics_statsd::decimal::Number;
use docker_metrics_statsd::statsd::{Encoder, Format, Kind, Metric};
use docker_metrics_statsd::wide::Text;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::dialect::{DATADOG, Dialect, ETSY, IN_NAMES, Read, Tag};
use crate::hostile::Hostile;
use crate::sent;

impl Dialect {
    fn cleaned(&self, marks: &str, text: &str) -> String {
        text.replace(|char| !self.holds(marks, char), "_")
    }

    fn cleaned_key(&self, key: &str) -> String {
        let key = self.cleaned(self.key_marks, key);
        if (self.reserved)(&key) { format!("label_{key}") } else { key }
    }

    /// The tags that a line is to have.
    fn expected(&self, input: &Input) -> Vec<Tag> {
        let is_datadog = self.format == Format::Datadog;
        let own = input.tags.iter().filter(|(key, value)| !key.is_empty() && !value.is_empty());
        let own =
            own.map(|(key, value)| (self.cleaned_key(key), Some(self.cleaned(self.value_marks, value))));
        let mut tags: Vec<Tag> = own.collect();
        let own_keys: Vec<String> = tags.iter().map(|(key, _)| key.clone()).collect();
        for (key, value) in &input.global {
            let clean_key = self.cleaned_key(key);
            let has_own = !is_datadog && own_keys.contains(&clean_key);
            if key.is_empty() || *value == Some(String::new()) || has_own {
                continue;
            }
            let value = value.as_ref().map(|value| self.cleaned(self.value_marks, value));
            tags.push((clean_key, value.or_else(|| (!is_datadog).then(|| "true".to_owned()))));
        }
        tags
    }
}

#[derive(Debug, Clone)]
struct Input {
    name: String,
    tags: Vec<(String, String)>,
    global: Vec<Tag>,
    kind: Kind,
    value: String,
}

impl Input {
    fn encoded(&self, format: Format) -> Vec<String> {
        let tags: Vec<_> =
            self.tags.iter().map(|(key, value)| (Cow::Borrowed(&**key), Cow::Borrowed(&**value))).collect();
        let global = self.global.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
        let value = Number::parse(&self.value).and_then(Number::finite).unwrap();
        let mut out = Text::default();
        let metric = Metric { name: &self.name, tags: &tags, kind: self.kind, value };
        Encoder::new(format, "docker.", global).encode(&metric, &mut out);
        let text = str::from_utf8(out.as_slice()).unwrap();
        assert!(text.ends_with('\n'));
        text.split_terminator('\n').map(str::to_owned).collect()
    }

    fn expected(&self, tags: Vec<Tag>) -> Read {
        let kind = if self.kind == Kind::Counter { "c" } else { "g" };
        Read {
            name: format!("docker.{}", cleaned_part(&self.name, "_.")),
            tags,
            value: self.value.parse().unwrap(),
            kind: kind.to_owned(),
            rate: None,
        }
    }
}

fn cleaned_part(text: &str, marks: &str) -> String {
    text.replace(|char: char| !char.is_ascii_alphanumeric() && !marks.contains(char), "_")
}

/// Checks what comes before a negative gauge's own line, and returns that one.
#[track_caller]
fn last_of<'a>(lines: &'a [String], input: &Input, format: Format) -> &'a str {
    let is_negative = input.value.starts_with('-') && input.value.parse() != Ok(0.0);
    match lines {
        [line] if format == Format::Datadog || input.kind == Kind::Counter || !is_negative => line,
        [zero, line] if format != Format::Datadog && input.kind == Kind::Gauge && is_negative => {
            let (identity, _) = line.split_once(':').unwrap();
            assert_eq!(*zero, format!("{identity}:0|g"));
            line
        }
        _ => panic!("{lines:?}"),
    }
}

/// Words that mean something somewhere, borders, and anything at all.
fn text(chars_max: usize) -> impl Strategy<Value = String> {
    let borders =
        vec(prop::sample::select("a9_-.:/|#,;=@[]{}~!^ \\\"'\n\r\0é日".chars().collect::<Vec<_>>()), 0..8);
    prop_oneof![
        4 => borders.prop_map(String::from_iter),
        2 => prop::sample::select(vec!["name", "time", "sf_a", "_field", "env", "evil:1|c|#a:b"]).prop_map(str::to_owned),
        1 => vec(any::<char>(), 0..chars_max).prop_map(String::from_iter),
    ]
}

fn input(chars_max: usize) -> impl Strategy<Value = Input> {
    let value =
        (any::<bool>(), 0..1_000_000_000_u32, -12..6_i32).prop_map(|(is_negative, mantissa, exponent)| {
            format!("{}{mantissa}e{exponent}", if is_negative { "-" } else { "" })
        });
    let text = move || text(chars_max);
    let kind = prop_oneof![Just(Kind::Counter), Just(Kind::Gauge)];
    (text(), vec((text(), text()), 0..4), vec((text(), prop::option::of(text())), 0..3), kind, value)
        .prop_map(|(name, tags, global, kind, value)| Input { name, tags, global, kind, value })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// For every name, label, tag and value: a strict reader finds the cleaned input, all of it and
    /// nothing else.
    #[test]
    fn what_is_read_is_what_was_given(input in input(40)) {
        for dialect in IN_NAMES.iter().chain([&DATADOG]) {
            let lines = input.encoded(dialect.format);
            let read = dialect.read(last_of(&lines, &input, dialect.format));
            prop_assert_eq!(read, input.expected(dialect.expected(&input)), "{:?}", dialect.format);
        }
    }

    /// The same where there are no tags: the name has every part, in order.
    #[test]
    fn folded_labels_are_parts_of_the_name(input in input(10)) {
        let lines = input.encoded(Format::Etsy);
        let line = last_of(&lines, &input, Format::Etsy);
        let tags = input.tags.iter().filter(|(key, value)| !key.is_empty() && !value.is_empty());
        let tags = tags.map(|(key, value)| (key, Some(value)));
        let global = input.global.iter().filter(|(key, value)| !key.is_empty() && *value != Some(String::new()));
        let mut expected = input.expected(Vec::new());
        for (key, value) in tags.chain(global.map(|(key, value)| (key, value.as_ref()))) {
            for part in std::iter::once(key).chain(value) {
                expected.name += &format!(".{}", cleaned_part(part, "_"));
            }
        }
        let read = ETSY.read(line);
        prop_assert_eq!(read, expected);
    }

    /// For text of any length: every line can be read and keeps the limits, with as many tags as were
    /// given.
    #[test]
    fn long_text_stays_within_the_limits(input in input(500)) {
        for dialect in IN_NAMES.iter().chain([&DATADOG]) {
            let lines = input.encoded(dialect.format);
            let read = dialect.read(last_of(&lines, &input, dialect.format));
            prop_assert_eq!(read.tags.len(), dialect.expected(&input).len(), "{:?}", dialect.format);
        }
    }
}

/// A strict reader finds each value of a hostile exposition once, and nothing that it does not say.
#[test]
fn a_hostile_exposition_says_nothing_else_in_any_dialect() {
    let hostile = Hostile::new();
    let check = |format: &str, holds_large: bool, reads: Vec<Read>| {
        let sorted = |mut values: Vec<(String, f64)>| {
            values.sort_by(|left, right| left.1.total_cmp(&right.1));
            values
        };
        let gauges = hostile.gauges.iter().chain([&hostile.merged]);
        let gauges = gauges.chain(holds_large.then_some(&hostile.large)).map(|value| ("g", value));
        let counters = hostile.counters.iter().map(|value| ("c", value));
        let expected = gauges.chain(counters).map(|(kind, value)| (kind.to_owned(), f64::from(*value)));
        for read in &reads {
            assert!(read.name.starts_with("docker."), "{format}: {read:?}");
            // One label each, and `large` has ten.
            assert!(matches!(read.tags.len(), 0 | 1 | 10), "{format}: {read:?}");
        }
        let found = reads.into_iter().map(|read| (read.kind, read.value)).collect();
        assert_eq!(sorted(found), sorted(expected.collect()), "{format}");
    };
    for (name, dialect) in [
        ("datadog", &DATADOG),
        ("graphite", &IN_NAMES[0]),
        ("influx", &IN_NAMES[1]),
        ("librato", &IN_NAMES[2]),
        ("signalfx", &IN_NAMES[3]),
    ] {
        let lines = sent::lines(name, &hostile.body);
        let reads = lines.iter().map(|line| dialect.read(line));
        check(name, false, reads.inspect(|read| assert!(!read.tags.is_empty(), "{read:?}")).collect());
    }
    let lines = sent::lines("etsy", &hostile.body);
    check("etsy", true, lines.iter().map(|line| ETSY.read(line)).collect());
}
