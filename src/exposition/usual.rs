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
/// Small, because it is handed on for each line.
#[derive(Debug, Clone, Copy)]
pub struct Usual {
    /// How long the head is.
    pub(super) head_bytes: u16,
    /// How long the metric's name is.
    pub(super) name_bytes: u16,
    /// The last label; without labels, all of it is zero.
    last: Part,
    /// The last value holds something else than ASCII letters, digits and `_-:/.`, as [`Step::places_of_simple`] has them.
    is_last_odd: bool,
    /// All values are ASCII.
    is_ascii: bool,
    /// The metric's name is without a colon.
    pub(crate) is_word: bool,
    /// Of the labels' names: see [`sketch`].
    pub(crate) names: u64,
}

/// Where a label stands, and what was noticed of those before it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    /// Where its name and its value begin.
    pub(super) name: usize,
    pub(super) value: usize,
    /// The longest name and value together.
    label_bytes_max: usize,
    /// How many values hold something else than ASCII letters, digits and `_-:/.`.
    odd_values: usize,
    /// How many bytes of values are not ASCII.
    others: usize,
}

impl Part {
    /// The label behind this one, which has this value; where its own value begins is not known yet.
    #[inline]
    pub(super) fn next(self, value: &Value) -> Self {
        Self {
            name: self.value + value.bytes + BETWEEN_LABELS.len(),
            value: 0,
            label_bytes_max: self.label_bytes_max.max(self.label_bytes(value)),
            odd_values: self.odd_values + usize::from(value.odd > 0),
            others: self.others + value.others,
        }
    }

    /// How long its name and value are, together.
    #[inline]
    fn label_bytes(self, value: &Value) -> usize {
        self.value - self.name - BEFORE_VALUE.len() + value.bytes
    }
}

/// A bit for a label's name, by its length and its ends: names with different bits differ.
#[must_use]
pub const fn sketch(name: &[u8]) -> u64 {
    match name {
        [first, .., last] => 1 << ((*first as usize + 12 * *last as usize + 17 * name.len()) & 63),
        [] | [_] => 0,
    }
}

/// What stands before a value, between one and the next label's name, and behind the last one.
const BEFORE_VALUE: &[u8] = b"=\"";
pub(super) const BETWEEN_LABELS: &[u8] = b"\",";
const BEHIND_VALUE: &[u8] = b"\"} ";

