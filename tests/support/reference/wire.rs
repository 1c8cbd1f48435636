//! The StatsD lines of the reference.

use std::collections::BTreeMap;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::statsd::Format;

use super::exposition::{Role, Sample};
use super::number::Number;

/// The longest name and the longest tag, in characters.
const CHARS_MAX: usize = 200;
/// The longest key of a tag that stands in a name.
const KEY_CHARS_MAX: usize = 64;

/// The lines that a value becomes.
pub(super) fn text(settings: &Settings, sample: &Sample, role: Role, kind: char, value: Number) -> String {
    let sample = &relabelled(settings, sample);
    let (name, tags) = match settings.statsd_format {
        Format::Datadog => (datadog_name(settings, sample, role), datadog_tags(settings, sample, role)),
        Format::Etsy => (etsy_name(settings, sample), String::new()),
        Format::Graphite => (name_with_tags(settings, sample, [";", ";", ""]), String::new()),
        Format::Influx => (name_with_tags(settings, sample, [",", ",", ""]), String::new()),
        Format::Librato => (name_with_tags(settings, sample, ["#", ",", ""]), String::new()),
        Format::Signalfx => (name_with_tags(settings, sample, ["[", ",", "]"]), String::new()),
    };
    let line = |value: Number| format!("{name}:{}|{kind}{tags}\n", value.text());
    if settings.statsd_format != Format::Datadog && value.is_below(Number::ZERO) {
        return line(Number::ZERO) + &line(value);
    }
    line(value)
}

/// The line that says one observation of a histogram, with `?` in place of its value.
pub(super) fn distribution(settings: &Settings, bucket: &Sample) -> String {
    let mut labels = relabelled(settings, bucket).labels;
    labels.remove("le");
    let name = bucket.name.strip_suffix("_bucket").unwrap_or(&bucket.name).to_owned();
    let histogram = Sample { name, labels, value: bucket.value };
    let tags = datadog_tags(settings, &histogram, Role::Bucket);
    format!("{}:?|d{tags}\n", datadog_name(settings, &histogram, Role::Gauge))
}

/// The line with the largest rate of which the Agent makes so many observations: it cuts off the fraction of
/// the reciprocal.
pub(super) fn with_rate(line: &str, observations: u64) -> String {
    let counted = |rate: f64| format!("{}", (1.0 / rate).floor());
    let expected = observations.to_string();
    if observations <= 1 {
        return line.to_owned();
    }
    let nearest = 1.0 / format!("{expected}.0").parse::<f64>().unwrap();
    let near = (-3_i64..=3).rev().map(|steps| f64::from_bits(nearest.to_bits().wrapping_add_signed(steps)));
    let rate = near.into_iter().find(|rate| counted(*rate) == expected).unwrap();
    line.replacen("|d", &format!("|d|@{rate}"), 1)
}

fn datadog_name(settings: &Settings, sample: &Sample, role: Role) -> String {
    let name = &sample.name;
    let part = |old: &str, new: &str| format!("{}.{new}", name.strip_suffix(old).unwrap_or(name));
    let name = match role {
        Role::Gauge | Role::Created => name.clone(),
        Role::Quantile => part("", "quantile"),
        Role::Counter => part("_total", "count"),
        Role::Bucket => part("_bucket", "bucket"),
        Role::OfHistogram(word) | Role::OfSummary(word) => part(&format!("_{word}"), word),
    };
    cut(settings.metric_prefix.clone() + &clean_ascii(&name, "_."), CHARS_MAX)
}

fn datadog_tags(settings: &Settings, sample: &Sample, role: Role) -> String {
    let reserved = ["host", "device", "source", "service", "env", "version"];
    let prefix_word = settings.metric_prefix.trim_matches(['.', '_']).replace('.', "_");
    let mut tags = Vec::new();
    for (label, value) in in_order(&sample.labels) {
        let (key, value) = match (role, label.as_str()) {
            (Role::Bucket, "le") => ("upper_bound".to_owned(), bound(value)),
            (Role::Quantile, "quantile") => (label.clone(), bound(value)),
            (_, key) if reserved.contains(&key) || key.starts_with("dd.internal") => {
                (format!("{prefix_word}_{key}"), value.clone())
            }
            _ => (label.clone(), value.clone()),
        };
        tags.push(cut(format!("{}:{}", clean_key(settings, &key), clean_value(settings, &value)), CHARS_MAX));
    }
    tags.extend(settings.tags.iter().map(ToString::to_string));
    if tags.is_empty() { String::new() } else { format!("|#{}", tags.join(",")) }
}

fn etsy_name(settings: &Settings, sample: &Sample) -> String {
    let mut parts = vec![settings.metric_prefix.clone() + &clean_ascii(&sample.name, "_.")];
    for (key, value) in in_order(&sample.labels) {
        parts.extend([clean_key(settings, key), clean_value(settings, value)]);
    }
    for tag in &settings.tags {
        parts.push(clean_key(settings, &tag.key));
        parts.extend(tag.value.iter().map(|value| clean_value(settings, value)));
    }
    cut(parts.join("."), CHARS_MAX)
}

