//! Names and tags as Datadog's OpenMetrics check gives them, which is what its users know.

use std::borrow::Cow;

use super::canonical::Label;
use crate::exposition::{Role, sketch};
use crate::wide::{Pen, Short};

/// Tag keys that have a meaning of their own in Datadog: a label `host` would replace the host that a
/// metric belongs to.
const RESERVED: [&str; 6] = ["host", "device", "source", "service", "env", "version"];

/// The sketch of the reserved keys. No label's plain name begins as [`INTERNAL`] does.
pub(super) const RESERVED_NAMES: u64 = {
    let mut names = 0;
    let mut rest: &[&str] = &RESERVED;
    while let [key, tail @ ..] = rest {
        names |= sketch(key.as_bytes());
        rest = tail;
    }
    names
};

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

/// What ends a name in Prometheus, and what in Datadog, where a colon follows.
type Endings = (Short, Short);

/// `x_total` of a counter becomes `x.count`, `x_bucket` of a histogram `x.bucket`, and so on.
const fn endings_of(role: Role) -> Endings {
    let (prometheus, datadog) = match role {
        Role::Gauge | Role::Untyped | Role::Created => ("", ":"),
        Role::Counter => ("_total", ".count:"),
        Role::HistogramBucket => ("_bucket", ".bucket:"),
        Role::HistogramCount | Role::SummaryCount => ("_count", ".count:"),
        Role::HistogramSum | Role::SummarySum => ("_sum", ".sum:"),
        Role::SummaryQuantile => ("", ".quantile:"),
    };
    (Short::new(prometheus), Short::new(datadog))
}

/// Those of every role, by its place among [`Role::ALL`].
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const ENDINGS: [Endings; Role::ALL.len()] = {
    let mut endings = [endings_of(Role::Untyped); Role::ALL.len()];
    let mut at = 0;
    while at < Role::ALL.len() {
        endings[at] = endings_of(Role::ALL[at]);
        at += 1;
    }
    endings
};

#[inline]
fn endings(role: Role) -> &'static Endings {
    let [first, ..] = &ENDINGS;
    ENDINGS.get(role as usize).unwrap_or(first)
}

/// A name as Datadog has it.
pub(super) fn datadog_name(name: &str, role: Role) -> Cow<'_, str> {
    let (prometheus, datadog) = endings(role);
    match datadog.text().trim_end_matches(':') {
        "" => Cow::Borrowed(name),
        datadog => Cow::Owned(format!("{}{datadog}", name.strip_suffix(prometheus.text()).unwrap_or(name))),
    }
}

/// The name of a counter that ends in `_total` together with this prefix, and not without it, if there is one: `total`
/// behind `docker_`.
pub(super) fn total_behind(prefix: &str) -> Option<&'static str> {
    let (total, _) = endings(Role::Counter);
    let mut cuts = (1..total.text().len()).filter_map(|at| total.text().split_at_checked(at));
    cuts.find_map(|(begin, name)| prefix.ends_with(begin).then_some(name))
}

/// Makes [`datadog_name`] of the name that was written last, and writes a colon.
#[inline]
pub(super) fn end_name(role: Role, pen: &mut Pen<'_>) {
    let (prometheus, datadog) = endings(role);
    if !prometheus.text().is_empty() {
        pen.take_back_end(prometheus);
    }
    pen.short(datadog);
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
    spelling(bound.as_bytes()) == Spelling::Other && bound.parse() == Ok(f64::INFINITY)
}

/// A bound in one spelling, because endpoints write `1` as well as `1.0`: that of Python, in which
/// Datadog's check is written (`1.0`, `0.005`, `1e-05`, and `0` for zero).
pub(super) fn bound(text: &str) -> Cow<'_, str> {
    match spelling(text.as_bytes()) {
        Spelling::Right => return Cow::Borrowed(text),
        Spelling::Whole => return Cow::Owned(format!("{text}.0")),
        Spelling::Other => {}
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

/// Digits that a double always keeps.
const DIGITS_MAX: usize = 15;

/// How a bound is spelled, as far as that can be seen at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As [`bound`] leaves it: `0.005`, `2.5`, `12.75`.
    Right,
    /// A whole number, to which [`bound`] adds `.0`.
    Whole,
    Other,
}

pub(super) fn spelling(text: &[u8]) -> Spelling {
    let is_number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    if text.len() > DIGITS_MAX {
        return Spelling::Other;
    }
    let Some(point) = text.iter().position(|byte| *byte == b'.') else {
        let is_whole = matches!(text, [b'1'..=b'9', ..]) && is_number(text);
        return if is_whole { Spelling::Whole } else { Spelling::Other };
    };
    let (whole, fraction) = text.split_at_checked(point).unwrap_or_default();
    let fraction = fraction.get(1..).unwrap_or_default();
    let is_whole = matches!(whole, b"0" | [b'1'..=b'9', ..]) && is_number(whole);
    let is_fraction = match fraction {
        // Smaller ones have an exponent, and `0.0` is `0`.
        [b'0', b'0', b'0', b'0', ..] if whole == b"0" => false,
        b"0" => whole != b"0",
        [.., last] => *last != b'0' && is_number(fraction),
        [] => false,
    };
    if is_whole && is_fraction { Spelling::Right } else { Spelling::Other }
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
        }
    }

    #[test]
    fn the_namespace_is_the_prefix_as_a_word() {
        for (prefix, expected) in [("docker.", "docker"), ("a.b.", "a_b"), ("x_", "x"), ("", "label")] {
            assert_eq!(namespace(prefix), expected);
        }
    }
}
