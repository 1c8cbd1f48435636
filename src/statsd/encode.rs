//! The encoder: one metric to one line, or to the two lines of a negative gauge.

use std::borrow::Cow;

use super::{Format, NAME_CHARS_MAX, clean};
use crate::decimal::Decimal;

/// What a value is to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Added to what the server has: a difference, never negative.
    Counter,
    /// Replaces what the server has.
    Gauge,
}

/// A metric to be sent.
#[derive(Debug)]
pub struct Metric<'a> {
    /// The name, without the prefix; any text.
    pub name: &'a str,
    /// Keys and values; any text. An empty value is left out: to Prometheus it is no label.
    pub tags: &'a [(Cow<'a, str>, Cow<'a, str>)],
    /// What the value is to the server.
    pub kind: Kind,
    /// The value.
    pub value: Decimal,
}

/// Writes metrics in one dialect.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    prefix: String,
    /// The global tags as this dialect writes them, each with what separates it from what is before.
    global: String,
    /// The name and tags of the line being written.
    identity: String,
}

impl Encoder {
    /// `prefix` is put before every name as it is; `tags` are put on every metric, in this order, and
    /// a tag may be a key alone.
    pub fn new<'t>(
        format: Format,
        prefix: &str,
        tags: impl IntoIterator<Item = (&'t str, Option<&'t str>)>,
    ) -> Self {
        let mut global = String::new();
        for (key, value) in tags {
            match format {
                Format::Datadog => {
                    global.push(',');
                    clean::push_tag(&mut global, key, value);
                }
                Format::Etsy => push_folded(&mut global, key, value.unwrap_or_default()),
            }
        }
        Self { format, prefix: prefix.to_owned(), global, identity: String::new() }
    }

    /// The global tags as this dialect writes them, each behind what separates it from the one before.
    #[must_use]
    pub fn global(&self) -> &str {
        &self.global
    }

    /// Appends the metric's lines, each with its line feed. All of them belong into one datagram: a
    /// negative gauge is two lines outside DogStatsD, and apart they could change places.
    pub fn encode(&mut self, metric: &Metric<'_>, out: &mut Vec<u8>) {
        self.identity.clear();
        self.identity.push_str(&self.prefix);
        clean::push_name(&mut self.identity, metric.name);
        if self.identity.starts_with(|first: char| !first.is_ascii_alphabetic()) {
            self.identity.insert_str(0, "metric_");
        }
        let tags = metric.tags.iter().filter(|(_, value)| !value.is_empty());
        match self.format {
            Format::Datadog => {
                clean::cut(&mut self.identity, 0, NAME_CHARS_MAX);
                let name_end = self.identity.len();
                for (key, value) in tags {
                    self.identity.push(',');
                    clean::push_tag(&mut self.identity, key, Some(value));
                }
                self.identity.push_str(&self.global);
                let (name, tags) = self.identity.split_at_checked(name_end).unwrap_or_default();
                push_line(out, name, metric, tags.strip_prefix(',').unwrap_or_default());
            }
            Format::Etsy => {
                for (key, value) in tags {
                    push_folded(&mut self.identity, key, value);
                }
                self.identity.push_str(&self.global);
                clean::cut(&mut self.identity, 0, NAME_CHARS_MAX);
                if metric.kind == Kind::Gauge && metric.value.is_negative() {
                    // A sign makes a gauge's value a difference: set it to zero first.
                    let zero = Metric { value: Decimal::ZERO, ..*metric };
                    push_line(out, &self.identity, &zero, "");
                }
                push_line(out, &self.identity, metric, "");
            }
        }
    }
}

fn push_folded(out: &mut String, key: &str, value: &str) {
    for part in [key, value] {
        if !part.is_empty() {
            out.push('.');
            clean::push_name_part(out, part);
        }
    }
}

