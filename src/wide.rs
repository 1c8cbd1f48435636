//! Eight and sixteen bytes at once: the steps of the hot loop that take text apart.
//!
//! Safe and portable: a word is eight bytes of text, the first in its lowest byte; a step is sixteen, of which the
//! crate `wide`, here `simd`, compares all at once. Library calls for a handful of bytes cost more than the work
//! itself, above all those of musl.

mod text;

use simd::u8x16;
pub use text::{Pen, Text};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// Bytes of a word.
pub(crate) const WORD: usize = 8;

/// A text in steps, the last one filled up with zeros.
#[derive(Debug)]
pub struct Steps {
    /// Most of these texts are one step.
    first: Step,
    others: Box<[Step]>,
    bytes: usize,
}

impl Steps {
    /// The steps of this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.as_bytes();
        let others = (STEP..text.len()).step_by(STEP).map(|at| Step::at(text, at)).collect();
        Self { first: Step::at(text, 0), others, bytes: text.len() }
    }

    /// How many bytes the text has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A text of at most a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Short {
    text: &'static str,
    /// At its beginning, and at its end.
    first: Step,
    last: Step,
}

impl Short {
    /// This text; what is longer is cut.
    #[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
    pub(crate) const fn new(text: &'static str) -> Self {
        let bytes = text.as_bytes();
        let (mut first, mut last) = ([0; STEP], [0; STEP]);
        let mut at = 0;
        while at < bytes.len() && at < STEP {
            first[at] = bytes[at];
            last[STEP - bytes.len() + at] = bytes[at];
            at += 1;
        }
        Self { text, first: Step(first), last: Step(last) }
    }

    /// As text.
    pub(crate) fn text(&self) -> &'static str {
        self.text
    }
}

/// The word at `at`; bytes behind the end are zero.
#[inline]
pub(crate) fn word(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => last_word(text, at),
    }
}

#[cold]
fn last_word(text: &[u8], at: usize) -> u64 {
    let bytes = text.get(at..).unwrap_or_default();
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// A byte of a word.
#[inline]
pub(crate) fn byte(word: u64, at: usize) -> u8 {
    word.to_le_bytes().get(at).copied().unwrap_or(0)
}

/// How many of the bytes, from the first on, are digits.
#[inline]
pub(crate) fn leading_digits(word: u64) -> usize {
    // A byte below `0` borrows in the difference, one above `9` reaches the high bit in the sum. What
    // that does to the bytes behind it does not matter.
    let others = (word.wrapping_add(0x46 * ONES) | word.wrapping_sub(0x30 * ONES)) & HIGHS;
    others.trailing_zeros() as usize / 8
}

/// The number that the first `count` bytes are, which are digits.
#[inline]
pub(crate) fn number(word: u64, count: usize) -> u64 {
    // Zeros before the digits, then pairs, fours and eight.
    let Some(digits) = word.checked_shl(64 - 8 * u32::try_from(count).unwrap_or(0)) else { return 0 };
    let pairs = (digits & (0x0f * ONES)).wrapping_mul(10 * 256 + 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 * 65_536 + 1) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 * 4_294_967_296 + 1) >> 32
}

/// Numbers below this one have eight digits at most.
pub(crate) const EIGHT_DIGITS: u64 = 100_000_000;

/// The digits of a number below [`EIGHT_DIGITS`], as a word, and how many they are.
#[inline]
pub(crate) fn digits(number: u32) -> (u64, usize) {
    let all = places(number);
    let zeros = (all.trailing_zeros() as usize / 8).min(WORD - 1);
    ((all | (0x30 * ONES)) >> (8 * zeros), WORD - zeros)
}

/// The digits of a number below [`EIGHT_DIGITS`] with zeros before them, as a word.
#[inline]
pub(crate) fn eight_digits(number: u32) -> u64 {
    places(number) | (0x30 * ONES)
}

