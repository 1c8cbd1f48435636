//! A last value in eight bytes.

use crate::decimal::{Decimal, Leading, ShortText};

/// The last value of a series: its text, a number that fits, or what stands for another.
///
/// Most values are short, and the text of a short one with its line feed is a word that the next scrape's is compared
/// with as it stands. Its last byte is the line feed, so the highest bit tells it from the other two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(u64);

/// What a [`Seen`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Value(Decimal),
    /// There was a value, but none that counts.
    Unknown,
    /// A number that does not fit; it is kept elsewhere.
    Large,
}

const NOT_TEXT: u64 = 1 << 63;
/// Bits of the mantissa: every 17-digit number fits, and so all that a double is printed as.
const MANTISSA_BITS: u32 = 57;
const MANTISSA_MAX: u64 = (1 << MANTISSA_BITS) - 1;
/// The exponents that fit, from this one on; the last code is for what is none of them.
const EXPONENT_MIN: i16 = -40;
const SPECIAL: u64 = 63;

impl Seen {
    pub(super) const UNKNOWN: Self = Self(NOT_TEXT | (SPECIAL << MANTISSA_BITS));
    pub(super) const LARGE: Self = Self(NOT_TEXT | (SPECIAL << MANTISSA_BITS) | 1);

    /// [`Self::LARGE`] for a number that does not fit.
    #[inline]
    pub(super) fn of(value: Decimal) -> Self {
        let (mantissa, exponent) = value.parts();
        let mantissa = mantissa.cast_unsigned();
        // A negative number or exponent is a large one here.
        let code = u64::from(exponent.wrapping_sub(EXPONENT_MIN).cast_unsigned());
        if mantissa <= MANTISSA_MAX && code < SPECIAL {
            Self(NOT_TEXT | (code << MANTISSA_BITS) | mantissa)
        } else {
            Self::LARGE
        }
    }

    /// The same for a value that is written so; the number is kept where its text is not short.
    #[inline]
    pub(super) fn written(value: Decimal, text: ShortText) -> Self {
        let number = Self::of(value);
        if text == ShortText::NONE || number == Self::LARGE { number } else { Self(text.word()) }
    }

    /// How long the text is that `tail` begins with, if it is this one.
    #[inline]
    pub(super) fn bytes_if_in(self, tail: u64) -> Option<usize> {
        // The line feed is the last byte that is not zero.
        let last_bit = (self.0 | 1).ilog2();
        let differs = (tail ^ self.0) << (!last_bit & (u64::BITS - u8::BITS));
        let is_it = differs == 0 && self.0 & NOT_TEXT == 0;
        is_it.then_some((last_bit / u8::BITS) as usize + 1)
    }

    /// The same, which no text is found to be.
    pub(super) fn without_text(self) -> Self {
        match self.meaning() {
            Meaning::Value(value) => Self::of(value),
            Meaning::Unknown | Meaning::Large => self,
        }
    }

    pub(super) fn meaning(self) -> Meaning {
        let (code, mantissa) = (self.0 >> MANTISSA_BITS & SPECIAL, self.0 & MANTISSA_MAX);
        match self {
            Self::UNKNOWN => Meaning::Unknown,
            _ if self.0 & NOT_TEXT == 0 => {
                let text = self.0.to_le_bytes();
                Decimal::leading(&text)
                    .map_or(Meaning::Unknown, |Leading { value, .. }| Meaning::Value(value))
            }
            _ if code == SPECIAL => Meaning::Large,
            _ => {
                let exponent = i16::try_from(code).unwrap_or(0) + EXPONENT_MIN;
                Meaning::Value(Decimal::from_parts(mantissa.cast_signed(), exponent))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::Number;
    use crate::wide;

    fn decimal(text: &str) -> Decimal {
        Number::parse(text).and_then(Number::finite).unwrap()
    }

    #[test]
    fn what_fits_is_exact_and_the_rest_is_told() {
        for (text, fits) in [
            ("0", true),
            ("1", true),
            ("0.30000000000000004", true),
            ("99999999999999999", true),
            ("144115188075855871", true),
            ("144115188075855873", false),
            ("1.7976931348623157e38", true),
            ("1e22", true),
            ("1e23", false),
            ("1e-40", true),
            ("1e-41", false),
            ("1e300", false),
        ] {
            let value = decimal(text);
            let expected = if fits { Meaning::Value(value) } else { Meaning::Large };
            assert_eq!(Seen::of(value).meaning(), expected, "{text}");
        }
        assert_eq!(Seen::UNKNOWN.meaning(), Meaning::Unknown);
    }

    #[test]
    fn a_short_value_is_kept_as_it_is_written() {
        for (text, is_kept) in [
            ("0\n", true),
            ("7\n", true),
            ("1234567\n", true),
            ("12345678\n", false),
            ("0.001\n", true),
            ("1.5e+2\n", true),
            ("1.0\n", true),
            ("1e-39\n", true),
            ("1", false),
        ] {
            let number = text.split(['\n', ' ']).next().unwrap();
            let value = decimal(number);
            let seen = Seen::written(value, ShortText::of(text.as_bytes(), number.len()));
            assert_eq!(seen.meaning(), Meaning::Value(value), "{text:?}");
            let behind = format!("{text}next line");
            let found = seen.bytes_if_in(wide::word(behind.as_bytes(), 0));
            assert_eq!(found, is_kept.then_some(text.len()), "{text:?}");
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_not_kept_as_it_is_written() {
        assert_eq!(Seen::written(decimal("1e-45"), ShortText::of(b"1e-45\n", 5)), Seen::LARGE);
    }

    #[test]
    fn nothing_but_the_same_text_is_the_same() {
        let seen = Seen::written(decimal("12"), ShortText::of(b"12\n0", 2));
        for text in ["12 \n", "13\n", "120\n", "1\n\n", "12\r\n", "\n", ""] {
            assert_eq!(seen.bytes_if_in(wide::word(text.as_bytes(), 0)), None, "{text:?}");
        }
        for seen in [Seen::UNKNOWN, Seen::LARGE, Seen::of(decimal("5"))] {
            let word = seen.0;
            assert_eq!(seen.bytes_if_in(word), None, "a number is no text");
        }
    }
}
