//! Text that is written in steps of sixteen bytes.

use super::{STEP, Short, Step, Steps, WORD};

/// How much room is made at once, at least.
const GROWTH_BYTES_MIN: usize = 4096;

/// A growing text whose room is used again: what was written is overwritten and never cleared.
#[derive(Debug, Default)]
pub struct Text {
    /// Initialised beyond the end of the text, so that a step may write more than it adds.
    bytes: Vec<u8>,
    end: usize,
}

impl Text {
    /// Its length in bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.end
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// The whole text.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.get(0, self.end).unwrap_or_default()
    }

    /// The part between two places.
    #[must_use]
    pub fn get(&self, begin: usize, end: usize) -> Option<&[u8]> {
        self.bytes.get(begin..end.min(self.end))
    }

    /// Drops what stands behind `end`.
    pub fn truncate(&mut self, end: usize) {
        self.end = end.min(self.end);
    }

    /// Drops the part between two places; what stands behind it moves up.
    pub fn cut(&mut self, begin: usize, end: usize) {
        if begin <= end && end <= self.end {
            self.bytes.copy_within(end..self.end, begin);
            self.end -= end - begin;
        }
    }

    /// Drops the whole text, and gives room back that a text like this one does not need.
    pub fn clear(&mut self) {
        if self.end > 0 && self.bytes.len() > 2 * self.end + GROWTH_BYTES_MIN {
            self.bytes.truncate(self.end);
            self.bytes.shrink_to_fit();
        }
        self.end = 0;
    }

    /// Room for this many bytes, and for the rest of a step. Without it they are not written.
    #[inline]
    fn reserve(&mut self, count: usize) {
        let needed = self.end + count + STEP;
        if needed > self.bytes.len() {
            self.grow(needed);
        }
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        // What is initialised is memory in use, so there is little of it in advance.
        self.bytes.resize(needed + needed / 16 + GROWTH_BYTES_MIN, 0);
    }

    /// Appends any bytes.
    pub fn push_slice(&mut self, bytes: &[u8]) {
        self.append(bytes.len(), |pen| pen.push_slice(bytes));
    }

    /// Appends what `write` writes into room for `count` bytes, and what it returns.
    #[inline]
    pub fn append<T>(&mut self, count: usize, write: impl FnOnce(&mut Pen<'_>) -> T) -> T {
        self.reserve(count);
        let mut pen = Pen { room: self.bytes.get_mut(self.end..).unwrap_or_default(), written: 0 };
        let result = write(&mut pen);
        self.end += pen.written();
        result
    }
}

/// Writes into room that is there. What does not fit is not written.
#[derive(Debug)]
pub struct Pen<'a> {
    room: &'a mut [u8],
    /// Of a type to which a step can be added without a look, so that one check is enough for each step.
    written: u32,
}

impl<'a> Pen<'a> {
    /// Writes from the beginning of this room.
    #[must_use]
    pub fn new(room: &'a mut [u8]) -> Self {
        Self { room, written: 0 }
    }

    /// How much was written.
    #[inline]
    #[must_use]
    pub fn written(&self) -> usize {
        self.written as usize
    }