/// What stands at each of eight places of a number: a byte each, from the highest place on.
#[inline]
fn places(number: u32) -> u64 {
    // Eight, fours, pairs and digits: each step splits every part in two.
    let (high, low) = (u64::from(number / 10_000), u64::from(number % 10_000));
    let fours = high | (low << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - 10 * tens) << 8)
}

/// The bytes of the step at `at`, in which the text ends. They are returned in a register, as the usual step is read into
/// one; a loop over the bytes would become a call.
#[cold]
fn last_step(text: &[u8], at: usize) -> u8x16 {
    let words = || u128::from(word(text, at)) | u128::from(word(text, at + WORD)) << (8 * WORD);
    let missing = (at + STEP).saturating_sub(text.len());
    let of_end = |end: &[u8; STEP]| {
        let bits = u32::try_from(8 * missing).unwrap_or(u32::MAX);
        u128::from_le_bytes(*end).checked_shr(bits).unwrap_or(0)
    };
    u8x16::new(text.last_chunk().map_or_else(words, of_end).to_le_bytes())
}

/// Two words at once: most names, keys and values end within them.
pub(crate) const STEP: usize = 16;

/// Sixteen bytes of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step([u8; STEP]);

impl Step {
    /// The first bytes of a text that has as many.
    #[inline]
    pub(crate) fn first(text: &[u8]) -> Option<Self> {
        text.first_chunk().map(|bytes| Self(*bytes))
    }

    /// Its two words.
    #[inline]
    pub(crate) fn words(self) -> [u64; 2] {
        let word = |at| word(&self.0, at);
        [word(0), word(WORD)]
    }

    /// The bytes at `at`; those behind the end are zero.
    #[inline]
    pub(crate) fn at(text: &[u8], at: usize) -> Self {
        match text.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => Self(*bytes),
            None => Self(last_step(text, at).to_array()),
        }
    }

    /// Whether the last bytes are those of this text.
    #[inline]
    fn ends_with(self, end: &Short) -> bool {
        let same = u8x16::new(self.0).simd_eq(u8x16::new(end.last.0)).to_bitmask() | ABOVE;
        same.leading_ones() as usize >= STEP + end.text.len()
    }

    /// A bit for each byte that is this one, the lowest for the first; the bits above those are set.
    #[inline]
    pub(crate) fn places_of(self, byte: u8) -> u32 {
        u8x16::new(self.0).simd_eq(u8x16::splat(byte)).to_bitmask() | ABOVE
    }

    /// The same for each byte that is no digit.
    #[inline]
    pub(crate) fn places_of_no_digit(self) -> u32 {
        !self.within(b'0', b'9').to_bitmask() | ABOVE
    }

    /// The same for each letter, digit and `_`.
    #[inline]
    pub(crate) fn places_of_words(self) -> u32 {
        let is_word =
            self.letters() | self.within(b'0', b'9') | u8x16::new(self.0).simd_eq(u8x16::splat(b'_'));
        is_word.to_bitmask() | ABOVE
    }

    /// The same for each letter, digit and each of `_-:/.`: what a DogStatsD tag's value may hold of ASCII. A test in
    /// `statsd/clean` compares them.
    #[inline]
    pub(crate) fn places_of_simple(self) -> u32 {
        // `-`, `.`, `/`, the digits and `:` stand in a row.
        let is_simple =
            self.letters() | self.within(b'-', b':') | u8x16::new(self.0).simd_eq(u8x16::splat(b'_'));
        is_simple.to_bitmask() | ABOVE
    }

    #[inline]
    fn letters(self) -> u8x16 {
        let lower = u8x16::new(self.0) | u8x16::splat(0x20);
        Self(lower.to_array()).within(b'a', b'z')
    }

    /// All bits of each byte that is one of these.
    #[inline]
    fn within(self, first: u8, last: u8) -> u8x16 {
        let place = u8x16::new(self.0) - u8x16::splat(first);
        place.min(u8x16::splat(last - first)).simd_eq(place)
    }

    /// The two bytes of this number, the low one first, and the first bytes behind it.
    #[inline]
    pub(crate) fn behind(self, number: u16) -> Self {
        Self((u128::from_le_bytes(self.0) << u16::BITS | u128::from(number)).to_le_bytes())
    }

    /// How many of the first bytes are those of the other.
    #[inline]
    fn same(self, other: Self) -> usize {
        let same = u8x16::new(self.0).simd_eq(u8x16::new(other.0)).to_bitmask();
        (!same | ABOVE).trailing_zeros() as usize
    }

    /// Behind how many of the bytes the last of this kind ends; zero if there is none.
    #[inline]
    pub(crate) fn behind_last(self, byte: u8) -> usize {
        (u32::BITS - (self.places_of(byte) & !ABOVE).leading_zeros()) as usize
    }

    /// How many of the bytes stand before the first of this kind.
    #[inline]
    pub(crate) fn before(self, byte: u8) -> usize {
        self.places_of(byte).trailing_zeros() as usize
    }

    /// How many of the bytes stand before the first that ends a part of a line: a comma, a bar or a line feed.
    #[inline]
    pub(crate) fn before_part_end(self) -> usize {
        let bytes = u8x16::new(self.0);
        let is_one = |byte| bytes.simd_eq(u8x16::splat(byte));
        let ends = (is_one(b',') | is_one(b'|') | is_one(b'\n')).to_bitmask() | ABOVE;
        ends.trailing_zeros() as usize
    }
}

