//! Eight bytes at once: the steps of the hot loop that take text apart.
//!
//! Safe and portable: a word is eight bytes of text, the first in its lowest byte. Library calls for a
//! handful of bytes cost more than the work itself, above all those of musl.

mod text;

pub use text::{Pen, Text};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// Bytes of a word.
pub(crate) const WORD: usize = 8;

/// A text as words, the last one filled up with zeros.
#[derive(Debug)]
pub struct Words {
    words: Box<[u64]>,
    bytes: usize,
}

impl Words {
    /// The words of this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.as_bytes();
        let words = (0..text.len()).step_by(WORD).map(|at| word(text, at)).collect();
        Self { words, bytes: text.len() }
    }

    /// How many bytes the text has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The word that a short text is, and its length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Short(u64, usize);

impl Short {
    /// The word of a text of at most eight bytes; what is longer is cut.
    pub(crate) const fn new(text: &[u8]) -> Self {
        let mut word = 0;
        let mut rest = text;
        let mut at = 0;
        while let [first, tail @ ..] = rest {
            if at < WORD {
                word |= (*first as u64) << (8 * at);
                at += 1;
            }
            rest = tail;
        }
        Self(word, at)
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

/// The digits of a number below 10^8, as a word, and how many they are.
#[inline]
pub(crate) fn digits(number: u32) -> (u64, usize) {
    // Eight, fours, pairs and digits: each step splits every part in two.
    let (high, low) = (u64::from(number / 10_000), u64::from(number % 10_000));
    let fours = high | (low << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let all = tens | ((pairs - 10 * tens) << 8);
    let zeros = (all.trailing_zeros() as usize / 8).min(WORD - 1);
    ((all | (0x30 * ONES)) >> (8 * zeros), WORD - zeros)
}

/// Two words at once: most names, keys and values end within them.
pub(crate) const STEP: usize = 16;

/// The two words at `at`; bytes behind the end are zero.
#[inline]
fn step(text: &[u8], at: usize) -> u128 {
    match text.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => u128::from(word(text, at)) | (u128::from(word(text, at + WORD)) << 64),
    }
}

/// How many of the bytes stand before the first of this kind.
#[inline]
fn before(step: u128, byte: u8) -> usize {
    const ONES: u128 = u128::MAX / 0xff;
    const HIGHS: u128 = ONES << 7;
    let zero = step ^ (u128::from(byte) * ONES);
    // Exact for the first zero; what it does to the bytes behind it does not matter.
    (zero.wrapping_sub(ONES) & !zero & HIGHS).trailing_zeros() as usize / 8
}

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
        };
        (0..100_000).for_each(check);
        (0..100_000_000).step_by(9_973).for_each(check);
        check(99_999_999);
    }

    #[test]
    fn the_first_byte_of_a_kind_is_found() {
        for (text, expected) in
            [("abc=\"xyz", 4), ("\"abc\"xyz", 0), ("abcdefgh", 16), ("abcdefghijklmno\"", 15), ("", 16)]
        {
            assert_eq!(before(step(text.as_bytes(), 0), b'"'), expected, "{text}");
        }
    }
}
