//! Pieces of a body to lines, each by the first way that fits.
//!
//! First those that stand as expected are read, then those that are written as clients write them, then any. Nothing is
//! held of a piece but half a line at its end, until its other half comes.

use super::Converter;
use super::named::Templates;
use crate::exposition::LINE_BYTES_MAX;

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
}