    /// What was written.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.room.get(..self.written()).unwrap_or_default()
    }

    /// Takes back what was written last.
    #[inline]
    pub fn take_back(&mut self, count: u32) {
        self.written = self.written.saturating_sub(count);
    }

    /// Writes a byte in place of the last.
    #[inline]
    pub fn replace_last(&mut self, byte: u8) {
        if let Some(place) = self.written().checked_sub(1).and_then(|at| self.room.get_mut(at)) {
            *place = byte;
        }
    }

    /// Writes a byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        if let Some(place) = self.room.get_mut(self.written()) {
            *place = byte;
            self.written += 1;
        }
    }

    /// Writes the first `count` bytes of a word.
    #[inline]
    pub fn word(&mut self, word: u64, count: usize) {
        let begin = self.written();
        let room = self.room.get_mut(begin..begin + WORD).and_then(|room| room.first_chunk_mut());
        if let Some(place) = room {
            *place = word.to_le_bytes();
            self.written += few(count);
        }
    }

    /// Writes a short text.
    #[inline]
    pub(crate) fn short(&mut self, short: &Short) {
        self.step(short.first, short.text.len());
    }

    /// Takes this back if it was written last.
    #[inline]
    pub(crate) fn take_back_end(&mut self, end: &Short) {
        let is_end = match self.written().checked_sub(STEP) {
            Some(begin) => Step::at(self.room, begin).ends_with(end),
            None => self.text().ends_with(end.text.as_bytes()),
        };
        if is_end {
            self.take_back(few(end.text.len()));
        }
    }

    /// Writes a text that is in steps.
    #[inline]
    pub fn steps(&mut self, Steps { first, others, bytes }: &Steps) {
        let mut left = *bytes;
        self.step(*first, left.min(STEP));
        for step in others {
            left -= STEP;
            self.step(*step, left.min(STEP));
        }
    }

    /// Writes the first `count` bytes of a step.
    #[inline]
    pub(crate) fn step(&mut self, Step(bytes): Step, count: usize) {
        let begin = self.written();
        let room = self.room.get_mut(begin..begin + STEP).and_then(|room| room.first_chunk_mut());
        if let Some(place) = room {
            *place = bytes;
            self.written += few(count);
        }
    }

    /// Writes a part of a longer text.
    #[inline]
    pub fn part(&mut self, text: &[u8], mut at: usize, end: usize) {
        while at < end {
            let count = (end - at).min(STEP);
            self.step(Step::at(text, at), count);
            at += count;
        }
    }

    /// Writes again `count` bytes from `begin` on. All of them are written already, or `begin` is at least a step behind,
    /// and the others are written by this before they are copied.
    #[inline]
    pub(crate) fn again(&mut self, mut begin: usize, count: usize) {
        let end = begin + count;
        while begin < end {
            let count = (end - begin).min(STEP);
            self.step(Step::at(self.room, begin), count);
            begin += count;
        }
    }

    /// Writes a part of a text up to the first `byte`; where that is. Of a text without it, the last step is
    /// written whole, with the zeros behind the end.
    #[inline]
    pub fn until(&mut self, byte: u8, text: &[u8], mut at: usize) -> usize {
        loop {
            let step = Step::at(text, at);
            let count = step.before(byte);
            self.step(step, count);
            at += count;
            if count < STEP || at >= text.len() {
                return at;
            }
        }
    }

    /// Writes a text.
    #[inline]
    pub fn push_slice(&mut self, text: &[u8]) {
        self.part(text, 0, text.len());
    }
}

/// At most the bytes of a step.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a step has sixteen bytes")]
fn few(count: usize) -> u32 {
    count as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_join_to_a_text() {
        let mut text = Text::default();
        text.push_slice(b"abcdefghij");
        text.append(40, |pen| {
            pen.part(b"0123456789xyz", 1, 11);
            pen.byte(b'|');
            pen.word(u64::from_le_bytes(*b"12345678"), 5);
            pen.take_back(2);
            assert_eq!(pen.until(b'=', b"0123456789abcdef0123=", 3), 20);
            pen.take_back(17);
            assert_eq!((pen.text(), pen.written()), (&b"123456789x|123"[..], 14));
        });
        assert_eq!(text.get(0, text.len()), Some(&b"abcdefghij123456789x|123"[..]));
        text.truncate(2);
        text.push_slice(b"!");
        assert_eq!(text.get(0, 100), Some(&b"ab!"[..]));
    }

    #[test]
    fn room_for_a_much_longer_text_is_given_back() {
        let mut text = Text::default();
        text.push_slice(&vec![b'a'; 100_000]);
        text.clear();
        assert!(text.bytes.capacity() >= 100_000, "the next text may be as long");
        text.push_slice(b"short");
        text.clear();
        text.clear();
        assert!(text.bytes.capacity() <= 2 * GROWTH_BYTES_MIN, "{}", text.bytes.capacity());
    }

    #[test]
    fn without_room_nothing_is_written() {
        let mut text = Text::default();
        text.append(0, |pen| (0..10_000).for_each(|_| pen.byte(b'a')));
        assert!(text.len() <= STEP + GROWTH_BYTES_MIN + 1);
    }
}
