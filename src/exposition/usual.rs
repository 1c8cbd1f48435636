//! The head of a sample line as every Prometheus client writes it, read in one pass.
//!
//! `name{first="value",second="value",le="0.5"} `: labels in order, no blanks between them, nothing
//! escaped that need not be. What looks otherwise is for the whole grammar in `line`, which is several
//! times slower.

use std::cmp::Ordering;

use super::labels::LABELS_MAX;
use crate::wide::{self, STEP, Step};

/// A usual head: where its parts stand, and what was noticed of them. Its labels are in their canonical order: by
/// name, `le` and `quantile` last, none twice and none empty.
///
/// Small, because it is handed on for each line. Without labels, what is said of the last one is zero.
#[derive(Debug, Clone, Copy)]
pub struct Usual {
    /// How long the head is.
    pub(super) head_bytes: u16,
    /// How long the metric's name is.
    pub(super) name_bytes: u16,
    /// Where the last label's name and value begin.
    last_name: u16,
    last_value: u16,
    /// The longest name and value together of the labels before the last.
    label_bytes_max: u16,
    /// How many values before the last hold something else than ASCII letters, digits and `_-:/.`.
    odd_values: u8,
    /// The last does.
    is_last_odd: bool,
    /// All values are ASCII.
    is_ascii: bool,
    /// The metric's name is without a colon.
    pub(crate) is_word: bool,
    /// Of the labels' names: see [`sketch`].
    pub(crate) names: u64,
}

/// A bit for a label's name, by its length and its ends: names with different bits differ.
#[must_use]
pub const fn sketch(name: &[u8]) -> u64 {
    match name {
        [first, .., last] => 1 << ((*first as usize + 12 * *last as usize + 17 * name.len()) & 63),
        [] | [_] => 0,
    }
}

/// What stands behind the last value.
const BEHIND_VALUE: &[u8] = b"\"} ";

impl Usual {
    /// Reads the head that a line begins with; `None` if it is not a usual one.
    #[inline]
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let mut name_bytes = name(line, 0)?;
        let is_word = line.get(name_bytes) != Some(&b':');
        while line.get(name_bytes) == Some(&b':') {
            name_bytes += 1 + word_bytes(line, name_bytes + 1);
        }
        let named = Self {
            head_bytes: place(name_bytes + 1),
            name_bytes: place(name_bytes),
            last_name: 0,
            last_value: 0,
            label_bytes_max: 0,
            odd_values: 0,
            is_last_odd: false,
            is_ascii: true,
            is_word,
            names: 0,
        };
        match line.get(name_bytes)? {
            b' ' => Some(named),
            b'{' => named.labels(line, name_bytes + 1),
            _ => None,
        }
        .filter(|usual| usual.ends_head(line))
    }

    /// Reads the head of another line, which differs from this one in its last value, as those of a histogram's
    /// buckets do; `None` if it differs in anything else. `head` is this one.
    #[inline]
    pub(super) fn read_like(self, head: &[u8], line: &[u8]) -> Option<Self> {
        let value_at = usize::from(self.last_value);
        if value_at == 0 || !self.is_ascii || !wide::begins_alike(line, head, value_at) {
            return None;
        }
        let Value { bytes, is_odd, is_ascii } = value(line, value_at)?;
        let end = value_at + bytes;
        if line.get(end..end + BEHIND_VALUE.len())? != BEHIND_VALUE {
            return None;
        }
        let head_bytes = place(end + BEHIND_VALUE.len());
        Some(Self { head_bytes, is_last_odd: is_odd, is_ascii, ..self }).filter(|usual| usual.ends_head(line))
    }

    /// Whether the head ends here, is text, and is of a length that can be told.
    #[inline]
    fn ends_head(self, line: &[u8]) -> bool {
        let head_bytes = usize::from(self.head_bytes);
        // Another blank would belong to the head, and labels may stand behind one.
        let is_end = !matches!(line.get(head_bytes), None | Some(b' ' | b'\t' | b'{'));
        let is_text = || line.get(..head_bytes).is_some_and(|head| str::from_utf8(head).is_ok());
        is_end && self.head_bytes < u16::MAX && (self.is_ascii || is_text())
    }

    #[inline]
    fn labels(mut self, line: &[u8], begin: usize) -> Option<Self> {
        let mut at = begin;
        let mut before = Rank::default();
        for _ in 0..LABELS_MAX {
            let name_bytes = name(line, at)?;
            let rank = Rank::of(line, at, name_bytes);
            if !before.is_before(&rank, line) {
                return None;
            }
            before = rank;
            let value_at = at + name_bytes + 2;
            if line.get(at + name_bytes..value_at)? != b"=\"" {
                return None;
            }
            let Value { bytes, is_odd, is_ascii } = value(line, value_at)?;
            self.is_ascii &= is_ascii;
            self.names |= sketch(line.get(at..at + name_bytes)?);
            let end = value_at + bytes;
            match line.get(end..end + BEHIND_VALUE.len())? {
                [b'"', b',', _] => {
                    self.label_bytes_max = self.label_bytes_max.max(place(name_bytes + bytes));
                    self.odd_values += u8::from(is_odd);
                    at = end + 2;
                }
                BEHIND_VALUE => {
                    (self.last_name, self.last_value, self.is_last_odd) =
                        (place(at), place(value_at), is_odd);
                    self.head_bytes = place(end + BEHIND_VALUE.len());
                    return Some(self);
                }
                _ => return None,
            }
        }
        None
    }

    /// The name of the last label of the head and its value, as they stand there; empty if there is none.
    #[inline]
    #[must_use]
    pub(crate) fn last<'a>(&self, head: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let (name, value) = (usize::from(self.last_name), usize::from(self.last_value));
        let value_end = head.len().saturating_sub(BEHIND_VALUE.len());
        let of = |begin: usize, end: usize| head.get(begin..end).filter(|_| begin > 0).unwrap_or_default();
        (of(name, value.saturating_sub(2)), of(value, value_end))
    }

    /// Where the labels stand, without their braces.
    pub(super) fn labels_range(&self) -> std::ops::Range<usize> {
        let name_end = usize::from(self.name_bytes);
        // The closing quote belongs to them.
        let labels_end = usize::from(self.head_bytes).saturating_sub(BEHIND_VALUE.len() - 1);
        if self.last_value == 0 { name_end..name_end } else { name_end + 1..labels_end }
    }

    /// The longest name and value of a label, together.
    #[inline]
    pub(crate) fn label_bytes_max(&self) -> usize {
        // Of the last one, with its quotes and the rest of the frame.
        let last = self.head_bytes.saturating_sub(self.last_name);
        let last = if self.last_value == 0 { 0 } else { usize::from(last).saturating_sub(LAST_FRAME_BYTES) };
        last.max(self.label_bytes_max.into())
    }

    /// All values are ASCII.
    #[inline]
    pub(crate) fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// How many values hold something else than ASCII letters, digits and `_-:/.`: before the last, and the last.
    #[inline]
    pub(crate) fn odd_values(&self) -> (usize, bool) {
        (self.odd_values.into(), self.is_last_odd)
    }
}

