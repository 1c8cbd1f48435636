//! DogStatsD lines straight from the heads of plain lines.
//!
//! A head is plain if nothing in it has to be cleaned, cut or renamed, which is looked at once, when the line
//! is first seen. From then on its labels are copied eight bytes at a time: `{a="b",c="d"}` is `a:b,c:d` less quotes.
//! Whatever is not plain takes the exact way through the encoder; both write the same.

use super::name;
use crate::decimal::Decimal;
use crate::exposition::{Labels, Role};
use crate::statsd::{Kind, NAME_CHARS_MAX, TAG_CHARS_MAX, is_tag_char, push_value};
use crate::wide;

/// Writes plain lines.
#[derive(Debug)]
pub(super) struct Plain {
    prefix: String,
    /// The global tags behind those of the labels, with the comma that separates them.
    global: String,
}

/// Bytes that a quantile's or a counter's name grows by, at most.
const SUFFIX_BYTES_MAX: usize = ".quantile".len();

impl Plain {
    pub(super) fn new(prefix: &str, global: &str) -> Self {
        Self { prefix: prefix.to_owned(), global: global.to_owned() }
    }

    /// Whether the head that says this is plain.
    pub(super) fn covers(&self, name: &str, labels: &Labels<'_>, role: Role) -> bool {
        let is_name = self.prefix.starts_with(|first: char| first.is_ascii_alphabetic())
            && self.prefix.len() + name.len() + SUFFIX_BYTES_MAX <= NAME_CHARS_MAX
            && name.bytes().all(|byte| byte != b':');
        let bound_key = match role {
            Role::HistogramBucket => "le",
            Role::SummaryQuantile => "quantile",
            _ => "",
        };
        let last = labels.iter().last();
        let has_bound = match &last {
            _ if bound_key.is_empty() => true,
            Some((key, bound)) => key == bound_key && name::bound(bound).chars().all(is_tag_char),
            None => role == Role::SummaryQuantile,
        };
        let is_tag = |key: &str, value: &str| {
            key.len() + value.len() + name::BOUND_TAG.len() < TAG_CHARS_MAX
                && value.chars().all(is_tag_char)
                && !name::is_reserved(key)
        };
        is_name && has_bound && labels.iter().all(|(key, value)| is_tag(&key, &value))
    }

    /// Writes the line of a plain head. `line` begins with the head and may go on.
    pub(super) fn write(
        &self,
        line: &[u8],
        head_bytes: usize,
        role: Role,
        kind: Kind,
        value: Decimal,
        out: &mut Vec<u8>,
    ) {
        let name_bytes = name_bytes(line, head_bytes);
        out.extend_from_slice(self.prefix.as_bytes());
        let name = out.len();
        push(out, line, 0, name_bytes);
        name::push_suffix(role, name, out);
        out.push(b':');
        push_value(value, kind, out);
        if name_bytes + 1 < head_bytes {
            out.extend_from_slice(b"|#");
            // Behind the last value are its quote, the brace and the blank.
            let end = head_bytes.saturating_sub(3);
            match role {
                Role::HistogramBucket | Role::SummaryQuantile => {
                    push_tags_and_bound(out, line, name_bytes + 1, end, role);
                }
                _ => push_tags(out, line, name_bytes + 1, end),
            }
            out.extend_from_slice(self.global.as_bytes());
        } else if let Some(first) = self.global.strip_prefix(',') {
            out.extend_from_slice(b"|#");
            out.extend_from_slice(first.as_bytes());
        }
        out.push(b'\n');
    }
}

fn name_bytes(line: &[u8], head_bytes: usize) -> usize {
    let mut at = 0;
    while at < head_bytes {
        let count = wide::before(wide::word(line, at), b'{', b' ');
        at += count;
        if count < wide::WORD {
            break;
        }
    }
    at.min(head_bytes)
}

/// `a="b",c="d` as `a:b,c:d`.
fn push_tags(out: &mut Vec<u8>, line: &[u8], mut at: usize, end: usize) {
    while at < end {
        let word = wide::word(line, at);
        let count = wide::before(word, b'=', b'"').min(end - at);
        push_word(out, word, count);
        at += count;
        if count < wide::WORD && at < end {
            if line.get(at) == Some(&b'=') {
                out.push(b':');
                at += 2;
            } else {
                at += 1;
            }
        }
    }
}

/// As [`push_tags`], but the last value is a bound, or a quantile.
fn push_tags_and_bound(out: &mut Vec<u8>, line: &[u8], at: usize, end: usize, role: Role) {
    let labels = line.get(at..end).unwrap_or_default();
    let bound = labels.iter().rposition(|byte| *byte == b'"').map_or(0, |quote| quote + 1);
    if role == Role::HistogramBucket {
        push_tags(out, line, at, at + bound.saturating_sub("le=\"".len()));
        out.extend_from_slice(name::BOUND_TAG.as_bytes());
        out.push(b':');
    } else {
        push_tags(out, line, at, at + bound);
    }
    name::push_bound(labels.get(bound..).unwrap_or_default(), out);
}

/// Copies a few bytes of a longer text.
fn push(out: &mut Vec<u8>, text: &[u8], mut at: usize, end: usize) {
    while at < end {
        let count = (end - at).min(wide::WORD);
        push_word(out, wide::word(text, at), count);
        at += count;
    }
}

#[inline]
fn push_word(out: &mut Vec<u8>, word: u64, count: usize) {
    let end = out.len() + count;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}