/// Where the part of a line ends that goes on at `at`, or the text.
#[inline]
pub(crate) fn part_end(text: &[u8], mut at: usize) -> usize {
    while at < text.len() {
        let count = Step::at(text, at).before_part_end();
        if count < STEP {
            at += count;
            break;
        }
        at += STEP;
    }
    at.min(text.len())
}

/// With how many same bytes two texts begin, `max` at most.
#[inline]
pub(crate) fn same_bytes(left: &[u8], right: &[u8], max: usize) -> usize {
    let mut count = 0;
    for (left, right) in left.as_chunks().0.iter().zip(right.as_chunks().0) {
        let same = Step(*left).same(Step(*right));
        count += same;
        if same < STEP || count >= max {
            return count.min(max);
        }
    }
    last_same_bytes(left, right, count, max)
}

/// The same near the end of one of them, of which so many bytes are known to be the same.
#[cold]
fn last_same_bytes(left: &[u8], right: &[u8], count: usize, max: usize) -> usize {
    let rest = left.iter().zip(right).skip(count).take_while(|(left, right)| left == right);
    (count + rest.count()).min(max)
}

/// Whether two texts begin with the same `count` bytes.
#[inline]
pub(crate) fn begins_alike(left: &[u8], right: &[u8], count: usize) -> bool {
    same_bytes(left, right, count) == count
}