impl Usual {
    /// Reads the head that a line begins with; `None` if it is not a usual one.
    #[inline]
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        Self::read_in_parts(line, |_| ())
    }

    /// The same; `note` is told of each label.
    #[inline]
    pub(super) fn read_in_parts(line: &[u8], note: impl FnMut(Part)) -> Option<Self> {
        let mut name_bytes = name(line, 0)?;
        let is_word = line.get(name_bytes) != Some(&b':');
        while line.get(name_bytes) == Some(&b':') {
            name_bytes += 1 + word_bytes(line, name_bytes + 1);
        }
        let named = Self {
            head_bytes: place(name_bytes + 1)?,
            name_bytes: place(name_bytes)?,
            last: Part::default(),
            is_last_odd: false,
            is_ascii: true,
            is_word,
            names: 0,
        };
        match line.get(name_bytes)? {
            b' ' => Some(named).filter(|named| named.ends_head(line)),
            b'{' => named.labels(line, name_bytes + 1, note),
            _ => None,
        }
    }

    /// Whether the head ends here, is text, and is of a length that can be told.
    #[inline]
    fn ends_head(&self, line: &[u8]) -> bool {
        let head_bytes = usize::from(self.head_bytes);
        // Another blank would belong to the head, and labels may stand behind one.
        let is_end = !matches!(line.get(head_bytes), None | Some(b' ' | b'\t' | b'{'));
        let is_text = || line.get(..head_bytes).is_some_and(|head| str::from_utf8(head).is_ok());
        is_end && (self.is_ascii || is_text())
    }

    #[inline]
    fn labels(mut self, line: &[u8], begin: usize, mut note: impl FnMut(Part)) -> Option<Self> {
        let mut before = Rank::default();
        let mut part = Part { name: begin, ..Part::default() };
        for _ in 0..LABELS_MAX {
            let at = part.name;
            let name_bytes = name(line, at)?;
            let rank = Rank::of(line, at, name_bytes);
            if !before.is_before(&rank, line) {
                return None;
            }
            before = rank;
            let value_at = at + name_bytes + BEFORE_VALUE.len();
            if line.get(at + name_bytes..value_at)? != BEFORE_VALUE {
                return None;
            }
            part.value = value_at;
            note(part);
            let value = value(line, value_at)?;
            self.names |= sketch(line.get(at..at + name_bytes)?);
            let end = value_at + value.bytes;
            if line.get(end..end + BETWEEN_LABELS.len())? != BETWEEN_LABELS {
                self.end(line, part, &value)?;
                return Some(self);
            }
            part = part.next(&value);
        }
        None
    }

    /// The head ends behind this label; `None` if it does not.
    #[inline]
    pub(super) fn end(&mut self, line: &[u8], last: Part, value: &Value) -> Option<()> {
        let end = last.value + value.bytes;
        if line.get(end..end + BEHIND_VALUE.len())? != BEHIND_VALUE {
            return None;
        }
        self.head_bytes = place(end + BEHIND_VALUE.len())?;
        self.last = last;
        self.is_last_odd = value.odd > 0;
        self.is_ascii = last.others + value.others == 0;
        self.ends_head(line).then_some(())
    }

    /// The name of the last label of the head and its value, as they stand there; empty if there is none.
    #[inline]
    #[must_use]
    pub(crate) fn last<'a>(&self, head: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let Part { name, value, .. } = self.last;
        let value_end = head.len().saturating_sub(BEHIND_VALUE.len());
        let of = |begin: usize, end: usize| head.get(begin..end).filter(|_| begin > 0).unwrap_or_default();
        (of(name, value.saturating_sub(BEFORE_VALUE.len())), of(value, value_end))
    }

    /// Where the labels stand, without their braces.
    pub(super) fn labels_range(&self) -> std::ops::Range<usize> {
        let name_end = usize::from(self.name_bytes);
        // The closing quote belongs to them.
        let labels_end = usize::from(self.head_bytes).saturating_sub(BEHIND_VALUE.len() - 1);
        if self.last.value == 0 { name_end..name_end } else { name_end + 1..labels_end }
    }

    /// The longest name and value of a label, together.
    #[inline]
    pub(crate) fn label_bytes_max(&self) -> usize {
        // Of the last one, with its quotes and the rest of the frame.
        let last = usize::from(self.head_bytes).saturating_sub(self.last.name);
        let last = if self.last.value == 0 { 0 } else { last.saturating_sub(LAST_FRAME_BYTES) };
        last.max(self.last.label_bytes_max)
    }

    /// All values are ASCII.
    #[inline]
    pub(crate) fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// How many values hold something else than ASCII letters, digits and `_-:/.`: before the last, and the last.
    #[inline]
    pub(crate) fn odd_values(&self) -> (usize, bool) {
        (self.last.odd_values, self.is_last_odd)
    }
}

/// What stands around the last label's name and value, up to the end of the head: `="` and `"} `.
const LAST_FRAME_BYTES: usize = BEFORE_VALUE.len() + BEHIND_VALUE.len();

/// A place in a line; `None` beyond what a usual head has.
#[inline]
fn place(at: usize) -> Option<u16> {
    u16::try_from(at).ok().filter(|place| *place < u16::MAX)
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

/// Where a label stands among others: by name, but `le` and `quantile` behind all others, as `convert/canonical` sorts them.
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
pub(super) struct Value {
    pub(super) bytes: usize,
    /// How much of it is something else than ASCII letters, digits and `_-:/.`.
    odd: usize,
    /// How many of its bytes are not ASCII.
    others: usize,
}

/// Reads a value that is not empty and has only the escapes that are needed.
#[inline]
pub(super) fn value(line: &[u8], at: usize) -> Option<Value> {
    let mut end = at;
    let (mut odd, mut others) = (0, 0);
    while end < line.len() {
        let step = Step::at(line, end);
        // What is not simple is looked at closely; most values end before there is any.
        let bytes = (step.places_of_simple().trailing_ones() as usize).min(STEP);
        end += bytes;
        if bytes == STEP {
            continue;
        }
        match line.get(end)? {
            b'"' => return (end > at).then_some(Value { bytes: end - at, odd, others }),
            b'\\' if matches!(line.get(end + 1)?, b'n' | b'"' | b'\\') => end += 2,
            // A line ends here, and the value does not.
            b'\\' | b'\n' => return None,
            byte => {
                others += usize::from(!byte.is_ascii());
                end += 1;
            }
        }
        odd += 1;
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
}
