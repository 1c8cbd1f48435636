//! The dialects as data: where each puts tags, what it writes between them, and which characters its
//! servers take there. It knows nothing of metrics or values.
//!
//! Sources: Datadog's and Graphite's documentation of tags, `SignalFx`' of dimensions, Librato's of its
//! measurements, and the code of Etsy's statsd, Telegraf and `statsd_exporter`, which read them.

use super::clean::{Charset, KEY_CHARS_MAX, TAG_CHARS_MAX, cut};

/// A dialect of StatsD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// DogStatsD: `name:1|c|#k:v,k2:v2`.
    Datadog,
    /// Etsy's statsd and everything else without tags: `name.k.v.k2.v2:1|c`.
    Etsy,
    /// Graphite behind Etsy's statsd: `name;k=v;k2=v2:1|c`.
    Graphite,
    /// Telegraf: `name,k=v,k2=v2:1|c`.
    Influx,
    /// Librato: `name#k=v,k2=v2:1|c`.
    Librato,
    /// `SignalFx`: `name[k=v,k2=v2]:1|c`.
    Signalfx,
}

impl Format {
    /// The format with this name in the settings.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "datadog" => Some(Self::Datadog),
            "etsy" => Some(Self::Etsy),
            "graphite" => Some(Self::Graphite),
            "influx" => Some(Self::Influx),
            "librato" => Some(Self::Librato),
            "signalfx" => Some(Self::Signalfx),
            _ => None,
        }
    }

    pub(super) fn dialect(self) -> &'static Dialect {
        match self {
            Self::Datadog => &DATADOG,
            Self::Etsy => &ETSY,
            Self::Graphite => &GRAPHITE,
            Self::Influx => &INFLUX,
            Self::Librato => &LIBRATO,
            Self::Signalfx => &SIGNALFX,
        }
    }
}

/// How one dialect writes tags.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) place: Place,
    /// Before the first tag.
    begin: &'static str,
    /// Before every other one.
    next: &'static str,
    /// Between a tag's key and its value.
    equals: char,
    /// Behind the last tag.
    pub(super) end: &'static str,
    keys: Charset,
    values: Charset,
    /// Keys that mean something else to the server, which would lose the label.
    is_reserved: fn(&str) -> bool,
}

/// Where tags stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a field of their own, the last one.
    Field,
    /// Behind the name, each with a key and a value; a server keeps one value of a key.
    Name,
    /// Nowhere: keys and values are parts of the name.
    Folded,
}

const DATADOG: Dialect = Dialect {
    place: Place::Field,
    begin: "|#",
    next: ",",
    equals: ':',
    end: "",
    // The first colon ends a tag's key.
    keys: Charset { marks: "-/.", any_script: true },
    values: Charset::TAG,
    is_reserved: |_| false,
};

const ETSY: Dialect = Dialect {
    place: Place::Folded,
    begin: ".",
    next: ".",
    equals: '.',
    end: "",
    // A dot would be a border.
    keys: Charset { marks: "", any_script: false },
    values: Charset { marks: "", any_script: false },
    is_reserved: |_| false,
};

const GRAPHITE: Dialect = Dialect {
    place: Place::Name,
    begin: ";",
    next: ";",
    equals: '=',
    end: "",
    // Graphite takes more, but Etsy's statsd, which is before it, removes what is not of these.
    keys: Charset { marks: "-.", any_script: false },
    values: Charset { marks: "-.", any_script: false },
    // Carbon puts the metric's name there.
    is_reserved: |key| key == "name",
};

const INFLUX: Dialect = Dialect {
    begin: ",",
    next: ",",
    values: Charset { marks: "-./", any_script: false },
    // InfluxDB drops the first three, Telegraf writes the last.
    is_reserved: |key| matches!(key, "time" | "_field" | "_measurement" | "metric_type"),
    ..GRAPHITE
};

const LIBRATO: Dialect = Dialect { begin: "#", is_reserved: |_| false, ..INFLUX };

const SIGNALFX: Dialect = Dialect {
    begin: "[",
    end: "]",
    keys: Charset { marks: "-", any_script: false },
    // A dimension begins with a letter, and not with the service's own prefix.
    is_reserved: |key| key.starts_with("sf_") || !key.starts_with(|first: char| first.is_ascii_alphabetic()),
    ..INFLUX
};

/// Put before a reserved key.
const RESERVED_PREFIX: &str = "label_";
/// The value of a tag without one where every tag has one, as Telegraf reads such tags of DogStatsD.
const NO_VALUE: &str = "true";

impl Dialect {
    /// Appends a tag; `is_first` if nothing but the name stands before it.
    pub(super) fn push_tag(&self, out: &mut String, is_first: bool, key: &str, value: Option<&str>) {
        out.push_str(if is_first { self.begin } else { self.next });
        let start = out.len();
        out.extend(self.keys.clean(key));
        let no_value = match self.place {
            Place::Name => {
                if out.get(start..).is_some_and(self.is_reserved) {
                    out.insert_str(start, RESERVED_PREFIX);
                }
                cut(out, start, KEY_CHARS_MAX);
                Some(NO_VALUE)
            }
            Place::Field | Place::Folded => None,
        };
        if let Some(value) = value.or(no_value) {
            out.push(self.equals);
            out.extend(self.values.clean(value));
        }
        // A folded tag is a part of the name, which is cut as a whole.
        if self.place != Place::Folded {
            cut(out, start, TAG_CHARS_MAX);
        }
    }

    /// Whether a tag is written as it is.
    pub(super) fn keeps_tag(&self, key: &str, value: &str) -> bool {
        let (key_chars, value_chars) = (key.chars().count(), value.chars().count());
        let is_short = match self.place {
            Place::Field => key_chars + 1 + value_chars <= TAG_CHARS_MAX,
            Place::Name => key_chars <= KEY_CHARS_MAX && key_chars + 1 + value_chars <= TAG_CHARS_MAX,
            Place::Folded => true,
        };
        is_short && self.keys.holds_all(key) && self.values.holds_all(value)
    }

    /// A tag's key and value without what is not allowed in them.
    pub(super) fn cleaned_tag(&self, key: &str, value: &str) -> (String, String) {
        (self.keys.clean(key).collect(), self.values.clean(value).collect())
    }

    /// Whether two keys are written alike.
    pub(super) fn is_same_key(&self, left: &str, right: &str) -> bool {
        self.keys.clean(left).eq(self.keys.clean(right))
    }
}