/// Bits that stand for no byte of a step.
const ABOVE: u32 = u32::MAX << STEP;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_in_zeros_behind_the_text() {
        assert_eq!(word(b"abcdefghi", 0), u64::from_le_bytes(*b"abcdefgh"));
        assert_eq!(word(b"abcdefghi", 5), u64::from_le_bytes(*b"fghi\0\0\0\0"));
        assert_eq!(word(b"abc", 9), 0);
    }

    #[test]
    fn steps_end_in_zeros_behind_the_text() {
        let text: Vec<_> = (1..40).collect();
        for (end, at) in (0..text.len()).flat_map(|end| (0..end + 2).map(move |at| (end, at))) {
            let expected: Vec<_> =
                text.iter().take(end).skip(at).chain([&0; STEP]).take(STEP).copied().collect();
            assert_eq!(Step::at(&text[..end], at).0, *expected, "{at} of {end}");
        }
    }

    #[test]
    fn every_byte_is_a_digit_or_ends_them() {
        for byte in 0..=u8::MAX {
            for place in 0..WORD {
                let mut text = *b"90909090";
                text[place] = byte;
                let expected = if byte.is_ascii_digit() { WORD } else { place };
                assert_eq!(leading_digits(u64::from_le_bytes(text)), expected, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn every_byte_is_of_its_kinds() {
        for byte in 0..=u8::MAX {
            let step = Step([byte; STEP]);
            let all = |places: u32| places == u32::MAX;
            let is_word = byte.is_ascii_alphanumeric() || byte == b'_';
            assert_eq!(all(step.places_of_words()), is_word, "{byte}");
            assert_eq!(all(step.places_of_simple()), is_word || b"-:/.".contains(&byte), "{byte}");
            assert_eq!(all(step.places_of_no_digit()), !byte.is_ascii_digit(), "{byte}");
        }
        assert_eq!(Step::at("abcé".as_bytes(), 0).places_of_words() & !ABOVE, 0b111);
    }

    #[test]
    fn numbers_are_what_the_digits_say() {
        for (text, expected) in
            [("1", 1), ("07", 7), ("12345678", 12_345_678), ("99999999", 99_999_999), ("", 0)]
        {
            assert_eq!(number(word(text.as_bytes(), 0), text.len()), expected, "{text}");
        }
        assert_eq!(number(word(b"42 xyz", 0), 2), 42);
    }

    #[test]
    fn digits_are_those_of_the_number() {
        let check = |number: u32| {
            let (word, count) = digits(number);
            assert_eq!(&word.to_le_bytes()[..count], number.to_string().as_bytes());
            assert_eq!(eight_digits(number).to_le_bytes(), format!("{number:08}").as_bytes());
        };
        (0..100_000).for_each(check);
        (0..100_000_000).step_by(9_973).for_each(check);
        check(99_999_999);
    }

    #[test]
    fn the_same_bytes_at_the_beginning_are_counted() {
        let text = b"0123456789abcdefgh|0123456789abcdefgh!0123\0";
        for (left, right, max, expected) in [
            (0, 19, 100, 18),
            (0, 19, 17, 17),
            (0, 19, 16, 16),
            (0, 19, 0, 0),
            (0, 38, 100, 4),
            (1, 19, 100, 0),
            (42, 42, 100, 1),
            (43, 42, 100, 0),
        ] {
            assert_eq!(same_bytes(&text[left..], &text[right..], max), expected, "{left} {right} {max}");
        }
    }

    #[test]
    fn a_step_makes_room_for_a_number() {
        assert_eq!(Step(*b"0123456789abcdef").behind(0x1234).0, *b"\x34\x120123456789abcd");
    }

    #[test]
    fn texts_that_begin_alike_are_told() {
        let text = b"0123456789abcdefghij";
        for (other, count, expected) in [
            (&b"0123456789abcdefghij"[..], 20, true),
            (b"0123456789abcdefghiX", 19, true),
            (b"0123456789abcdefghiX", 20, false),
            (b"0123456789abcdeX", 15, true),
            (b"0123456789abcdeX", 16, false),
            (b"0123456789abcdef", 16, true),
            (b"0123456789abcdef", 17, false),
            (b"X", 0, true),
        ] {
            assert_eq!(begins_alike(other, text, count), expected, "{other:?} {count}");
        }
        assert!(!begins_alike(b"a", b"a\0", 2));
    }

    #[test]
    fn the_first_byte_of_a_kind_is_found() {
        for (text, expected) in [
            ("abc=\"xyz", 4),
            ("\"abc\"xyz", 0),
            ("abcdefgh", 16),
            ("abcdefghijklmno\"", 15),
            ("", 16),
            ("abc", 16),
        ] {
            assert_eq!(Step::at(text.as_bytes(), 0).before(b'"'), expected, "{text}");
        }
    }
}