/// Appends a value and its type.
pub(crate) fn push_value(value: Decimal, kind: Kind, out: &mut Vec<u8>) {
    value.write_to(out);
    out.extend_from_slice(match kind {
        Kind::Counter => b"|c",
        Kind::Gauge => b"|g",
    });
}

fn push_line(out: &mut Vec<u8>, name: &str, metric: &Metric<'_>, tags: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    push_value(metric.value, metric.kind, out);
    if !tags.is_empty() {
        out.extend_from_slice(b"|#");
        out.extend_from_slice(tags.as_bytes());
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::Number;

    struct Case {
        format: Format,
        prefix: &'static str,
        global: &'static [(&'static str, Option<&'static str>)],
    }

    const DATADOG: Case = Case { format: Format::Datadog, prefix: "docker.", global: &[] };
    const ETSY: Case = Case { format: Format::Etsy, prefix: "docker.", global: &[] };

    impl Case {
        #[track_caller]
        fn check(&self, name: &str, tags: &[(&str, &str)], kind: Kind, value: &str, expected: &str) {
            let tags: Vec<_> =
                tags.iter().map(|(key, value)| (Cow::Borrowed(*key), Cow::Borrowed(*value))).collect();
            let Some(Number::Finite(value)) = Number::parse(value) else { panic!("{value}") };
            let mut out = Vec::new();
            Encoder::new(self.format, self.prefix, self.global.iter().copied())
                .encode(&Metric { name, tags: &tags, kind, value }, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn a_line_has_name_value_type_and_tags_in_that_order() {
        DATADOG.check("a", &[], Kind::Counter, "1e3", "docker.a:1000|c\n");
        DATADOG.check("a", &[("b", "c"), ("d", "e")], Kind::Gauge, "0.5", "docker.a:0.5|g|#b:c,d:e\n");
        ETSY.check("a", &[("b", "c"), ("d", "1.5")], Kind::Counter, "2", "docker.a.b.c.d.1_5:2|c\n");
    }

    #[test]
    fn empty_labels_are_left_out() {
        DATADOG.check("a", &[("b", "")], Kind::Gauge, "1", "docker.a:1|g\n");
        ETSY.check("a", &[("b", ""), ("c", "d")], Kind::Gauge, "1", "docker.a.c.d:1|g\n");
    }

    #[test]
    fn a_negative_gauge_is_two_lines_where_a_sign_is_a_difference() {
        DATADOG.check("a", &[], Kind::Gauge, "-5", "docker.a:-5|g\n");
        ETSY.check("a", &[], Kind::Gauge, "-5", "docker.a:0|g\ndocker.a:-5|g\n");
    }

    #[test]
    fn global_tags_follow_the_labels() {
        let global: &[_] = &[("env", Some("prod")), ("bare", None)];
        let datadog = Case { global, ..DATADOG };
        datadog.check("a", &[("b", "c")], Kind::Gauge, "1", "docker.a:1|g|#b:c,env:prod,bare\n");
        datadog.check("a", &[], Kind::Gauge, "1", "docker.a:1|g|#env:prod,bare\n");
        let etsy = Case { global, ..ETSY };
        etsy.check("a", &[("b", "c")], Kind::Gauge, "1", "docker.a.b.c.env.prod.bare:1|g\n");
    }

    #[test]
    fn a_name_begins_with_a_letter() {
        Case { prefix: "", ..DATADOG }.check("_a", &[], Kind::Gauge, "1", "metric__a:1|g\n");
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = "x".repeat(300);
        for case in [DATADOG, ETSY] {
            let line = |name: &str| {
                let mut out = Vec::new();
                let metric = Metric { name, tags: &[], kind: Kind::Gauge, value: Decimal::ZERO };
                Encoder::new(case.format, case.prefix, []).encode(&metric, &mut out);
                out
            };
            assert_eq!(line(&long).len(), NAME_CHARS_MAX + ":0|g\n".len());
            assert_ne!(line(&long), line(&format!("{long}y")));
        }
    }
}
