//! The quick way of a line: one that stood next in the scrape before, whatever its value.
//!
//! Its head is as long as it was, so the fingerprint of that many bytes tells whether it is the same. Then only the value is
//! read. Whatever is out of the ordinary, be it the head, the value or what was noted of the line, is left to the exact
//! way; nothing was changed by then.

use super::note::{Known, Note};
use super::{Carried, Converter};
use crate::decimal::{Decimal, Leading};
use crate::exposition::LINE_BYTES_MAX;
use crate::series::{Line, LineKind, Place};
use crate::wide;

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
        loop {
            let (bytes, is_head_known) = self.unchanged_lines(rest);
            rest = rest.get(bytes..).unwrap_or_default();
            let bytes = if let Some(bytes) = self.known_line(rest, is_head_known) {
                bytes
            } else {
                let Some(end) = memchr::memchr(b'\n', rest) else { return rest };
                self.reading.lines += 1;
                self.other_line(rest.get(..=end).unwrap_or_default());
                end + 1
            };
            rest = rest.get(bytes..).unwrap_or_default();
        }
    }

    /// Reads lines as long as they stand as expected and have nothing to send. Returns their length, and
    /// whether the head of the line behind them is the expected one.
    fn unchanged_lines(&mut self, text: &[u8]) -> (usize, bool) {
        if !self.families.is_in_step() {
            return (0, false);
        }
        let (mut at, mut lines, mut types, mut samples) = (0, 0, 0, 0);
        let mut is_head_known = false;
        for known in self.series.in_step() {
            let value_at = at + known.head_bytes();
            let is_it = |head| self.fingerprints.of(head) == known.head();
            is_head_known = text.get(at..value_at).is_some_and(is_it);
            if !is_head_known {
                break;
            }
            let note = Note(known.note());
            let mut end = value_at;
            if note.is_comment() {
                types += usize::from(note == Note::TYPE);
            } else {
                let Some((value, bytes)) = small_value_and_end(text, value_at) else { break };
                let is_unchanged = known.is_settled_at(value) && note.known() == Known::Counter;
                if !is_unchanged && note.known() != Known::Ignored || note.is_watched() {
                    break;
                }
                samples += 1;
                end += bytes;
            }
            at = end;
            lines += 1;
            is_head_known = false;
        }
        self.series.skip(lines);
        self.families.pass(types);
        self.reading.lines += lines;
        self.reading.counts.samples += samples;
        (at, is_head_known)
    }

    /// Reads the line that `rest` begins with, if it is the expected one and nothing is odd about it;
    /// returns its length.
    #[inline]
    fn known_line(&mut self, rest: &[u8], is_head_known: bool) -> Option<usize> {
        let known = *self.series.expected()?;
        let head_bytes = known.head_bytes();
        let is_it = || rest.get(..head_bytes).is_some_and(|head| self.fingerprints.of(head) == known.head());
        let is_expected = is_head_known || (self.families.is_in_step() && is_it());
        let note = Note(known.note());
        if !is_expected || note.is_watched() {
            return None;
        }
        if note.is_comment() {
            self.series.accept();
            self.families.pass(usize::from(note == Note::TYPE));
            self.reading.lines += 1;
            return Some(head_bytes);
        }
        let (value, value_bytes) = value_and_end(rest.get(head_bytes..)?)?;
        match note.known() {
            Known::Counter if self.series.is_unchanged(&known, value) => self.series.accept(),
            Known::Ignored => self.series.accept(),
            Known::Counter if note.is_plain() && !value.is_negative() => {
                let identity = self.series.expected_identity();
                let line = Line {
                    head: known.head(),
                    head_bytes: u16::try_from(head_bytes).ok()?,
                    identity,
                    note: note.0,
                    kind: LineKind::Cumulative,
                };
                let owed = self.series.observe(Place::Expected, &line, value);
                if !owed.is_zero() {
                    self.write_plain(rest, head_bytes, note, Some(Carried::new(identity, owed)), owed);
                }
            }
            Known::Gauge if note.is_plain() => {
                self.series.accept();
                self.write_plain(rest, head_bytes, note, None, value);
            }
            _ => return None,
        }
        self.reading.counts.samples += 1;
        self.reading.lines += 1;
        Some(head_bytes + value_bytes)
    }

    /// Writes the line of a plain head, with which `line` begins.
    pub(super) fn write_plain(
        &mut self,
        line: &[u8],
        head_bytes: usize,
        note: Note,
        carried: Option<Carried>,
        value: Decimal,
    ) {
        let plain = &self.plain;
        let pushed = self.packets.push(carried, |out| plain.write(line, head_bytes, note, value, out));
        self.pushed(pushed, carried);
    }
}

/// A whole number of few digits and the line feed behind it; and the length of both.
#[inline]
fn small_value_and_end(text: &[u8], at: usize) -> Option<(Decimal, usize)> {
    let word = wide::word(text, at);
    let digits = wide::leading_digits(word);
    let is_whole = (1..wide::WORD).contains(&digits) && wide::byte(word, digits) == b'\n';
    is_whole.then(|| (Decimal::whole_number(wide::number(word, digits)), digits + 1))
}

/// The usual value and what ends its line, be it a line feed alone or a timestamp before it; and the length of
/// both.
#[inline]
fn value_and_end(text: &[u8]) -> Option<(Decimal, usize)> {
    let Leading { value, bytes } = Decimal::leading(text)?;
    match text.get(bytes)? {
        b'\n' => Some((value, bytes + 1)),
        b' ' => {
            let timestamp = Decimal::leading(text.get(bytes + 1..)?)?.bytes;
            let end = bytes + 1 + timestamp;
            (text.get(end)? == &b'\n').then_some((value, end + 1))
        }
        _ => None,
    }
}
