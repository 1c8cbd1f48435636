//! The identity of a series, whatever way a scrape writes it.

use std::borrow::Cow;

use crate::exposition::Labels;

/// A label's name and value.
pub(super) type Label<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Labels in one order, whatever order a scrape has them in: by name, `le` and `quantile` last, as
/// Prometheus' own client writes them. An empty value is no label.
pub(super) fn canonical<'a>(labels: &Labels<'a>) -> Vec<Label<'a>> {
    let mut labels: Vec<_> = labels.iter().filter(|(_, value)| !value.is_empty()).collect();
    let rank = |name: &str| matches!(name, "le" | "quantile");
    labels.sort_by(|(left, _), (right, _)| (rank(left), left).cmp(&(rank(right), right)));
    labels
}

/// The identity of a series: a sample's text up to its value, so that it can be read again.
pub(super) fn key(name: &str, labels: &[Label<'_>]) -> String {
    let mut key = String::with_capacity(64);
    key.push('{');
    push_quoted(&mut key, name);
    for (name, value) in labels {
        key.push(',');
        push_quoted(&mut key, name);
        key.push('=');
        push_quoted(&mut key, value);
    }
    key.push('}');
    key
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '"' | '\\' => out.extend(['\\', char]),
            _ => out.push(char),
        }
    }
    out.push('"');
}