/// What stands around the last label's name and value, up to the end of the head: `="` and `"} `.
const LAST_FRAME_BYTES: usize = 2 + BEHIND_VALUE.len();

/// A place in a line; beyond what a usual head has, the largest.
#[inline]
fn place(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
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

/// Where a label stands among others: by name, but `le` and `quantile` behind all others.
#[derive(Debug, Clone, Copy, Default)]
struct Rank {
    is_last: bool,
    /// The first bytes as a number, which most names are told apart by.
    first: u64,
    at: usize,
    bytes: usize,
}

impl Rank {
    /// Of the name that stands there.
    #[inline]
    fn of(line: &[u8], at: usize, bytes: usize) -> Self {
        const LE: u64 = u64::from_be_bytes(*b"le\0\0\0\0\0\0");
        const QUANTILE: u64 = u64::from_be_bytes(*b"quantile");
        let behind_bits = 64 - 8 * bytes.clamp(1, wide::WORD);
        let first = wide::word(line, at).swap_bytes() >> behind_bits << behind_bits;
        Self { is_last: first == LE || (first == QUANTILE && bytes == wide::WORD), first, at, bytes }
    }

    #[inline]
    fn is_before(&self, other: &Self, line: &[u8]) -> bool {
        match (self.is_last, self.first).cmp(&(other.is_last, other.first)) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => self.name(line) < other.name(line),
        }
    }

    #[cold]
    fn name<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        line.get(self.at..self.at + self.bytes).unwrap_or_default()
    }
}

/// A label's value as it stands there.
struct Value {
    bytes: usize,
    /// It holds something else than ASCII letters, digits and `_-:/.`.
    is_odd: bool,
    is_ascii: bool,
}

