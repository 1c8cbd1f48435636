//! The quick way of a line: one that stood next in the scrape before, whatever its value.
//!
//! Its head is as long as it was, so the fingerprint of that many bytes tells whether it is the same. Then only the value is
//! read. Whatever is out of the ordinary, be it the head, the value or what was noted of the line, is left to the exact
//! way; nothing was changed by then.

use super::Converter;
use super::note::{Handling, Note};
use super::plain::Written;
use crate::decimal::{self, Decimal, ShortText};
use crate::exposition::Tail;
use crate::series::{Known, Line, LineKind, NOT_EXPECTED, Place};

impl Converter {
    /// Reads lines as long as they stand as expected and nothing is odd about them; returns what stands
    /// behind them.
    #[inline(never)]
    pub(super) fn expected_lines<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let mut rest = text;
        let (mut lines, mut comments, mut types) = (0, 0, 0);
        while self.series.is_continued() {
            let mut unchanged = 0;
            let mut changed = None;
            let ahead = if self.families.is_in_step() {
                self.series.ahead()
            } else {
                self.series.ahead_among(&self.reading.under_type)
            };
            for known in ahead {
                let Some((head, tail)) = rest.split_at_checked(known.head_bytes()) else { break };
                if self.fingerprints.of_head(head) != known.head() || known.is_taken() {
                    break;
                }
                let word = tail.first_chunk().map(|word| u64::from_le_bytes(*word));
                if let Some(bytes) = word.and_then(|word| known.unchanged_bytes(word)) {
                    rest = tail.get(bytes..).unwrap_or_default();
                    unchanged += 1;
                    continue;
                }
                let bytes = match said(known, tail) {
                    Some(Said::Nothing { bytes }) => bytes,
                    Some(Said::Comment { is_type }) => {
                        comments += 1;
                        types += usize::from(is_type);
                        0
                    }
                    Some(Said::News(news)) => {
                        changed = Some((*known, news));
                        break;
                    }
                    None => break,
                };
                rest = tail.get(bytes..).unwrap_or_default();
                unchanged += 1;
            }
            self.series.accept(unchanged);
            lines += unchanged;
            let Some((known, News { value, bytes })) = changed else { break };
            self.changed_line(&known, rest, value);
            rest = rest.get(known.head_bytes() + bytes..).unwrap_or_default();
            lines += 1;
        }
        if types > 0 {
            self.families.pass(types);
        }
        self.reading.lines += lines;
        self.reading.counts.samples += lines - comments;
        rest
    }

    /// The expected line, with which `line` begins, has this value now.
    #[inline]
    fn changed_line(&mut self, known: &Known, line: &[u8], value: Value<'_>) {
        match value {
            Value::Gauge(value) => {
                self.series.accept(1);
                self.write_plain(line, known.head_bytes(), Note(known.note()), None, value);
            }
            Value::NotFinite => {
                self.series.accept(1);
                self.reading.counts.not_finite += 1;
            }
            Value::Counter(value, text) => self.plain_counter(known, line, value, text),
        }
    }

    /// The expected counter, with whose line `line` begins, has this value, which is written so.
    #[inline]
    fn plain_counter(&mut self, known: &Known, line: &[u8], value: Decimal, text: ShortText) {
        let identity = self.series.expected_identity();
        let owed = self.series.observe_expected(value, text).unwrap_or_else(|| {
            let line = Line {
                head: known.head(),
                head_bytes: u16::try_from(known.head_bytes()).unwrap_or(NOT_EXPECTED),
                identity,
                note: known.note(),
                kind: LineKind::Cumulative,
            };
            self.series.observe(Place::Expected, &line, value, text)
        });
        if !owed.is_zero() {
            let (note, value) = (Note(known.note()), Written::Number(owed));
            self.write_plain(line, known.head_bytes(), note, Some(identity), value);
        }
    }
}

/// What a known line says, if its value is not written as it was.
#[derive(Debug, Clone, Copy)]
enum Said<'a> {
    /// It is a comment, of which all is its head.
    Comment {
        is_type: bool,
    },
    /// There is nothing to be sent. The value with all that stands behind it is so long.
    Nothing {
        bytes: usize,
    },
    News(News<'a>),
}

#[derive(Debug, Clone, Copy)]
struct News<'a> {
    value: Value<'a>,
    /// How long the value is with all that stands behind it.
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Gauge(Written<'a>),
    /// Of a gauge: it is no number.
    NotFinite,
    /// Of a counter, and how it is written.
    Counter(Decimal, ShortText),
}

/// Reads what stands behind the head of a known line; `None` if something about it is odd.
#[inline(never)]
fn said<'a>(known: &Known, tail: &'a [u8]) -> Option<Said<'a>> {
    let note = Note(known.note());
    let handling = note.handling();
    match handling {
        Handling::Comment | Handling::Type => {
            return Some(Said::Comment { is_type: handling == Handling::Type });
        }
        _ if note.is_watched() => return None,
        Handling::Gauge if !note.is_plain() => return None,
        Handling::Gauge => {
            if let Some(bytes) = decimal::canonical_bytes(tail) {
                let value = Value::Gauge(Written::Text(tail, bytes));
                return Some(Said::News(News { value, bytes: bytes + 1 }));
            }
            if let Some(bytes) = not_finite_bytes(tail) {
                return Some(Said::News(News { value: Value::NotFinite, bytes }));
            }
        }
        Handling::Ignored | Handling::Counter => {}
    }
    let Tail { value, value_bytes, bytes } = Tail::leading(tail)?;
    let value = match handling {
        Handling::Ignored => return Some(Said::Nothing { bytes }),
        Handling::Gauge => Value::Gauge(Written::Number(value)),
        _ if known.is_settled_at(value) => return Some(Said::Nothing { bytes }),
        _ if !note.is_plain() || value.is_negative() => return None,
        _ => Value::Counter(value, ShortText::of(tail, value_bytes)),
    };
    Some(Said::News(News { value, bytes }))
}

/// How long a gauge's value is with its line feed, if it is usually written and no number.
fn not_finite_bytes(tail: &[u8]) -> Option<usize> {
    match tail {
        [b'N', b'a', b'N', b'\n', ..] => Some(4),
        [b'+' | b'-', b'I', b'n', b'f', b'\n', ..] => Some(5),
        _ => None,
    }
}
