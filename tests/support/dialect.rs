//! Strict readers of the dialects, written from what their servers document, so that nothing is believed because the
//! encoder says so. What is not a line of its dialect is a panic.
#![allow(dead_code, reason = "each test binary uses its own part")]

use docker_metrics_statsd::statsd::{Format, KEY_CHARS_MAX, NAME_CHARS_MAX, TAG_CHARS_MAX};

/// A dialect, as its servers read it.
pub(crate) struct Dialect {
    pub(crate) format: Format,
    begin: char,
    next: char,
    equals: char,
    end: &'static str,
    /// Beside ASCII letters, digits and `_`.
    pub(crate) key_marks: &'static str,
    pub(crate) value_marks: &'static str,
    /// What a key is not to be.
    pub(crate) reserved: fn(&str) -> bool,
}

pub(crate) const DATADOG: Dialect = Dialect {
    format: Format::Datadog,
    begin: '#',
    next: ',',
    equals: ':',
    end: "",
    key_marks: "-/.",
    value_marks: "-/.:",
    reserved: |_| false,
};

/// Labels are parts of the name.
pub(crate) const ETSY: Dialect = Dialect { format: Format::Etsy, key_marks: "", value_marks: "", ..DATADOG };

/// Those with tags in the name.
pub(crate) const IN_NAMES: [Dialect; 4] = [
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
    /// That of this format.
    pub(crate) fn of(format: Format) -> &'static Self {
        let all = IN_NAMES.iter().chain([&DATADOG, &ETSY]);
        all.into_iter().find(|dialect| dialect.format == format).expect("a dialect for each format")
    }

    pub(crate) fn holds(&self, marks: &str, char: char) -> bool {
        let letter = match self.format {
            Format::Datadog => char.is_alphanumeric(),
            _ => char.is_ascii_alphanumeric(),
        };
        letter || char == '_' || marks.contains(char)
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

    /// Reads a line.
    #[track_caller]
    pub(crate) fn read(&self, line: &str) -> Read {
        let mut fields = line.split('|');
        let metric = fields.next().expect("the metric");
        let kind = fields.next().expect("the kind");
        let mut rest: Vec<&str> = fields.collect();
        let (name, value) = metric.split_once(':').expect("name:value");
        let (name, tags, rate) = match self.format {
            Format::Datadog => {
                let tags = rest.pop_if(|field| field.starts_with('#')).map(|tags| &tags[1..]);
                let rate = rest.pop_if(|field| field.starts_with('@')).map(|rate| &rate[1..]);
                (name, tags, rate)
            }
            Format::Etsy => (name, None, None),
            _ => match name.split_once(self.begin) {
                Some((name, tags)) => (name, Some(tags), None),
                None => (name, None, None),
            },
        };
        assert!(rest.is_empty(), "too many fields: {line}");
        assert!(matches!((kind, rate), ("c" | "g", None) | ("d", _)), "{line}");
        assert!(kind != "d" || self.format == Format::Datadog, "{line}");
        Read {
            name: read_name(name),
            tags: tags.map_or(Vec::new(), |tags| self.read_tags(tags)),
            value: read_number(value),
            kind: kind.to_owned(),
            rate: rate.map(read_number),
        }
    }
}

/// A key, and its value if it has one.
pub(crate) type Tag = (String, Option<String>);

/// What a line says.
#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) tags: Vec<Tag>,
    pub(crate) value: f64,
    pub(crate) kind: String,
    pub(crate) rate: Option<f64>,
}

#[track_caller]
fn read_name(name: &str) -> String {
    assert!(name.starts_with(|first: char| first.is_ascii_alphabetic()), "{name}");
    assert!(name.chars().all(|char| char.is_ascii_alphanumeric() || "_.".contains(char)), "{name}");
    assert!(name.len() <= NAME_CHARS_MAX, "{name}");
    name.to_owned()
}

#[track_caller]
fn read_number(value: &str) -> f64 {
    assert!(value.chars().all(|char| char.is_ascii_digit() || "-.".contains(char)), "{value}");
    value.parse().unwrap()
}