/// Reads a value that is not empty and has only the escapes that are needed.
#[inline]
fn value(line: &[u8], at: usize) -> Option<Value> {
    let mut end = at;
    let (mut is_odd, mut is_ascii) = (false, true);
    while end < line.len() {
        let step = Step::at(line, end);
        // What is not simple is looked at closely; most values end before there is any.
        let bytes = (step.places_of_simple().trailing_ones() as usize).min(STEP);
        end += bytes;
        if bytes == STEP {
            continue;
        }
        match line.get(end)? {
            b'"' => return (end > at).then_some(Value { bytes: end - at, is_odd, is_ascii }),
            b'\\' if matches!(line.get(end + 1)?, b'n' | b'"' | b'\\') => end += 2,
            // A line ends here, and the value does not.
            b'\\' | b'\n' => return None,
            byte => {
                is_ascii &= byte.is_ascii();
                end += 1;
            }
        }
        is_odd = true;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::line::sample_line;

    /// The name and the labels' text of a usual head.
    fn parts<'a>(line: &'a str, usual: &Usual) -> (&'a str, &'a str) {
        (&line[..usize::from(usual.name_bytes)], &line[usual.labels_range()])
    }

    #[test]
    fn usual_heads_are_read_as_the_grammar_reads_them() {
        for (line, last, odd, longest) in [
            ("a 1", ("", ""), (0, false), 0),
            ("_a:b 1", ("", ""), (0, false), 0),
            ("a{b=\"c\"} 1", ("b", "c"), (0, false), 2),
            ("a{b=\"c d,e}f{\",c=\"#\",le=\"+Inf\"} 1 123", ("le", "+Inf"), (2, true), 9),
            ("a{b=\"c\\n\\\"\\\\\",c=\"é\"} 1", ("c", "é"), (1, true), 8),
            ("a{a=\"1\",z=\"2\",quantile=\"0.5\"} NaN", ("quantile", "0.5"), (0, false), 11),
            (
                "a{a=\"0123456789abcdef\",b=\"0123456789abcdef \"} 1",
                ("b", "0123456789abcdef "),
                (0, true),
                18,
            ),
        ] {
            let usual = Usual::read(line.as_bytes()).unwrap();
            let sample = sample_line(line).unwrap();
            let head = &line.as_bytes()[..usize::from(usual.head_bytes)];
            let (name, labels) = parts(line, &usual);
            assert_eq!((name, head), (sample.name().as_ref(), sample.head), "{line}");
            assert_eq!(labels, line.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0));
            assert_eq!(usual.last(head), (last.0.as_bytes(), last.1.as_bytes()), "{line}");
            assert_eq!((usual.odd_values(), usual.label_bytes_max()), (odd, longest), "{line}");
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
            "a{b=\"c\nd\"} 1",
            "a{b:c=\"d\"} 1",
            "{\"a\"} 1",
            "a{b=\"c\"} ",
        ] {
            assert!(Usual::read(line.as_bytes()).is_none(), "{line}");
        }
        assert!(Usual::read(b"a{b=\"\xff\"} 1").is_none());
        let long = format!("a{{b=\"{}\"}} 1", "x".repeat(usize::from(u16::MAX)));
        assert!(Usual::read(long.as_bytes()).is_none());
    }

    #[test]
    fn a_head_that_differs_in_its_last_value_is_read_as_any_other() {
        let head = b"a{b=\"c d\",le=\"0.5\"} ";
        let usual = Usual::read(b"a{b=\"c d\",le=\"0.5\"} 1").unwrap();
        for (line, is_like) in [
            ("a{b=\"c d\",le=\"0.5\"} 2", true),
            ("a{b=\"c d\",le=\"+Inf\"} 2", true),
            ("a{b=\"c d\",le=\"\\\"\"} 2", true),
            ("a{b=\"c d\",le=\"é\"} 2", true),
            ("a{b=\"c e\",le=\"0.5\"} 2", false),
            ("a{b=\"c d\",le=\"0.5\"}  2", false),
            ("a{b=\"c d\",le=\"0.5\",} 2", false),
            ("a{b=\"c d\",le=\"\"} 2", false),
            ("a{b=\"c d\",le=\"\\x\"} 2", false),
            ("a{b=\"c d\",le=\"0.5", false),
            ("a{b=\"c d\"} 2", false),
            ("a", false),
        ] {
            let like = usual.read_like(head, line.as_bytes());
            let shown = is_like.then(|| format!("{:?}", Usual::read(line.as_bytes()).unwrap()));
            assert_eq!(like.map(|like| format!("{like:?}")), shown, "{line}");
        }
        let bare = Usual::read(b"a 1").unwrap();
        assert!(bare.read_like(b"a ", b"a 2").is_none(), "there is no last value");
    }
}