/// A name with tags behind it, each of which has a value and stands once.
fn name_with_tags(settings: &Settings, sample: &Sample, [begin, next, end]: [&str; 3]) -> String {
    let mut tags: Vec<(String, String)> = Vec::new();
    for (key, value) in in_order(&sample.labels) {
        tags.push((clean_key(settings, key), value.clone()));
    }
    let of_settings = settings
        .tags
        .iter()
        .map(|tag| (clean_key(settings, &tag.key), tag.value.clone().unwrap_or_else(|| "true".to_owned())));
    let is_free = |(key, _): &(String, String)| !tags.iter().any(|(label, _)| label == key);
    let of_settings: Vec<_> = of_settings.filter(is_free).collect();
    tags.extend(of_settings);
    let tags = tags.into_iter().map(|(key, value)| {
        let key = if is_reserved(settings.statsd_format, &key) { format!("label_{key}") } else { key };
        cut(format!("{}={}", cut(key, KEY_CHARS_MAX), clean_value(settings, &value)), CHARS_MAX)
    });
    let tags: Vec<_> = tags.collect();
    let name = cut(settings.metric_prefix.clone() + &clean_ascii(&sample.name, "_."), CHARS_MAX);
    if tags.is_empty() { name } else { format!("{name}{begin}{}{end}", tags.join(next)) }
}

/// A key that the server uses itself.
fn is_reserved(format: Format, key: &str) -> bool {
    match format {
        Format::Graphite => key == "name",
        Format::Influx => ["time", "_field", "_measurement", "metric_type"].contains(&key),
        Format::Signalfx => {
            key.starts_with("sf_") || !key.starts_with(|first: char| first.is_ascii_alphabetic())
        }
        Format::Datadog | Format::Etsy | Format::Librato => false,
    }
}

fn clean_key(settings: &Settings, key: &str) -> String {
    match settings.statsd_format {
        Format::Datadog => clean(key, "_-/."),
        Format::Etsy => clean_ascii(key, "_"),
        Format::Graphite | Format::Influx | Format::Librato => clean_ascii(key, "_-."),
        Format::Signalfx => clean_ascii(key, "_-"),
    }
}

fn clean_value(settings: &Settings, value: &str) -> String {
    match settings.statsd_format {
        Format::Datadog => clean(value, "_-:/."),
        Format::Etsy => clean_ascii(value, "_"),
        Format::Graphite => clean_ascii(value, "_-."),
        Format::Influx | Format::Librato | Format::Signalfx => clean_ascii(value, "_-./"),
    }
}

/// A series as it is sent, less what may not stand in its name and tags.
pub(super) fn cleaned(settings: &Settings, sample: &Sample) -> String {
    let sample = relabelled(settings, sample);
    let labels = in_order(&sample.labels);
    let mut labels: Vec<_> =
        labels.map(|(key, value)| (clean_key(settings, key), clean_value(settings, value))).collect();
    labels.sort_by_key(|(key, _)| (key == "le" || key == "quantile", key.clone()));
    format!("{}{labels:?}", clean_ascii(&sample.name, "_."))
}

/// The sample with the labels that `DROP_LABELS` and `RENAME_LABELS` make of its own. Of labels that get one name, the
/// first that is renamed stays.
fn relabelled(settings: &Settings, sample: &Sample) -> Sample {
    let (mut labels, mut renamed) = (BTreeMap::new(), BTreeMap::new());
    for (label, value) in in_order(&sample.labels).filter(|(label, _)| !settings.drop_labels.contains(label))
    {
        match settings.rename_labels.iter().find(|(old, _)| old == label) {
            Some((_, new)) => drop(renamed.entry(new.clone()).or_insert_with(|| value.clone())),
            None => drop(labels.insert(label.clone(), value.clone())),
        }
    }
    labels.extend(renamed);
    Sample { name: sample.name.clone(), labels, value: sample.value }
}

/// By name, `le` and `quantile` last.
fn in_order(labels: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    let is_last = |key: &str| key == "le" || key == "quantile";
    let first = labels.iter().filter(move |(key, _)| !is_last(key));
    first.chain(labels.iter().filter(move |(key, _)| is_last(key)))
}

fn clean(text: &str, others: &str) -> String {
    text.chars()
        .map(|char| if char.is_alphanumeric() || others.contains(char) { char } else { '_' })
        .collect()
}

fn clean_ascii(text: &str, others: &str) -> String {
    clean(&text.replace(|char: char| !char.is_ascii(), "_"), others)
}

/// What is too long ends in a hash (FNV-1a) of the whole.
fn cut(text: String, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text;
    }
    let mut hash = 0x811c_9dc5_u32;
    for byte in text.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    text.chars().take(chars_max - 9).chain(format!("_{hash:08x}").chars()).collect()
}

pub(super) fn is_infinity(bound: &str) -> bool {
    bound.parse() == Ok(f64::INFINITY)
}

/// Python's `str(float(bound) or 0)`.
fn bound(text: &str) -> String {
    let Ok(float) = text.parse::<f64>() else { return text.to_owned() };
    if !float.is_finite() {
        return float.to_string().to_lowercase();
    }
    if float == 0.0 {
        return "0".to_owned();
    }
    let shown = format!("{:e}", float.abs());
    let (digits, power) = shown.split_once('e').unwrap();
    let power: i32 = power.parse().unwrap();
    let sign = if float < 0.0 { "-" } else { "" };
    if !(-4..16).contains(&power) {
        let power_sign = if power < 0 { '-' } else { '+' };
        return format!("{sign}{digits}e{power_sign}{:02}", power.abs());
    }
    let digits = digits.replace('.', "");
    let places = power.unsigned_abs() as usize;
    if power < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(places - 1));
    }
    let digits = format!("{digits:0<width$}", width = places + 2);
    let (whole, fraction) = digits.split_at(places + 1);
    format!("{sign}{whole}.{fraction}")
}
