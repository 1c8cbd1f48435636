//! Names and tags as Datadog's OpenMetrics check gives them, which is what its users know.

use std::borrow::Cow;

use super::key::Label;
use crate::exposition::Role;

/// Tag keys that have a meaning of their own in Datadog: a label `host` would replace the host that a
/// metric belongs to.
const RESERVED: [&str; 6] = ["host", "device", "source", "service", "env", "version"];

/// What begins a tag by which a client tells the Agent about itself.
const INTERNAL: &str = "dd.internal";

/// What `le` is called in Datadog.
pub(super) const BOUND_TAG: &str = "upper_bound";

/// Whether a label of this name needs another one.
pub(super) fn is_reserved(key: &str) -> bool {
    RESERVED.contains(&key) || key.starts_with(INTERNAL)
}

/// The word for reserved labels: the prefix as a word, or `label` where there is none.
pub(super) fn namespace(prefix: &str) -> String {
    let word = prefix.trim_matches(['.', '_']).replace('.', "_");
    if word.is_empty() { "label".to_owned() } else { word }
}

/// `x_total` of a counter becomes `x.count`, `x_bucket` of a histogram `x.bucket`, and so on: what ends
/// a name in Prometheus, and what in Datadog.
fn suffixes(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Gauge | Role::Untyped | Role::Created => ("", ""),
        Role::Counter => ("_total", ".count"),
        Role::HistogramBucket => ("_bucket", ".bucket"),
        Role::HistogramCount | Role::SummaryCount => ("_count", ".count"),
        Role::HistogramSum | Role::SummarySum => ("_sum", ".sum"),
        Role::SummaryQuantile => ("", ".quantile"),
    }
}

/// A name as Datadog has it.
pub(super) fn datadog_name(name: &str, role: Role) -> Cow<'_, str> {
    match suffixes(role) {
        (_, "") => Cow::Borrowed(name),
        (prometheus, datadog) => {
            Cow::Owned(format!("{}{datadog}", name.strip_suffix(prometheus).unwrap_or(name)))
        }
    }
}

/// Makes [`datadog_name`] of the name that `out` holds from `begin` on.
pub(super) fn push_suffix(role: Role, begin: usize, out: &mut Vec<u8>) {
    let (prometheus, datadog) = suffixes(role);
    if out.get(begin..).is_some_and(|name| name.ends_with(prometheus.as_bytes())) {
        out.truncate(out.len() - prometheus.len());
    }
    out.extend_from_slice(datadog.as_bytes());
}

/// Labels as tags: `le` is `upper_bound`, and reserved keys get the namespace's word.
pub(super) fn datadog_tags<'a>(labels: &[Label<'a>], role: Role, namespace: &str) -> Vec<Label<'a>> {
    let tag = |(key, value): &Label<'a>| match (role, key.as_ref()) {
        (Role::HistogramBucket, "le") => (Cow::Borrowed(BOUND_TAG), bound(value).into_owned().into()),
        (Role::SummaryQuantile, "quantile") => (key.clone(), bound(value).into_owned().into()),
        (_, reserved) if is_reserved(reserved) => {
            (Cow::Owned(format!("{namespace}_{reserved}")), value.clone())
        }
        _ => (key.clone(), value.clone()),
    };
    labels.iter().map(tag).collect()
}

/// Whether a bucket has no upper bound.
pub(super) fn is_infinity(bound: &str) -> bool {
    bound.parse() == Ok(f64::INFINITY)
}

/// A bound in one spelling, because endpoints write `1` as well as `1.0`: that of Python, in which
/// Datadog's check is written (`1.0`, `0.005`, `1e-05`, and `0` for zero).
pub(super) fn bound(text: &str) -> Cow<'_, str> {
    if is_spelled_right(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let Ok(float) = text.parse::<f64>() else { return Cow::Borrowed(text) };
    if float == 0.0 {
        return Cow::Borrowed("0");
    }
    let shown = format!("{float:?}").to_ascii_lowercase();
    match shown.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            Cow::Owned(format!("{mantissa}e{sign}{digits:0>2}"))
        }
        None => Cow::Owned(shown),
    }
}

/// Appends [`bound`], without a detour for the usual ones.
pub(super) fn push_bound(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    if is_spelled_right(text) {
        return;
    }
    if matches!(text, [b'1'..=b'9', ..]) && text.len() <= DIGITS_MAX && text.iter().all(u8::is_ascii_digit) {
        out.extend_from_slice(b".0");
        return;
    }
    out.truncate(out.len() - text.len());
    out.extend_from_slice(bound(str::from_utf8(text).unwrap_or_default()).as_bytes());
}

/// Digits that a double always keeps.
const DIGITS_MAX: usize = 15;

/// Whether [`bound`] leaves this as it is, as far as that can be seen at once: `0.005`, `2.5`, `12.75`.
fn is_spelled_right(text: &[u8]) -> bool {
    let Some(point) = text.iter().position(|byte| *byte == b'.') else { return false };
    let (whole, fraction) = text.split_at_checked(point).unwrap_or_default();
    let fraction = fraction.get(1..).unwrap_or_default();
    let is_whole = matches!(whole, b"0" | [b'1'..=b'9', ..]) && whole.iter().all(u8::is_ascii_digit);
    let is_fraction = match fraction {
        // Smaller ones have an exponent, and `0.0` is `0`.
        [b'0', b'0', b'0', b'0', ..] if whole == b"0" => false,
        b"0" => whole != b"0",
        [.., last] => *last != b'0' && fraction.iter().all(u8::is_ascii_digit),
        [] => false,
    };
    is_whole && is_fraction && text.len() <= DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_spelled_as_python_spells_them() {
        for (text, expected) in [
            ("5", "5.0"),
            ("2.5", "2.5"),
            ("10.0", "10.0"),
            ("2.50", "2.5"),
            ("02.5", "2.5"),
            (".5", "0.5"),
            ("0.0", "0"),
            ("0.00005", "5e-05"),
            ("0.00025", "0.00025"),
            ("123456789012345678", "1.2345678901234568e+17"),
            ("5.0", "5.0"),
            ("0.005", "0.005"),
            ("0", "0"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("9.999999999999999e-10", "9.999999999999999e-10"),
            ("8192", "8192.0"),
            ("1e15", "1000000000000000.0"),
            ("1e16", "1e+16"),
            ("-1", "-1.0"),
            ("NaN", "nan"),
            ("-Inf", "-inf"),
            ("odd", "odd"),
        ] {
            assert_eq!(bound(text), expected);
            let mut out = b"x".to_vec();
            push_bound(text.as_bytes(), &mut out);
            assert_eq!(out, format!("x{expected}").as_bytes());
        }
    }

    #[test]
    fn the_namespace_is_the_prefix_as_a_word() {
        for (prefix, expected) in [("docker.", "docker"), ("a.b.", "a_b"), ("x_", "x"), ("", "label")] {
            assert_eq!(namespace(prefix), expected);
        }
    }
}
