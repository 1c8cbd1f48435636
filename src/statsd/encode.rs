//! The encoder: one metric to one line, or to the two lines of a negative gauge.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::check::{self, ServiceCheck};
use super::clean::{self, Charset, NAME_CHARS_MAX};
use super::dialect::{Dialect, Format, Place};
use super::rate;
use crate::decimal::{Decimal, TEXT_BYTES_MAX};
use crate::wide::Text;

/// What a value is to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Added to what the server has: a difference, never negative.
    Counter,
    /// Replaces what the server has.
    Gauge,
    /// One of the values that the server makes percentiles of, observed so many times. DogStatsD alone
    /// has a word for it; other servers would take it for a counter, so for them nothing is written.
    Distribution {
        /// At most [`LINE_OBSERVATIONS_MAX`](super::LINE_OBSERVATIONS_MAX).
        observations: NonZeroU32,
    },
}

/// A tag's key and value.
type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A metric to be sent.
#[derive(Debug)]
pub struct Metric<'a> {
    /// The name, without the prefix; any text.
    pub name: &'a str,
    /// Keys and values; any text. One with an empty value is left out: to Prometheus it is no label.
    pub tags: &'a [Tag<'a>],
    /// What the value is to the server.
    pub kind: Kind,
    /// The value.
    pub value: Decimal,
}

/// How much was not written as it was given: characters that are not allowed, and what is too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaning {
    /// Names.
    pub names: usize,
    /// Tags, by their keys or values.
    pub tags: usize,
}

/// Writes metrics in one dialect.
#[derive(Debug)]
pub struct Encoder {
    dialect: &'static Dialect,
    prefix: String,
    /// The tags on every metric, in this order.
    global: Vec<(String, Option<String>)>,
    /// The name and tags of the metric that was encoded last.
    written: String,
    /// Where in them the name ends.
    name_end: usize,
}

/// A metric's name and tags, as its lines say them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAndTags<'a> {
    /// Both.
    pub text: &'a str,
    /// Where the name ends.
    pub name_end: usize,
}

impl<'a> NameAndTags<'a> {
    /// The name, and the tags.
    fn parts(self) -> (&'a str, &'a str) {
        self.text.split_at_checked(self.name_end).unwrap_or_default()
    }
}

