//! The identity of a series, whatever way a scrape writes it.

use std::borrow::Cow;

use crate::exposition::Labels;

/// A label's name and value.
pub(super) type Label<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Labels in one order, whatever order a scrape has them in: by name, `le` and `quantile` last, as
/// Prometheus' own client writes them. An empty value is no label.
pub(super) fn canonical<'a>(labels: &Labels<'a>) -> Vec<Label<'a>> {
    let mut labels: Vec<_> = labels.iter().filter(|(_, value)| !value.is_empty()).collect();
    sort(&mut labels);
    labels
}

/// Brings labels into that order.
pub(super) fn sort(labels: &mut [Label<'_>]) {
    let rank = |name: &str| matches!(name, "le" | "quantile");
    labels.sort_by(|(left, _), (right, _)| (rank(left), left).cmp(&(rank(right), right)));
}

/// Writes the head of a sample in its one canonical form.
pub(super) fn write_head(name: &str, labels: &[Label<'_>], head: &mut String) {
    push_name(head, name);
    for (index, (name, value)) in labels.iter().enumerate() {
        head.push(if index == 0 { '{' } else { ',' });
        push_name(head, name);
        head.push('=');
        push_quoted(head, value);
    }
    head.push_str(if labels.is_empty() { " " } else { "} " });
}

/// A name that is not plain stands in quotes: else it could say what labels say.
fn push_name(out: &mut String, name: &str) {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')) {
        out.push_str(name);
    } else {
        push_quoted(out, name);
    }
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
