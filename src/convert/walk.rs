//! The quick way of a line: one that stood next in the scrape before, whatever its value.
//!
//! Its head is as long as it was, so the fingerprint of that many bytes tells whether it is the same. Then only the value is
//! read. Whatever is out of the ordinary, be it the head, the value or what was noted of the line, is left to the exact
//! way; nothing was changed by then.

use super::note::{Known, Note};
use super::{Carried, Converter};
use crate::decimal::{self, Decimal};
use crate::exposition::{Ended, LINE_BYTES_MAX, ended};
use crate::series::{self, Line, LineKind, NOT_EXPECTED, Place, ShortText};
use crate::wide::Pen;

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
        let mut template = None;
        loop {
            rest = self.expected_lines(rest);
            if let Some(bytes) = self.usual_line(rest, &mut template) {
                rest = rest.get(bytes..).unwrap_or_default();
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
                self.series.ahead_among(&self.reading.led)
            };
            for known in ahead {
                let Some((head, tail)) = rest.split_at_checked(known.head_bytes()) else { break };
                if self.fingerprints.of_head(head) != known.head() || known.is_taken() {
                    break;
                }
                let word = tail.first_chunk().map(|word| u64::from_le_bytes(*word));
                let bytes = match word.and_then(|word| known.unchanged_bytes(word)) {
                    Some(bytes) => bytes,
                    None if Note(known.note()).is_comment() => {
                        comments += 1;
                        types += usize::from(Note(known.note()) == Note::TYPE);
                        0
                    }
                    None => {
                        changed = Some((*known, tail));
                        break;
                    }
                };
                rest = tail.get(bytes..).unwrap_or_default();
                unchanged += 1;
            }
            self.series.accept(unchanged);
            lines += unchanged;
            let Some((known, tail)) = changed else { break };
            let Some(bytes) = self.changed_line(&known, rest, tail) else { break };
            rest = tail.get(bytes..).unwrap_or_default();
            lines += 1;
        }
        if types > 0 {
            self.families.pass(types);
        }
        self.reading.lines += lines;
        self.reading.counts.samples += lines - comments;
        rest
    }

    /// Reads the value of the expected line, which may be another than it was; returns its length, or `None` if
    /// something about it is odd. `line` begins with the line, `tail` is what stands behind its head.
    #[inline]
    fn changed_line(&mut self, known: &series::Known, line: &[u8], tail: &[u8]) -> Option<usize> {
        let note = Note(known.note());
        if note.is_watched() {
            return None;
        }
        if note.known() == Known::Gauge {
            let (value, bytes) = gauge(tail).filter(|_| note.is_plain())?;
            self.series.accept(1);
            match value {
                Some(value) => self.write_plain(line, known.head_bytes(), note, None, value),
                None => self.reading.counts.not_finite += 1,
            }
            return Some(bytes);
        }
        let Ended { value, value_bytes, bytes } = ended(tail)?;
        if note.known() == Known::Ignored || known.is_settled_at(value) {
            self.series.accept(1);
        } else if note.is_plain() && !value.is_negative() {
            self.plain_counter(known, line, value, ShortText::of(tail, value_bytes));
        } else {
            return None;
        }
        Some(bytes)
    }

    /// The expected counter, with whose line `line` begins, has this value, which is written so.
    #[inline]
    fn plain_counter(&mut self, known: &series::Known, line: &[u8], value: Decimal, text: ShortText) {
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
            let (note, carried) = (Note(known.note()), Carried::new(identity, owed));
            self.write_plain(line, known.head_bytes(), note, Some(carried), Written::Number(owed));
        }
    }

    /// Writes the line of a plain head, with which `line` begins.
    pub(super) fn write_plain(
        &mut self,
        line: &[u8],
        head_bytes: usize,
        note: Note,
        carried: Option<Carried>,
        value: Written<'_>,
    ) {
        let plain = &self.plain;
        let pushed = self.packets.push(carried, |out| plain.write(line, head_bytes, note, value, out));
        self.pushed(pushed, carried);
    }
}

/// A value that is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written<'a> {
    /// This number.
    Number(Decimal),
    /// The number that so many first bytes of a text are, as they stand there.
    Text(&'a [u8], usize),
}

impl Written<'_> {
    #[inline]
    pub(super) fn write_with(self, pen: &mut Pen<'_>) {
        match self {
            Self::Number(number) => number.write_with(pen),
            Self::Text(text, bytes) => pen.part(text, 0, bytes),
        }
    }
}

/// A gauge's usual value, if it is a number, and how long it is with its line feed.
#[inline]
fn gauge(tail: &[u8]) -> Option<(Option<Written<'_>>, usize)> {
    if let Some(bytes) = decimal::settled_bytes(tail) {
        return Some((Some(Written::Text(tail, bytes)), bytes + 1));
    }
    match tail {
        [b'N', b'a', b'N', b'\n', ..] => Some((None, 4)),
        [b'+' | b'-', b'I', b'n', b'f', b'\n', ..] => Some((None, 5)),
        _ => ended(tail).map(|Ended { value, bytes, .. }| (Some(Written::Number(value)), bytes)),
    }
}
