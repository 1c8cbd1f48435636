//! The head of a sample line as every Prometheus client writes it, read in one pass.
//!
//! `name{first="value",second="value",le="0.5"} `: labels in order, no blanks between them, nothing
//! escaped that need not be. What looks otherwise is for the whole grammar in `line`, which is several
//! times slower.

use super::labels::{LABELS_MAX, Labels};

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

/// A byte of a name.
const NAME: u8 = 1;
/// A digit, with which no name begins.
const DIGIT: u8 = 2;
/// A byte that ends a value, or begins an escape.
const BORDER: u8 = 4;
const SIMPLE: u8 = 8;
const ASCII: u8 = 16;

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        let is_name = byte.is_ascii_alphanumeric() || byte == b'_';
        classes[byte as usize] = ASCII
            | if is_name { NAME } else { 0 }
            | if byte.is_ascii_digit() { DIGIT } else { 0 }
            | if matches!(byte, b'"' | b'\\') { BORDER } else { 0 }
            | if is_name || matches!(byte, b'-' | b':' | b'/' | b'.') { SIMPLE } else { 0 };
        byte += 1;
    }
    classes
};

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Reads the head; `None` if it is not a usual one.
#[inline]
pub(super) fn read(line: &[u8]) -> Option<Usual<'_>> {
    let mut name_bytes = word(line)?;
    let is_word = line.get(name_bytes) != Some(&b':');
    while line.get(name_bytes) == Some(&b':') {
        name_bytes += 1;
        name_bytes += line.get(name_bytes..)?.iter().take_while(|byte| class(**byte) & NAME != 0).count();
    }
    let (labels, head_bytes, traits) = match line.get(name_bytes)? {
        b' ' => (
            name_bytes..name_bytes,
            name_bytes + 1,
            Traits { is_simple: true, is_last_simple: true, is_ascii: true, ..Traits::default() },
        ),
        b'{' => {
            let (end, traits) = labels(line, name_bytes + 1)?;
            (name_bytes + 1..end, end + 2, traits)
        }
        _ => return None,
    };
    // Another blank would belong to the head, and labels may stand behind one.
    if matches!(line.get(head_bytes)?, b' ' | b'\t' | b'{') {
        return None;
    }
    let head = str::from_utf8(line.get(..head_bytes)?).ok()?;
    let (name, labels) = (head.get(..name_bytes)?, Labels::checked(head.get(labels)?));
    Some(Usual { name, labels, head_bytes, traits: Traits { is_word, ..traits } })
}

/// The length of the word that the text begins with, without a colon.
#[inline]
fn word(text: &[u8]) -> Option<usize> {
    let count = text.iter().position(|byte| class(*byte) & NAME == 0)?;
    (count > 0 && class(*text.first()?) & DIGIT == 0).then_some(count)
}

/// The place of the closing brace, which a blank follows.
#[inline]
fn labels(line: &[u8], begin: usize) -> Option<(usize, Traits<'_>)> {
    let mut at = begin;
    let (mut before, mut before_class): (&[u8], u8) = (b"", u8::MAX);
    let mut all = u8::MAX;
    let (mut label_bytes_max, mut initials) = (0, 0);
    for _ in 0..LABELS_MAX {
        let rest = line.get(at..)?;
        let name = rest.get(..word(rest)?)?;
        if order(name) <= order(before) {
            return None;
        }
        let value = rest.get(name.len()..)?.strip_prefix(b"=\"")?;
        let (value_bytes, value_class) = self::value(value)?;
        all &= before_class;
        (before, before_class) = (name, value_class);
        label_bytes_max = label_bytes_max.max(name.len() + value_bytes);
        initials |= 1 << (name.first()?.wrapping_sub(b'a') & 31);
        at += name.len() + 2 + value_bytes;
        match line.get(at..at + 3)? {
            [b'"', b',', _] => at += 2,
            [b'"', b'}', b' '] => {
                let last = (str::from_utf8(name).ok()?, str::from_utf8(value.get(..value_bytes)?).ok()?);
                let is_ascii = all & value_class & ASCII != 0;
                let (is_simple, is_last_simple) = (all & SIMPLE != 0, value_class & SIMPLE != 0);
                let is_word = false;
                return Some((
                    at + 1,
                    Traits { last, is_simple, is_last_simple, is_ascii, is_word, label_bytes_max, initials },
                ));
            }
            _ => return None,
        }
    }
    None
}

/// By name, but `le` and `quantile` behind all others.
#[inline]
fn order(name: &[u8]) -> (bool, &[u8]) {
    (matches!(name, b"le" | b"quantile"), name)
}

/// The length of a value that is not empty and has only the escapes that are needed, and what classes all
/// of its bytes are of.
#[inline]
fn value(text: &[u8]) -> Option<(usize, u8)> {
    let mut all = u8::MAX;
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        let class = class(*byte);
        if class & BORDER != 0 {
            if *byte == b'"' {
                return (at > 0).then_some((at, all));
            }
            if !matches!(bytes.next()?.1, b'n' | b'"' | b'\\') {
                return None;
            }
        }
        all &= class;
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
