//! A last value in eight bytes.

use crate::decimal::Decimal;

/// The last value of a series: a number that fits, or a word on where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(u64);

/// What a [`Seen`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Value(Decimal),
    /// There was a value, but none that counts.
    Unknown,
    /// A number that does not fit; it is kept elsewhere.
    Wide,
}

/// Bits of the mantissa: every 17-digit number fits, and so all that a double is printed as.
const MANTISSA_BITS: u32 = 58;
const MANTISSA_MAX: u64 = (1 << MANTISSA_BITS) - 1;
/// The exponents that fit, from this one on; the last code is for words.
const EXPONENT_MIN: i16 = -40;
const WORDS: u64 = 63;

impl Seen {
    pub(super) const UNKNOWN: Self = Self(WORDS << MANTISSA_BITS);
    pub(super) const WIDE: Self = Self((WORDS << MANTISSA_BITS) | 1);

    /// [`Self::WIDE`] for a number that does not fit.
    #[inline]
    pub(super) fn of(value: Decimal) -> Self {
        let (mantissa, exponent) = value.parts();
        let mantissa = mantissa.cast_unsigned();
        // A negative number or exponent is a large one here.
        let code = u64::from(exponent.wrapping_sub(EXPONENT_MIN).cast_unsigned());
        if mantissa <= MANTISSA_MAX && code < WORDS {
            Self((code << MANTISSA_BITS) | mantissa)
        } else {
            Self::WIDE
        }
    }

    pub(super) fn meaning(self) -> Meaning {
        let (code, mantissa) = (self.0 >> MANTISSA_BITS, self.0 & MANTISSA_MAX);
        match self {
            Self::UNKNOWN => Meaning::Unknown,
            _ if code == WORDS => Meaning::Wide,
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

    #[test]
    fn what_fits_is_exact_and_the_rest_is_told() {
        for (text, fits) in [
            ("0", true),
            ("1", true),
            ("0.30000000000000004", true),
            ("99999999999999999", true),
            ("288230376151711743", true),
            ("288230376151711745", false),
            ("1.7976931348623157e38", true),
            ("1e22", true),
            ("1e23", false),
            ("1e-40", true),
            ("1e-41", false),
            ("1e300", false),
        ] {
            let value = Number::parse(text).and_then(Number::finite).unwrap();
            let expected = if fits { Meaning::Value(value) } else { Meaning::Wide };
            assert_eq!(Seen::of(value).meaning(), expected, "{text}");
        }
        assert_eq!(Seen::UNKNOWN.meaning(), Meaning::Unknown);
    }
}
