//! The head of a sample line as every Prometheus client writes it, read in one pass.
//!
//! `name{first="value",second="value",le="0.5"} `: labels in order, no blanks between them, nothing
//! escaped. What looks otherwise is for the whole grammar in `line`, which is several times slower.

use super::labels::{LABELS_MAX, Labels, is_name_byte};

/// What the head of a sample line says.
#[derive(Debug)]
pub(super) struct Usual<'a> {
    pub(super) name: &'a str,
    /// In their canonical order: by name, `le` and `quantile` last, none twice and none empty.
    pub(super) labels: Labels<'a>,
    /// How long the head is: the value begins behind it.
    pub(super) head_bytes: usize,
}

/// Reads the head; `None` if it is not a usual one.
pub(super) fn read(line: &[u8]) -> Option<Usual<'_>> {
    let name_bytes = name_bytes(line)?;
    let (labels, head_bytes) = match line.get(name_bytes)? {
        b' ' => (name_bytes..name_bytes, name_bytes + 1),
        b'{' => {
            let end = labels_end(line, name_bytes + 1)?;
            (name_bytes + 1..end, end + 2)
        }
        _ => return None,
    };
    // Another blank would belong to the head, and labels may stand behind one.
    if matches!(line.get(head_bytes)?, b' ' | b'\t' | b'{') {
        return None;
    }
    // Nothing but ASCII was let through.
    let head = str::from_utf8(line.get(..head_bytes)?).ok()?;
    Some(Usual { name: head.get(..name_bytes)?, labels: Labels::checked(head.get(labels)?), head_bytes })
}

/// The length of the name that the text begins with.
fn name_bytes(text: &[u8]) -> Option<usize> {
    let count = text.iter().position(|byte| !is_name_byte(*byte))?;
    let is_name = text.first().is_some_and(|first| !first.is_ascii_digit()) && count > 0;
    is_name.then_some(count)
}

/// The place of the closing brace, which a blank follows.
fn labels_end(line: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin;
    let mut before: &[u8] = b"";
    for _ in 0..LABELS_MAX {
        let rest = line.get(at..)?;
        let name = rest.get(..name_bytes(rest)?)?;
        if name.contains(&b':') || order(name) <= order(before) {
            return None;
        }
        let value = rest.get(name.len()..)?.strip_prefix(b"=\"")?;
        let value_bytes = value.iter().position(|byte| !is_plain(*byte))?;
        if value_bytes == 0 {
            return None;
        }
        before = name;
        at += name.len() + 2 + value_bytes;
        match line.get(at..at + 3)? {
            [b'"', b',', _] => at += 2,
            [b'"', b'}', b' '] => return Some(at + 1),
            _ => return None,
        }
    }
    None
}

/// By name, but `le` and `quantile` behind all others.
fn order(name: &[u8]) -> (bool, &[u8]) {
    (matches!(name, b"le" | b"quantile"), name)
}

/// What may stand in a value without an escape, less what is not ASCII.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::line::sample_line;

    #[test]
    fn usual_heads_are_read_as_the_grammar_reads_them() {
        for line in [
            "a 1",
            "_a:b 1",
            "a{b=\"c\"} 1",
            "a{b=\"c d,e}f{\",c=\"#\",le=\"+Inf\"} 1 123",
            "a{a=\"1\",z=\"2\",quantile=\"0.5\"} NaN",
        ] {
            let usual = read(line.as_bytes()).unwrap();
            let sample = sample_line(line).unwrap();
            assert_eq!((usual.name, usual.head_bytes), (sample.name.as_ref(), sample.head_bytes), "{line}");
            assert!(usual.labels.iter().eq(sample.labels.iter()), "{line}");
        }
    }

    #[test]
    fn what_is_not_usual_is_left_to_the_grammar() {
        for line in [
            "",
            "a",
            "1a 1",
            "# HELP a b",
            " a 1",
            "a  1",
            "a\t1",
            "a {b=\"c\"} 1",
            "a{} 1",
            "a{b=\"c\"}1",
            "a{b=\"c\"}  1",
            "a{b=\"c\",} 1",
            "a{b=\"\"} 1",
            "a{b=\"c\", d=\"e\"} 1",
            "a{d=\"c\",b=\"e\"} 1",
            "a{b=\"c\",b=\"e\"} 1",
            "a{le=\"c\",z=\"e\"} 1",
            "a{b=\"c\\n\"} 1",
            "a{b=\"é\"} 1",
            "a{b:c=\"d\"} 1",
            "{\"a\"} 1",
            "a{b=\"c\"} ",
        ] {
            assert!(read(line.as_bytes()).is_none(), "{line}");
        }
    }
}
