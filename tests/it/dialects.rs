//! Laws of the StatsD dialects over arbitrary text. Each dialect has a strict reader of its own here,
//! written from what its servers document, so that nothing is believed because the encoder says so.

use std::borrow::Cow;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Converter, Start};
use docker_metrics_statsd::decimal::Number;
use docker_metrics_statsd::statsd::{
    Encoder, Format, KEY_CHARS_MAX, Kind, Metric, NAME_CHARS_MAX, TAG_CHARS_MAX,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::hostile::Hostile;

/// A dialect with tags, as its servers read it.
struct Dialect {
    format: Format,
    begin: char,
    next: char,
    equals: char,
    end: &'static str,
    /// Beside ASCII letters, digits and `_`.
    key_marks: &'static str,
    value_marks: &'static str,
    /// What a key is not to be.
    reserved: fn(&str) -> bool,
}

const DATADOG: Dialect = Dialect {
    format: Format::Datadog,
    begin: '#',
    next: ',',
    equals: ':',
    end: "",
    key_marks: "-/.",
    value_marks: "-/.:",
    reserved: |_| false,
};

const IN_NAMES: [Dialect; 4] = [
    Dialect {
        format: Format::Graphite,
        begin: ';',
        next: ';',
        equals: '=',
        key_marks: "-.",
        value_marks: "-.",
        reserved: |key| key == "name",
        ..DATADOG
    },
    Dialect {
        format: Format::Influx,
        begin: ',',
        equals: '=',
        key_marks: "-.",
        value_marks: "-./",
        reserved: |key| ["time", "_field", "_measurement", "metric_type"].contains(&key),
        ..DATADOG
    },
    Dialect {
        format: Format::Librato,
        begin: '#',
        equals: '=',
        key_marks: "-.",
        value_marks: "-./",
        ..DATADOG
    },
    Dialect {
        format: Format::Signalfx,
        begin: '[',
        equals: '=',
        end: "]",
        key_marks: "-",
        value_marks: "-./",
        reserved: |key| key.starts_with("sf_") || !key.starts_with(|first: char| first.is_ascii_alphabetic()),
        ..DATADOG
    },
];

impl Dialect {
    fn holds(&self, marks: &str, char: char) -> bool {
        let letter = match self.format {
            Format::Datadog => char.is_alphanumeric(),
            _ => char.is_ascii_alphanumeric(),
        };
        letter || char == '_' || marks.contains(char)
    }

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

    /// Reads what stands between the name and the end of the tags.
    #[track_caller]
    fn read_tags(&self, text: &str) -> Vec<Tag> {
        let text = text.strip_suffix(self.end).expect("the end of the tags");
        let read = |tag: &str| {
            let (key, value) = match tag.split_once(self.equals) {
                Some((key, value)) => (key, Some(value)),
                None => (tag, None),
            };
            assert!(self.format == Format::Datadog || value.is_some(), "a tag without a value: {text}");
            assert!(!key.is_empty() && value != Some(""), "an empty key or value: {text}");
            assert!(key.chars().all(|char| self.holds(self.key_marks, char)), "{key}");
            assert!(value.unwrap_or("").chars().all(|char| self.holds(self.value_marks, char)), "{text}");
            assert!(!(self.reserved)(key), "{key}");
            assert!(self.format == Format::Datadog || key.chars().count() <= KEY_CHARS_MAX, "{key}");
            assert!(tag.chars().count() <= TAG_CHARS_MAX);
            (key.to_owned(), value.map(str::to_owned))
        };
        text.split(self.next).map(read).collect()
    }

    #[track_caller]
    fn read(&self, line: &str) -> Read {
        let fields: Vec<&str> = line.split('|').collect();
        let (metric, kind, tags) = match (self.format, fields.as_slice()) {
            (Format::Datadog, [metric, kind, tags]) => (*metric, *kind, tags.strip_prefix('#')),
            (_, [metric, kind]) => (*metric, *kind, None),
            _ => panic!("too many fields: {line}"),
        };
        let (identity, value) = metric.split_once(':').expect("name:value");
        let (name, tags) = match identity.split_once(self.begin) {
            Some((name, tags)) if self.format != Format::Datadog => (name, Some(tags)),
            _ => (identity, tags),
        };
        let tags = tags.map_or(Vec::new(), |tags| self.read_tags(tags));
        Read { name: read_name(name), tags, value: read_value(value), kind: kind.to_owned() }
    }
}

type Tag = (String, Option<String>);

#[derive(Debug, PartialEq)]
struct Read {
    name: String,
    tags: Vec<Tag>,
    value: f64,
    kind: String,
}

#[track_caller]
fn read_name(name: &str) -> String {
    assert!(name.starts_with(|first: char| first.is_ascii_alphabetic()), "{name}");
    assert!(name.chars().all(|char| char.is_ascii_alphanumeric() || "_.".contains(char)), "{name}");
    assert!(name.len() <= NAME_CHARS_MAX, "{name}");
    name.to_owned()
}

#[track_caller]
fn read_value(value: &str) -> f64 {
    assert!(value.chars().all(|char| char.is_ascii_digit() || "-.".contains(char)), "{value}");
    value.parse().unwrap()
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
        let mut out = Vec::new();
        let metric = Metric { name: &self.name, tags: &tags, kind: self.kind, value };
        Encoder::new(format, "docker.", global).encode(&metric, &mut out);
        let text = String::from_utf8(out).unwrap();
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
        let (name, rest) = line.split_once(':').unwrap();
        let (value, kind) = rest.split_once('|').unwrap();
        let read = Read { name: read_name(name), tags: Vec::new(), value: read_value(value), kind: kind.to_owned() };
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

/// The lines of a hostile exposition in a dialect of this name.
fn hostile_lines(format: &str, hostile: &Hostile) -> Vec<String> {
    let settings = Settings::from_vars("", |name| (name == "STATSD_FORMAT").then(|| format.to_owned()));
    let mut converter = Converter::new(&settings.unwrap(), Start::Zero);
    converter.convert(&hostile.body).unwrap();
    let datagrams = 0..converter.datagrams();
    let datagram = |index| str::from_utf8(converter.datagram(index).unwrap()).unwrap().to_owned();
    let text: String = datagrams.map(datagram).collect();
    assert!(text.ends_with('\n'));
    text.split_terminator('\n').map(str::to_owned).collect()
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
        let lines = hostile_lines(name, &hostile);
        let reads = lines.iter().map(|line| dialect.read(line));
        check(name, false, reads.inspect(|read| assert!(!read.tags.is_empty(), "{read:?}")).collect());
    }
    let lines = hostile_lines("etsy", &hostile);
    let reads = lines.iter().map(|line| {
        let fields: Vec<&str> = line.split('|').collect();
        let [metric, kind] = fields[..] else { panic!("{line}") };
        let (name, value) = metric.split_once(':').unwrap();
        Read { name: read_name(name), tags: Vec::new(), value: read_value(value), kind: kind.to_owned() }
    });
    check("etsy", true, reads.collect());
}
