//! The StatsD lines of the reference.

use std::collections::BTreeMap;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::statsd::Format;

use super::exposition::{Role, Sample};
use super::number::Number;

/// The longest name and the longest tag, in characters.
const CHARS_MAX: usize = 200;

/// The lines that a value becomes.
pub(super) fn text(settings: &Settings, sample: &Sample, role: Role, kind: char, value: Number) -> String {
    let (name, tags) = match settings.statsd_format {
        Format::Datadog => (datadog_name(settings, sample, role), datadog_tags(settings, sample, role)),
        Format::Etsy => (etsy_name(settings, sample), String::new()),
        other => unimplemented!("the reference speaks datadog and etsy, not {other:?}"),
    };
    let line = |value: Number| format!("{name}:{}|{kind}{tags}\n", value.text());
    if settings.statsd_format == Format::Etsy && value.is_below(Number::ZERO) {
        return line(Number::ZERO) + &line(value);
    }
    line(value)
}

/// The line that says one observation of a histogram, with `?` in place of its value.
pub(super) fn distribution(settings: &Settings, bucket: &Sample) -> String {
    let mut labels = bucket.labels.clone();
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
    cut(settings.metric_prefix.clone() + &clean_ascii(&name, "_."))
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
        tags.push(cut(format!("{}:{}", clean(&key, "_-/."), clean(&value, "_-:/."))));
    }
    tags.extend(settings.tags.iter().map(ToString::to_string));
    if tags.is_empty() { String::new() } else { format!("|#{}", tags.join(",")) }
}

fn etsy_name(settings: &Settings, sample: &Sample) -> String {
    let mut parts = vec![settings.metric_prefix.clone() + &clean_ascii(&sample.name, "_.")];
    for (key, value) in in_order(&sample.labels) {
        parts.extend([clean_ascii(key, "_"), clean_ascii(value, "_")]);
    }
    for tag in &settings.tags {
        parts.push(clean_ascii(&tag.key, "_"));
        parts.extend(tag.value.iter().map(|value| clean_ascii(value, "_")));
    }
    cut(parts.join("."))
}

/// A series less what may not stand in its name and tags.
pub(super) fn cleaned(settings: &Settings, sample: &Sample) -> String {
    let is_datadog = settings.statsd_format == Format::Datadog;
    let part = |text: &str, others| if is_datadog { clean(text, others) } else { clean_ascii(text, "_") };
    let labels = in_order(&sample.labels);
    let mut labels: Vec<_> = labels.map(|(key, value)| (part(key, "_-/."), part(value, "_-:/."))).collect();
    labels.sort_by_key(|(key, _)| (key == "le" || key == "quantile", key.clone()));
    format!("{}{labels:?}", clean_ascii(&sample.name, "_."))
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
fn cut(text: String) -> String {
    if text.chars().count() <= CHARS_MAX {
        return text;
    }
    let mut hash = 0x811c_9dc5_u32;
    for byte in text.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    text.chars().take(CHARS_MAX - 9).chain(format!("_{hash:08x}").chars()).collect()
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
