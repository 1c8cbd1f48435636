//! Names and tags as Datadog's OpenMetrics check gives them, which is what its users know.

use std::borrow::Cow;

use super::key::Label;
use crate::exposition::Role;

/// Tag keys that have a meaning of their own in Datadog: a label `host` would replace the host that a
/// metric belongs to.
const RESERVED: [&str; 6] = ["host", "device", "source", "service", "env", "version"];

/// What begins a tag by which a client tells the Agent about itself.
const INTERNAL: &str = "dd.internal";

/// The word for reserved labels: the prefix as a word, or `label` where there is none.
pub(super) fn namespace(prefix: &str) -> String {
    let word = prefix.trim_matches(['.', '_']).replace('.', "_");
    if word.is_empty() { "label".to_owned() } else { word }
}

/// `x_total` of a counter becomes `x.count`, `x_bucket` of a histogram `x.bucket`, and so on.
pub(super) fn datadog_name(name: &str, role: Role) -> Cow<'_, str> {
    let (prometheus, datadog) = match role {
        Role::Gauge | Role::Untyped | Role::Created => return Cow::Borrowed(name),
        Role::Counter => ("_total", ".count"),
        Role::HistogramBucket => ("_bucket", ".bucket"),
        Role::HistogramCount | Role::SummaryCount => ("_count", ".count"),
        Role::HistogramSum | Role::SummarySum => ("_sum", ".sum"),
        Role::SummaryQuantile => ("", ".quantile"),
    };
    Cow::Owned(format!("{}{datadog}", name.strip_suffix(prometheus).unwrap_or(name)))
}

/// Labels as tags: `le` is `upper_bound`, and reserved keys get the namespace's word.
pub(super) fn datadog_tags<'a>(labels: &[Label<'a>], role: Role, namespace: &str) -> Vec<Label<'a>> {
    let tag = |(key, value): &Label<'a>| match (role, key.as_ref()) {
        (Role::HistogramBucket, "le") => (Cow::Borrowed("upper_bound"), bound(value)),
        (Role::SummaryQuantile, "quantile") => (key.clone(), bound(value)),
        (_, reserved) if RESERVED.contains(&reserved) || reserved.starts_with(INTERNAL) => {
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
fn bound<'a>(text: &Cow<'a, str>) -> Cow<'a, str> {
    let Ok(float) = text.parse::<f64>() else { return text.clone() };
    if float == 0.0 {
        return Cow::Borrowed("0");
    }
    let shown = format!("{float:?}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_spelled_as_python_spells_them() {
        for (text, expected) in [
            ("5", "5.0"),
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
            ("odd", "odd"),
        ] {
            assert_eq!(bound(&Cow::Borrowed(text)), expected);
        }
    }

    #[test]
    fn the_namespace_is_the_prefix_as_a_word() {
        for (prefix, expected) in [("docker.", "docker"), ("a.b.", "a_b"), ("x_", "x"), ("", "label")] {
            assert_eq!(namespace(prefix), expected);
        }
    }
}
