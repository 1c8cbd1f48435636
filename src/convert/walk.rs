//! The quick way of a line: one that stood next in the scrape before, whatever its value.
//!
//! Its head is as long as it was, so the fingerprint of that many bytes tells whether it is the same. Then only the value is
//! read. Whatever is out of the ordinary, be it the head, the value or what was noted of the line, is left to the exact
//! way; nothing was changed by then.

use super::Converter;
use super::named::Templates;
use super::note::{Handling, Note};
use crate::decimal::{self, Decimal, ShortText};
use crate::exposition::{LINE_BYTES_MAX, Tail};
use crate::fingerprint::Fingerprint;
use crate::series::{Known, Line, LineKind, NOT_EXPECTED, Place};
use crate::wide::{Pen, Step};

impl Converter {
    /// The next piece of the body, cut anywhere.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        if !self.reading.half.is_empty() {
            let Some(end) = memchr::memchr(b'\n', rest) else { return self.hold(rest) };
            let (tail, behind) = rest.split_at_checked(end).unwrap_or_default();
            self.hold(tail);
            self.end_last_line();
            rest = behind.get(1..).unwrap_or_default();
        }
        let half = self.lines(rest);
        self.hold(half);
    }

    /// Keeps the beginning of a line, as far as it can be of use: a longer one is malformed.
    fn hold(&mut self, half: &[u8]) {
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.reading.half.len());
        self.reading.half.extend_from_slice(half.get(..room).unwrap_or(half));
    }

    /// The line that is held is whole.
    pub(super) fn end_last_line(&mut self) {
        if self.reading.half.is_empty() {
            return;
        }
        let mut line = std::mem::take(&mut self.reading.half);
        line.push(b'\n');
        self.lines(&line);
        line.clear();
        self.reading.half = line;
    }

    /// Reads whole lines; returns the beginning of one that is not whole.
    fn lines<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let mut rest = text;
        let mut templates = Templates::default();
        loop {
            rest = self.expected_lines(rest);
            let behind = self.usual_lines(rest, &mut templates);
            if behind.len() < rest.len() {
                rest = behind;
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', rest) else { return rest };
            self.reading.lines += 1;
            self.other_line(rest.get(..=end).unwrap_or_default());
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }

    /// Reads lines as long as they stand as expected and nothing is odd about them; returns what stands
    /// behind them.
    #[inline(never)]
    fn expected_lines<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
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

    /// Writes the line of a plain head, with which `line` begins.
    pub(super) fn write_plain(
        &mut self,
        line: &[u8],
        head_bytes: usize,
        note: Note,
        carries: Option<Fingerprint>,
        value: Written<'_>,
    ) {
        let plain = &self.plain;
        let pushed = self.packets.push(carries, |out| plain.write(line, head_bytes, note, value, out));
        self.count_pushed(pushed, carries);
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

/// A value that is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written<'a> {
    /// This number.
    Number(Decimal),
    /// The number that so many first bytes of a text are, as they stand there: less than a step.
    Text(&'a [u8], usize),
}

impl Written<'_> {
    #[inline]
    pub(super) fn write_with(self, pen: &mut Pen<'_>) {
        match self {
            Self::Number(number) => number.write_with(pen),
            Self::Text(text, bytes) => pen.step(Step::at(text, 0), bytes),
        }
    }
}