impl Encoder {
    /// `prefix` is put before every name as it is; `tags` are put on every metric, in this order, and
    /// a tag may be a key alone.
    pub fn new<'t>(
        format: Format,
        prefix: &str,
        tags: impl IntoIterator<Item = (&'t str, Option<&'t str>)>,
    ) -> Self {
        let tags = tags.into_iter().filter(|(key, value)| !key.is_empty() && *value != Some(""));
        Self {
            dialect: format.dialect(),
            prefix: prefix.to_owned(),
            global: tags.map(|(key, value)| (key.to_owned(), value.map(str::to_owned))).collect(),
            written: String::new(),
            name_end: 0,
        }
    }

    /// The tags on every metric as this dialect writes them, each behind what separates it from the one
    /// before.
    #[must_use]
    pub fn global(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.global {
            self.dialect.push_tag(&mut text, false, key, value.as_deref());
        }
        text
    }

    /// Appends the metric's lines, each with its line feed. All of them belong into one datagram: a
    /// negative gauge is two lines outside DogStatsD, and apart they could change places.
    pub fn encode(&mut self, metric: &Metric<'_>, out: &mut Text) {
        self.write_names(metric.name, metric.tags);
        self.encode_known(self.last_written(), metric.kind, metric.value, out);
    }

    /// The same for a metric whose name and tags were [`Self::last_written`] once.
    pub fn encode_known(&self, known: NameAndTags<'_>, kind: Kind, value: Decimal, out: &mut Text) {
        let place = self.dialect.place;
        if place != Place::Field && matches!(kind, Kind::Distribution { .. }) {
            return;
        }
        let (name, field) = match place {
            Place::Field => known.parts(),
            Place::Name | Place::Folded => (known.text, ""),
        };
        if place != Place::Field && kind == Kind::Gauge && value.is_negative() {
            // A sign makes a gauge's value a difference: set it to zero first.
            push_line(out, name, Decimal::ZERO, kind, field);
        }
        push_line(out, name, value, kind, field);
    }

    /// The name and tags of the metric that was encoded last.
    #[must_use]
    pub fn last_written(&self) -> NameAndTags<'_> {
        NameAndTags { text: &self.written, name_end: self.name_end }
    }

    fn write_names(&mut self, name: &str, tags: &[Tag<'_>]) {
        self.push_name(name);
        self.push_tags(tags);
    }

    /// What is not written as it is of a metric with this name and these tags.
    #[must_use]
    pub fn cleaning(&self, name: &str, tags: &[Tag<'_>]) -> Cleaning {
        let own = || tags.iter().filter(|(key, value)| !key.is_empty() && !value.is_empty());
        let own_chars = || own().map(|(key, value)| key.chars().count() + value.chars().count() + 2);
        let chars = self.prefix.len()
            + name.chars().count()
            + match self.dialect.place {
                Place::Folded => self.global().len() + own_chars().sum::<usize>(),
                Place::Field | Place::Name => 0,
            };
        let begins_right = |text: &str| text.starts_with(|first: char| first.is_ascii_alphabetic());
        let is_begun = begins_right(if self.prefix.is_empty() { name } else { &self.prefix });
        let keeps_name = is_begun && chars <= NAME_CHARS_MAX && Charset::NAME.holds_all(name);
        let changed = own().filter(|(key, value)| !self.dialect.keeps_tag(key, value));
        Cleaning { names: usize::from(!keeps_name), tags: changed.count() }
    }

    /// A name without what is not allowed in one.
    #[must_use]
    pub fn cleaned_name(name: &str) -> String {
        Charset::NAME.clean(name).collect()
    }

    /// A tag's key and value without what is not allowed in them.
    #[must_use]
    pub fn cleaned_tag(&self, key: &str, value: &str) -> (String, String) {
        self.dialect.cleaned_tag(key, value)
    }

    /// Appends a service check's line, with its line feed, where there is a word for it: in DogStatsD alone.
    pub fn encode_check(&mut self, check: &ServiceCheck<'_>, out: &mut Text) {
        if self.dialect.place != Place::Field {
            return;
        }
        self.write_names(check.name, &[]);
        let (name, field) = self.last_written().parts();
        check::push(out, name, field, check);
    }

    fn push_name(&mut self, name: &str) {
        let Self { written, name_end, .. } = self;
        written.clear();
        written.push_str(&self.prefix);
        written.extend(Charset::NAME.clean(name));
        if !written.starts_with(|first: char| first.is_ascii_alphabetic()) {
            written.insert_str(0, "metric_");
        }
        if self.dialect.place != Place::Folded {
            clean::cut(written, 0, NAME_CHARS_MAX);
        }
        *name_end = written.len();
    }

    /// The metric's own tags and then those of every metric. Where a key has one value, the metric's own
    /// stays, as a label of Prometheus stays beside an external one.
    fn push_tags(&mut self, tags: &[Tag<'_>]) {
        let (dialect, written) = (self.dialect, &mut self.written);
        let own = tags.iter().filter(|(key, value)| !key.is_empty() && !value.is_empty());
        let is_hidden = |global: &str| {
            dialect.place == Place::Name && own.clone().any(|(key, _)| dialect.is_same_key(key, global))
        };
        let global = self.global.iter().filter(|(key, _)| !is_hidden(key));
        let own = own.clone().map(|(key, value)| (key.as_ref(), Some(value.as_ref())));
        let mut is_first = true;
        for (key, value) in own.chain(global.map(|(key, value)| (key.as_str(), value.as_deref()))) {
            dialect.push_tag(written, is_first, key, value);
            is_first = false;
        }
        if !is_first {
            written.push_str(dialect.end);
        }
        if dialect.place == Place::Folded {
            clean::cut(written, 0, NAME_CHARS_MAX);
        }
    }
}

/// Appends a value, its type and its sample rate.
fn push_value(value: Decimal, kind: Kind, out: &mut Text) {
    out.append(TEXT_BYTES_MAX, |pen| value.write_with(pen));
    match kind {
        Kind::Counter => out.push_slice(b"|c"),
        Kind::Gauge => out.push_slice(b"|g"),
        Kind::Distribution { observations } => rate::push_kind(observations, out),
    }
}

/// How much a counter's line, which the encoder wrote, adds to what the server has.
#[must_use]
pub fn counted(line: &[u8]) -> Option<Decimal> {
    let (_, value, _) = rate::parts(line)?;
    Decimal::from_written(value)
}

fn push_line(out: &mut Text, name: &str, value: Decimal, kind: Kind, field: &str) {
    out.push_slice(name.as_bytes());
    out.push_slice(b":");
    push_value(value, kind, out);
    out.push_slice(field.as_bytes());
    out.push_slice(b"\n");
}

#[cfg(test)]
mod tests {
    use super::super::clean::{KEY_CHARS_MAX, TAG_CHARS_MAX};
    use super::*;
    use crate::decimal::Number;

    struct Case {
        format: Format,
        prefix: &'static str,
        global: &'static [(&'static str, Option<&'static str>)],
    }

    const fn case(format: Format) -> Case {
        Case { format, prefix: "docker.", global: &[] }
    }

    const DATADOG: Case = case(Format::Datadog);
    const ETSY: Case = case(Format::Etsy);
    const GRAPHITE: Case = case(Format::Graphite);
    const INFLUX: Case = case(Format::Influx);
    const LIBRATO: Case = case(Format::Librato);
    const SIGNALFX: Case = case(Format::Signalfx);

    impl Case {
        #[track_caller]
        fn check(&self, name: &str, tags: &[(&str, &str)], kind: Kind, value: &str, expected: &str) {
            let tags: Vec<_> =
                tags.iter().map(|(key, value)| (Cow::Borrowed(*key), Cow::Borrowed(*value))).collect();
            let Some(Number::Finite(value)) = Number::parse(value) else { panic!("{value}") };
            let mut out = Text::default();
            Encoder::new(self.format, self.prefix, self.global.iter().copied())
                .encode(&Metric { name, tags: &tags, kind, value }, &mut out);
            if kind == Kind::Counter {
                assert_eq!(counted(out.as_slice()), Some(value), "{expected}");
            }
            assert_eq!(str::from_utf8(out.as_slice()).unwrap(), expected);
        }

        /// The line of a gauge that is 1, up to its value.
        #[track_caller]
        fn check_tags(&self, tags: &[(&str, &str)], expected: &str) {
            self.check("a", tags, Kind::Gauge, "1", &format!("docker.a{expected}:1|g\n"));
        }
    }

    #[test]
    fn a_line_has_name_value_type_and_tags_in_the_dialects_places() {
        DATADOG.check("a", &[], Kind::Counter, "1e3", "docker.a:1000|c\n");
        let tags = &[("b", "c"), ("d", "1.5")];
        DATADOG.check("a", tags, Kind::Counter, "0.5", "docker.a:0.5|c|#b:c,d:1.5\n");
        ETSY.check("a", tags, Kind::Counter, "0.5", "docker.a.b.c.d.1_5:0.5|c\n");
        GRAPHITE.check("a", tags, Kind::Counter, "0.5", "docker.a;b=c;d=1.5:0.5|c\n");
        INFLUX.check("a", tags, Kind::Counter, "0.5", "docker.a,b=c,d=1.5:0.5|c\n");
        LIBRATO.check("a", tags, Kind::Counter, "0.5", "docker.a#b=c,d=1.5:0.5|c\n");
        SIGNALFX.check("a", tags, Kind::Counter, "0.5", "docker.a[b=c,d=1.5]:0.5|c\n");
        for untagged in [ETSY, GRAPHITE, INFLUX, LIBRATO, SIGNALFX] {
            untagged.check_tags(&[], "");
        }
    }

    #[test]
    fn a_distribution_says_how_often_where_there_is_a_word_for_it() {
        let observed = |count| Kind::Distribution { observations: NonZeroU32::new(count).unwrap() };
        let tags = &[("b", "c")];
        DATADOG.check("a", tags, observed(1), "0.5", "docker.a:0.5|d|#b:c\n");
        DATADOG.check("a", tags, observed(3), "-0.5", "docker.a:-0.5|d|@0.3333333333333333|#b:c\n");
        DATADOG.check("a", &[], observed(4), "2", "docker.a:2|d|@0.25\n");
        for other in [ETSY, GRAPHITE, INFLUX, LIBRATO, SIGNALFX] {
            other.check("a", tags, observed(3), "0.5", "");
        }
    }

    #[test]
    fn empty_labels_are_left_out() {
        DATADOG.check_tags(&[("b", "")], "");
        ETSY.check_tags(&[("b", ""), ("c", "d")], ".c.d");
        SIGNALFX.check_tags(&[("b", "")], "");
    }

    #[test]
    fn a_negative_gauge_is_two_lines_where_a_sign_is_a_difference() {
        DATADOG.check("a", &[], Kind::Gauge, "-5", "docker.a:-5|g\n");
        ETSY.check("a", &[], Kind::Gauge, "-5", "docker.a:0|g\ndocker.a:-5|g\n");
        GRAPHITE.check("a", &[("b", "c")], Kind::Gauge, "-5", "docker.a;b=c:0|g\ndocker.a;b=c:-5|g\n");
    }

    #[test]
    fn global_tags_follow_the_labels() {
        let global: &[_] = &[("env", Some("prod")), ("bare", None)];
        let datadog = Case { global, ..DATADOG };
        datadog.check("a", &[("b", "c")], Kind::Gauge, "1", "docker.a:1|g|#b:c,env:prod,bare\n");
        datadog.check("a", &[], Kind::Gauge, "1", "docker.a:1|g|#env:prod,bare\n");
        Case { global, ..ETSY }.check_tags(&[("b", "c")], ".b.c.env.prod.bare");
        Case { global, ..GRAPHITE }.check_tags(&[("b", "c")], ";b=c;env=prod;bare=true");
        Case { global, ..SIGNALFX }.check_tags(&[], "[env=prod,bare=true]");
    }

    #[test]
    fn a_label_stays_where_a_key_has_one_value() {
        let global: &[_] = &[("env", Some("prod")), ("a-b", Some("x"))];
        let labels = &[("env", "test"), ("a-b", "y")];
        Case { global, ..LIBRATO }.check_tags(labels, "#env=test,a-b=y");
        Case { global, ..ETSY }.check_tags(labels, ".env.test.a_b.y.env.prod.a_b.x");
        let line = "docker.a:1|g|#env:test,a-b:y,env:prod,a-b:x\n";
        Case { global, ..DATADOG }.check("a", labels, Kind::Gauge, "1", line);
    }

    #[test]
    fn each_dialect_keeps_what_its_servers_take() {
        let hostile = &[("k-.:/;,=[]#|é", "v-.:/;,=[]#|~\n é")];
        let line = "docker.a:1|g|#k-._/_______é:v-.:/__________é\n";
        DATADOG.check("a", hostile, Kind::Gauge, "1", line);
        ETSY.check_tags(hostile, ".k____________.v_______________");
        GRAPHITE.check_tags(hostile, ";k-.__________=v-._____________");
        INFLUX.check_tags(hostile, ",k-.__________=v-._/___________");
        LIBRATO.check_tags(hostile, "#k-.__________=v-._/___________");
        SIGNALFX.check_tags(hostile, "[k-___________=v-._/___________]");
    }

    #[test]
    fn what_is_not_written_as_it_is_can_be_asked() {
        let long = "x".repeat(NAME_CHARS_MAX - "docker.".len());
        let longer = format!("{long}y");
        let check = |case: &Case, name: &str, tags: &[(&str, &str)], expected: (usize, usize)| {
            let encoder = Encoder::new(case.format, case.prefix, case.global.iter().copied());
            let tags: Vec<_> = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            let Cleaning { names, tags } = encoder.cleaning(name, &tags);
            assert_eq!((names, tags), expected, "{:?} {name}", case.format);
        };
        for case in [DATADOG, ETSY, GRAPHITE, INFLUX, LIBRATO, SIGNALFX] {
            check(&case, "a.b", &[("c", "d"), ("e", ""), ("", "|")], (0, 0));
            check(&case, "a:b", &[("c", "d\n"), ("e", "f"), ("g h", "i")], (1, 2));
            check(&case, &long, &[], (0, 0));
            check(&case, &longer, &[], (1, 0));
        }
        check(&DATADOG, "a", &[("b", "1:2/3"), ("c", "é"), ("d", &format!("{longer}123456"))], (0, 1));
        check(&GRAPHITE, "a", &[("b", "1:2/3"), ("c", "é"), (&long, "d")], (0, 3));
        check(&ETSY, "a", &[("b", "1.5"), ("c", &long)], (1, 1));
        check(&Case { global: &[("b", Some("c"))], ..ETSY }, &long, &[], (1, 0));
        check(&Case { prefix: "", ..DATADOG }, "_a", &[], (1, 0));
    }

    #[test]
    fn keys_that_a_server_keeps_for_itself_are_renamed() {
        GRAPHITE.check_tags(&[("name", "x"), ("names", "y")], ";label_name=x;names=y");
        INFLUX.check_tags(&[("time", "x"), ("metric_type", "y")], ",label_time=x,label_metric_type=y");
        SIGNALFX.check_tags(&[("sf_a", "x"), ("_b", "y"), ("c", "z")], "[label_sf_a=x,label__b=y,c=z]");
        LIBRATO.check_tags(&[("name", "x")], "#name=x");
    }

    #[test]
    fn a_name_begins_with_a_letter() {
        let bare = Case { prefix: "", ..DATADOG };
        bare.check("_a", &[], Kind::Gauge, "1", "metric__a:1|g\n");
        bare.check("", &[], Kind::Gauge, "1", "metric_:1|g\n");
    }

    #[test]
    fn long_names_keys_and_values_are_cut_and_stay_different() {
        let long = "x".repeat(300);
        let longer = format!("{long}y");
        for case in [DATADOG, ETSY, GRAPHITE] {
            let encoded = |name: &str, tags: &[Tag<'_>]| {
                let mut out = Text::default();
                let metric = Metric { name, tags, kind: Kind::Gauge, value: Decimal::ZERO };
                Encoder::new(case.format, case.prefix, []).encode(&metric, &mut out);
                str::from_utf8(out.as_slice()).unwrap().replace(":0|g", "").trim_end().to_owned()
            };
            assert_eq!(encoded(&long, &[]).len(), NAME_CHARS_MAX);
            assert_ne!(encoded(&long, &[]), encoded(&longer, &[]));
            let tagged = |key: &str, value: &str| encoded("a", &[(key.into(), value.into())]);
            let all = [tagged(&long, &long), tagged(&longer, &long), tagged(&long, &longer)];
            assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{all:?}");
            if case.format == Format::Graphite {
                assert_eq!(all[0].len(), "docker.a;".len() + TAG_CHARS_MAX);
                assert_eq!(all[0].find('='), Some("docker.a;".len() + KEY_CHARS_MAX));
            }
        }
    }
}
