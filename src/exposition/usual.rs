//! The head of a sample line as every Prometheus client writes it, read in one pass.
//!
//! `name{first="value",second="value",le="0.5"} `: labels in order, no blanks between them, nothing
//! escaped that need not be. What looks otherwise is for the whole grammar in `line`, which is several
//! times slower.

use std::cmp::Ordering;
use std::ops::Range;

use super::labels::{LABELS_MAX, Labels};
use crate::wide::{self, STEP, Step};

/// What the head of a sample line says.
#[derive(Debug)]
pub(super) struct Usual<'a> {
    pub(super) name: &'a str,
    /// In their canonical order: by name, `le` and `quantile` last, none twice and none empty.
    pub(super) labels: Labels<'a>,
    /// How long the head is: the value begins behind it.
    pub(super) head_bytes: usize,
    pub(super) traits: Traits<'a>,
}

/// What was noticed of a canonical head while it was read.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Traits<'a> {
    /// The name of the last label and its value as it stands there; empty if there is none.
    pub last: (&'a str, &'a str),
    /// The values before the last hold nothing but ASCII letters, digits and `_-:/.`.
    pub is_simple: bool,
    /// So does the last.
    pub is_last_simple: bool,
    /// All values are ASCII.
    pub is_ascii: bool,
    /// The name is without a colon.
    pub is_word: bool,
    /// The longest name and value of a label, together.
    pub label_bytes_max: usize,
    /// A bit for each letter, from `a`, that a label's name begins with.
    pub initials: u32,
}

/// Reads the head; `None` if it is not a usual one.
#[inline]
pub(super) fn read(line: &[u8]) -> Option<Usual<'_>> {
    let mut name_bytes = name(line, 0)?;
    let is_word = line.get(name_bytes) != Some(&b':');
    while line.get(name_bytes) == Some(&b':') {
        name_bytes += 1 + word_bytes(line, name_bytes + 1);
    }
    let Inside { end, last_name, last_value, traits } = match line.get(name_bytes)? {
        b' ' => Inside::default(),
        b'{' => labels(line, name_bytes + 1)?,
        _ => return None,
    };
    let (labels, head_bytes) = match end {
        0 => (name_bytes..name_bytes, name_bytes + 1),
        end => (name_bytes + 1..end, end + BEHIND_LABELS.len()),
    };
    // Another blank would belong to the head, and labels may stand behind one.
    if matches!(line.get(head_bytes)?, b' ' | b'\t' | b'{') {
        return None;
    }
    let head = str::from_utf8(line.get(..head_bytes)?).ok()?;
    let last = (head.get(last_name)?, head.get(last_value)?);
    let (name, labels) = (head.get(..name_bytes)?, Labels::checked(head.get(labels)?));
    Some(Usual { name, labels, head_bytes, traits: Traits { last, is_word, ..traits } })
}

/// What stands behind the labels.
const BEHIND_LABELS: &[u8] = b"} ";

/// What stands between the braces.
struct Inside {
    /// Where it ends; zero if there are no labels.
    end: usize,
    last_name: Range<usize>,
    last_value: Range<usize>,
    traits: Traits<'static>,
}

impl Default for Inside {
    fn default() -> Self {
        let traits = Traits { is_simple: true, is_last_simple: true, is_ascii: true, ..Traits::default() };
        Self { end: 0, last_name: 0..0, last_value: 0..0, traits }
    }
}

/// How many letters, digits and `_` stand there.
#[inline]
fn word_bytes(line: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        let bytes = Step::at(line, end).places_of_words().trailing_ones() as usize;
        let bytes = bytes.min(STEP);
        end += bytes;
        if bytes < STEP {
            return end - at;
        }
    }
}

/// The length of the name that stands there, without a colon.
#[inline]
fn name(line: &[u8], at: usize) -> Option<usize> {
    let bytes = word_bytes(line, at);
    (bytes > 0 && !line.get(at)?.is_ascii_digit()).then_some(bytes)
}

#[inline]
fn labels(line: &[u8], begin: usize) -> Option<Inside> {
    let mut at = begin;
    let mut before = Rank::default();
    let mut inside = Inside::default();
    for _ in 0..LABELS_MAX {
        let name_bytes = name(line, at)?;
        let rank = Rank::of(line, at, line.get(at..at + name_bytes)?);
        if !before.is_before(&rank) {
            return None;
        }
        before = rank;
        let value_at = at + name_bytes + 2;
        if line.get(at + name_bytes..value_at)? != b"=\"" {
            return None;
        }
        let Value { bytes, is_simple, is_ascii } = value(line, value_at)?;
        let traits = &mut inside.traits;
        traits.is_simple &= traits.is_last_simple;
        traits.is_last_simple = is_simple;
        traits.is_ascii &= is_ascii;
        traits.label_bytes_max = traits.label_bytes_max.max(name_bytes + bytes);
        traits.initials |= 1 << (line.get(at)?.wrapping_sub(b'a') & 31);
        let end = value_at + bytes;
        match line.get(end..end + 3)? {
            [b'"', b',', _] => at = end + 2,
            [b'"', b'}', b' '] => {
                (inside.end, inside.last_name, inside.last_value) =
                    (end + 1, at..at + name_bytes, value_at..end);
                return Some(inside);
            }
            _ => return None,
        }
    }
    None
}

/// Where a label stands among others: by name, but `le` and `quantile` behind all others.
#[derive(Debug, Clone, Copy, Default)]
struct Rank<'a> {
    is_last: bool,
    /// The first bytes as a number, which most names are told apart by.
    first: u64,
    name: &'a [u8],
}

impl<'a> Rank<'a> {
    /// Of the name that stands there.
    #[inline]
    fn of(line: &[u8], at: usize, name: &'a [u8]) -> Self {
        let behind_bits = 64 - 8 * name.len().clamp(1, wide::WORD);
        let first = wide::word(line, at).swap_bytes() >> behind_bits << behind_bits;
        Self { is_last: matches!(name, b"le" | b"quantile"), first, name }
    }

    #[inline]
    fn is_before(&self, other: &Self) -> bool {
        match (self.is_last, self.first).cmp(&(other.is_last, other.first)) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => self.name < other.name,
        }
    }
}

/// A label's value as it stands there.
struct Value {
    bytes: usize,
    is_simple: bool,
    is_ascii: bool,
}

/// Reads a value that is not empty and has only the escapes that are needed.
#[inline]
fn value(line: &[u8], at: usize) -> Option<Value> {
    let mut end = at;
    let (mut is_simple, mut is_ascii) = (true, true);
    while end < line.len() {
        let step = Step::at(line, end);
        let bytes = (step.places_of(b'"') | step.places_of(b'\\')).trailing_zeros() as usize;
        is_simple &= step.places_of_simple().trailing_ones() as usize >= bytes;
        is_ascii &= step.is_ascii(bytes);
        end += bytes;
        if bytes == STEP {
            continue;
        }
        if line.get(end) == Some(&b'"') {
            return (end > at).then_some(Value { bytes: end - at, is_simple, is_ascii });
        }
        if !matches!(line.get(end + 1)?, b'n' | b'"' | b'\\') {
            return None;
        }
        is_simple = false;
        end += 2;
    }
    None
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
            "a{b=\"c\\n\\\"\\\\\",c=\"é\"} 1",
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
            "a{b=\"c\\d\"} 1",
            "a{b:c=\"d\"} 1",
            "{\"a\"} 1",
            "a{b=\"c\"} ",
        ] {
            assert!(read(line.as_bytes()).is_none(), "{line}");
        }
    }
}
