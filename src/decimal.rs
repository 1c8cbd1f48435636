//! Exact decimal numbers.
//!
//! An exposition writes numbers as decimal text and StatsD sends them as decimal text. In between
//! this module keeps them as they are written, a whole mantissa and a power of ten, so that
//! `0.3 - 0.1` is `0.2` and the differences of a counter add up to what the counter grew by. Only
//! what needs more than 18 digits passes through a float.

use std::cmp::Ordering;
use std::fmt;

use crate::wide::{self, Pen};

/// The most digits of a mantissa.
const DIGITS_MAX: usize = 18;
/// Room for them in words.
const DIGITS_BYTES: usize = DIGITS_MAX.next_multiple_of(wide::WORD);
/// The largest mantissa: 18 digits.
const MANTISSA_MAX: i128 = 999_999_999_999_999_999;
/// Powers of ten that align two mantissas without leaving `i128`.
const SHIFT_MAX: u32 = 20;
/// The magnitudes (the power of ten above the first digit) at which a double keeps a number's digits. Outside, the
/// double decides: it has fewer digits, or is zero or infinite (IEEE 754: 2.2e-308 to 1.8e308).
const MAGNITUDES: std::ops::Range<i32> = -300..309;
/// With a smaller exponent, up or down, any mantissa is a number that a double keeps.
const EXPONENT_USUAL: u16 = 280;
/// The longest text that [`Decimal::leading`] reads: all digits, a sign, a point, and an exponent of two digits.
pub(crate) const LEADING_BYTES_MAX: usize = DIGITS_MAX + "-.e+00".len();
/// Enough for 5e-324 written out with 18 digits.
pub(crate) const TEXT_BYTES_MAX: usize = 400;

/// `mantissa * 10^exponent`, without trailing zeros in the mantissa, so that equal numbers are equal
/// field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decimal {
    mantissa: i64,
    exponent: i16,
}

/// A decimal at the start of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leading {
    /// Its value.
    pub value: Decimal,
    /// How many bytes it takes.
    pub bytes: usize,
}

/// A value as it is written, with its line feed, if all of that is a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortText(u64);

impl ShortText {
    /// It is not.
    pub const NONE: Self = Self(0);

    /// Of the value that stands at the beginning of `tail`, and is so long. [`Decimal::leading`] must read it.
    #[inline]
    #[must_use]
    pub fn of(tail: &[u8], bytes: usize) -> Self {
        let word = wide::word(tail, 0);
        if bytes < wide::WORD && wide::byte(word, bytes) == b'\n' {
            Self(word & (u64::MAX >> (8 * (wide::WORD - 1 - bytes))))
        } else {
            Self::NONE
        }
    }

    /// As a word; behind the line feed there are zeros.
    #[inline]
    pub(crate) fn word(self) -> u64 {
        self.0
    }
}

/// A number as an exposition writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// A finite number.
    Finite(Decimal),
    /// NaN or an infinity: no StatsD server has a meaning for it.
    NotFinite,
}

impl Number {
    /// Reads a number of the text format: what Go's `ParseFloat` accepts, less hexadecimal floats.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(Leading { value, bytes }) = Decimal::leading(text.as_bytes())
            && bytes == text.len()
        {
            return Some(Self::Finite(value));
        }
        match Decimal::parse(text.as_bytes()) {
            Some(Parsed::Exact(decimal)) if decimal.is_within_doubles() => Some(Self::Finite(decimal)),
            Some(_) => text.parse().ok().map(Self::from_f64),
            None => not_finite(text).then_some(Self::NotFinite),
        }
    }

    /// The number, if it is one to count with.
    #[must_use]
    pub fn finite(self) -> Option<Decimal> {
        match self {
            Self::Finite(decimal) => Some(decimal),
            Self::NotFinite => None,
        }
    }

    fn from_f64(float: f64) -> Self {
        Decimal::from_f64(float).map_or(Self::NotFinite, Self::Finite)
    }
}

fn not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.eq_ignore_ascii_case("nan")
        || unsigned.eq_ignore_ascii_case("inf")
        || unsigned.eq_ignore_ascii_case("infinity")
}

enum Parsed {
    Exact(Decimal),
    /// A number, but with more digits than fit: the caller reads it as a float.
    TooLong,
}

impl Decimal {
    /// `mantissa * 10^exponent`; mantissas beyond 18 digits are rounded to a double.
    #[must_use]
    pub fn new(mantissa: i64, exponent: i16) -> Self {
        Self::normal(mantissa.into(), exponent.into())
            .or_else(|| Self::from_f64(format!("{mantissa}e{exponent}").parse().unwrap_or(0.0)))
            .unwrap_or_default()
    }

    /// The mantissa and the exponent.
    #[inline]
    pub(crate) fn parts(self) -> (i64, i16) {
        (self.mantissa, self.exponent)
    }

    /// From what [`Self::parts`] gave.
    #[inline]
    pub(crate) fn from_parts(mantissa: i64, exponent: i16) -> Self {
        Self { mantissa, exponent }
    }

    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    /// Reads the usual number quickly: digits, perhaps a sign, a fraction and an exponent, all in 18 digits.
    /// `None` where there is anything else, which [`Number::parse`] may still read.
    #[inline]
    #[must_use]
    pub fn leading(text: &[u8]) -> Option<Leading> {
        let word = wide::word(text, 0);
        let bytes = wide::leading_digits(word);
        // The byte behind the digits is in the word too.
        if (1..wide::WORD).contains(&bytes) && wide::byte(word, bytes) <= b' ' {
            return Some(Leading { value: Self::short(wide::number(word, bytes), 0), bytes });
        }
        Self::leading_long(text)
    }

    /// The same with a point, a sign and an exponent.
    #[inline(never)]
    fn leading_long(text: &[u8]) -> Option<Leading> {
        let sign = usize::from(text.first() == Some(&b'-'));
        let (mut mantissa, whole) = leading_number(text.get(sign..)?);
        let (mut bytes, mut fraction) = (sign + whole, 0);
        if text.get(bytes) == Some(&b'.') {
            let (below, count) = leading_number(text.get(bytes + 1..)?);
            mantissa = mantissa.wrapping_mul(*POWERS.get(count)?).wrapping_add(below);
            (bytes, fraction) = (bytes + 1 + count, count);
        }
        if !(1..=DIGITS_MAX).contains(&(whole + fraction)) {
            return None;
        }
        let mut exponent = -i16::try_from(fraction).ok()?;
        if let Some(b'e' | b'E') = text.get(bytes) {
            let (is_small, sign) = match text.get(bytes + 1)? {
                b'-' => (true, 1),
                b'+' => (false, 1),
                _ => (false, 0),
            };
            bytes += 1 + sign;
            let digit =
                |at: usize| text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10);
            let mut power = digit(bytes)?;
            bytes += 1;
            if let Some(second) = digit(bytes) {
                power = 10 * power + second;
                bytes += 1;
                if digit(bytes).is_some() {
                    return None;
                }
            }
            exponent += if is_small { -i16::from(power) } else { i16::from(power) };
        }
        let Self { mantissa, exponent } = Self::short(mantissa, exponent);
        Some(Leading {
            value: Self { mantissa: if sign > 0 { -mantissa } else { mantissa }, exponent },
            bytes,
        })
    }

    /// A whole number of at most 18 digits.
    #[inline]
    pub(crate) fn whole_number(number: u64) -> Self {
        Self::short(number, 0)
    }

    /// Reads what [`Self::write_to`] wrote, and is the same number. [`Number::parse`] takes zeros at the end of a large one
    /// for digits, and would round the others.
    #[must_use]
    pub fn from_written(text: &[u8]) -> Option<Self> {
        if text == b"0" {
            return Some(Self::ZERO);
        }
        let is_whole = !text.contains(&b'.');
        let zeros = text.iter().rev().take_while(|byte| is_whole && **byte == b'0').count();
        match Self::parse(text.get(..text.len() - zeros)?)? {
            Parsed::Exact(Self { mantissa, exponent }) => {
                Some(Self { mantissa, exponent: exponent.checked_add(zeros.try_into().ok()?)? })
            }
            Parsed::TooLong => None,
        }
    }

    /// Drops trailing zeros of a mantissa of at most 18 digits.
    #[inline]
    fn short(mut mantissa: u64, mut exponent: i16) -> Self {
        if mantissa == 0 {
            return Self::ZERO;
        }
        while mantissa.is_multiple_of(10) {
            mantissa /= 10;
            exponent += 1;
        }
        Self { mantissa: mantissa.cast_signed(), exponent }
    }

    /// `None` if the text is no decimal number.
    fn parse(text: &[u8]) -> Option<Parsed> {
        let (negative, mut rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] | rest => (false, rest),
        };
        let mut mantissa: i64 = 0;
        let mut exponent: i32 = 0;
        let mut digits = 0_usize;
        let mut fraction = false;
        let mut too_long = false;
        while let [byte, tail @ ..] = rest {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    exponent -= i32::from(fraction);
                    if i128::from(mantissa) > MANTISSA_MAX / 10 {
                        too_long = true;
                    } else {
                        mantissa = mantissa * 10 + i64::from(byte - b'0');
                    }
                }
                b'.' if !fraction => fraction = true,
                _ => break,
            }
            rest = tail;
        }
        if digits == 0 {
            return None;
        }
        if let [b'e' | b'E', tail @ ..] = rest {
            exponent = exponent.saturating_add(parse_exponent(tail)?);
        } else if !rest.is_empty() {
            return None;
        }
        if mantissa == 0 {
            return Some(Parsed::Exact(Self::ZERO));
        }
        if too_long {
            return Some(Parsed::TooLong);
        }
        let signed = if negative { -mantissa } else { mantissa };
        Some(Self::normal(signed.into(), exponent).map_or(Parsed::TooLong, Parsed::Exact))
    }

    /// The shortest decimal that reads back as `float`; `None` for NaN and infinities.
    fn from_f64(float: f64) -> Option<Self> {
        match Self::parse(format!("{float:e}").as_bytes()) {
            Some(Parsed::Exact(decimal)) => Some(decimal),
            _ => None,
        }
    }

    /// Drops trailing zeros; `None` if the mantissa still has more than 18 digits.
    fn normal(mut mantissa: i128, mut exponent: i32) -> Option<Self> {
        if mantissa == 0 {
            return Some(Self::ZERO);
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        if mantissa.abs() > MANTISSA_MAX {
            return None;
        }
        Some(Self { mantissa: mantissa.try_into().ok()?, exponent: exponent.try_into().ok()? })
    }

    fn to_f64(self) -> f64 {
        // Reading the text rounds once; multiplying by a power of ten would round twice.
        format!("{}e{}", self.mantissa, self.exponent).parse().unwrap_or(0.0)
    }

    /// The sum: exact up to 18 digits, else the nearest double. Sums beyond the largest double stay
    /// at `self`.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.exact_sum(other).or_else(|| Self::from_f64(self.to_f64() + other.to_f64())).unwrap_or(self)
    }

    /// The difference, as exact as [`Self::plus`].
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.plus(Self { mantissa: -other.mantissa, exponent: other.exponent })
    }

    /// What is in the middle, as exact as [`Self::plus`].
    #[must_use]
    pub fn midpoint(self, other: Self) -> Self {
        let sum = self.plus(other);
        Self::normal(i128::from(sum.mantissa) * 5, i32::from(sum.exponent) - 1)
            .or_else(|| Self::from_f64(sum.to_f64() / 2.0))
            .unwrap_or(sum)
    }

    /// The number without its fraction, within the bounds of a `u64`.
    #[must_use]
    pub fn whole(self) -> u64 {
        let mantissa = u64::try_from(self.mantissa).unwrap_or(0);
        let scale = 10_u64.checked_pow(self.exponent.unsigned_abs().into());
        match scale {
            Some(scale) if self.exponent < 0 => mantissa / scale,
            Some(scale) => mantissa.saturating_mul(scale),
            // A mantissa has fewer digits than such a scale.
            None if self.exponent < 0 || mantissa == 0 => 0,
            None => u64::MAX,
        }
    }

    fn exact_sum(self, other: Self) -> Option<Self> {
        if self.is_zero() {
            return Some(other);
        }
        if other.is_zero() {
            return Some(self);
        }
        if self.exponent == other.exponent && self.exponent.unsigned_abs() < EXPONENT_USUAL {
            // Two mantissas of 18 digits cannot overflow.
            let sum = self.mantissa + other.mantissa;
            if i128::from(sum).abs() <= MANTISSA_MAX {
                let short = Self::short(sum.unsigned_abs(), self.exponent);
                return Some(Self { mantissa: short.mantissa * sum.signum(), ..short });
            }
        }
        let exponent = self.exponent.min(other.exponent);
        let widened = |decimal: Self| {
            let shift = u32::from(decimal.exponent.abs_diff(exponent));
            (shift <= SHIFT_MAX).then(|| i128::from(decimal.mantissa) * 10_i128.pow(shift))
        };
        let sum = widened(self)?.checked_add(widened(other)?)?;
        Self::normal(sum, exponent.into()).filter(|sum| sum.is_within_doubles())
    }

    /// Whether a double keeps the number: see [`MAGNITUDES`].
    fn is_within_doubles(self) -> bool {
        let Some(last_digit) = self.mantissa.unsigned_abs().checked_ilog10() else { return true };
        MAGNITUDES.contains(&(i32::from(self.exponent) + last_digit.cast_signed() + 1))
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The magnitude of the difference of two numbers is at most `limit`.
    #[must_use]
    pub fn is_within(self, limit: Self, other: Self) -> bool {
        let difference = self.minus(other);
        let magnitude = Self { mantissa: difference.mantissa.abs(), exponent: difference.exponent };
        magnitude <= limit
    }

    /// Writes what [`Self::write_to`] appends.
    #[inline]
    pub(crate) fn write_with(self, pen: &mut Pen<'_>) {
        match u32::try_from(self.mantissa) {
            Ok(mantissa) if self.exponent == 0 && u64::from(mantissa) < wide::EIGHT_DIGITS => {
                let (word, count) = wide::digits(mantissa);
                pen.word(word, count);
            }
            _ => self.write_long_with(pen),
        }
    }

    #[inline(never)]
    fn write_long_with(self, pen: &mut Pen<'_>) {
        let (text, end) = self.digits();
        let count = self.mantissa.unsigned_abs().checked_ilog10().map_or(1, |last| last as usize + 1);
        let begin = end - count;
        if self.is_negative() {
            pen.byte(b'-');
        }
        let zeros = usize::from(self.exponent.unsigned_abs()).min(TEXT_BYTES_MAX);
        if self.exponent >= 0 {
            pen.part(&text, begin, end);
            (0..zeros).for_each(|_| pen.byte(b'0'));
        } else if count > zeros {
            pen.part(&text, begin, end - zeros);
            pen.byte(b'.');
            pen.part(&text, end - zeros, end);
        } else {
            pen.push_slice(b"0.");
            (count..zeros).for_each(|_| pen.byte(b'0'));
            pen.part(&text, begin, end);
        }
    }

    /// The digits of the mantissa, and where they end. A step behind them is there, so that it can be read.
    fn digits(self) -> ([u8; DIGITS_BYTES + wide::STEP], usize) {
        let mut text = [0; DIGITS_BYTES + wide::STEP];
        let mut rest = self.mantissa.unsigned_abs();
        for word in text.as_chunks_mut().0.iter_mut().take(DIGITS_BYTES / wide::WORD).rev() {
            let eight = u32::try_from(rest % wide::EIGHT_DIGITS).unwrap_or(0);
            *word = wide::eight_digits(eight).to_le_bytes();
            rest /= wide::EIGHT_DIGITS;
            if rest == 0 {
                break;
            }
        }
        (text, DIGITS_BYTES)
    }

    /// Appends plain decimal text: no exponent, no leading `+`, no more digits than needed.
    pub fn write_to(self, out: &mut Vec<u8>) {
        let mut text = [0; TEXT_BYTES_MAX + 2 * wide::WORD];
        let mut pen = Pen::new(&mut text);
        self.write_with(&mut pen);
        out.extend_from_slice(pen.text());
    }
}

/// As `MANTISSAeEXPONENT`, which reads back as the same number.
impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}e{}", self.mantissa, self.exponent)
    }
}

/// The number that the first digits of a text are, and how many they are. Of too many, [`DIGITS_MAX`] and one are read.
#[inline(never)]
fn leading_number(text: &[u8]) -> (u64, usize) {
    let Some(step) = wide::Step::first(text) else { return leading_number_by_digits(text) };
    let [first, second] = step.words();
    match step.places_of_no_digit().trailing_zeros() as usize {
        count @ ..wide::WORD => (wide::number(first, count), count),
        count @ wide::WORD..wide::STEP => {
            let behind = count - wide::WORD;
            let power = POWERS.get(behind).copied().unwrap_or(1);
            (wide::number(first, wide::WORD) * power + wide::number(second, behind), count)
        }
        _ => leading_number_by_digits(text),
    }
}

/// The same digit by digit, where they are many or the text is shorter than a step.
#[cold]
fn leading_number_by_digits(text: &[u8]) -> (u64, usize) {
    let digits = text.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit());
    digits.fold((0, 0), |(number, count), digit| (10 * number + u64::from(digit - b'0'), count + 1))
}

/// How many bytes the number takes that a line ends with, if it is short and written as [`Decimal::write_to`] writes
/// it: no exponent, no zeros that say nothing, no sign.
#[inline]
pub(crate) fn canonical_bytes(text: &[u8]) -> Option<usize> {
    let step = wide::Step::at(text, 0);
    let others = step.places_of_no_digit();
    let whole = others.trailing_zeros() as usize;
    let behind = (others & (others - 1)).trailing_zeros() as usize;
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    let has_leading_zero = byte(0) == b'0' && whole > 1;
    if whole == 0 || has_leading_zero || whole == wide::STEP {
        return None;
    }
    match byte(whole) {
        b'\n' => Some(whole),
        b'.' if behind > whole + 1 && byte(behind) == b'\n' && byte(behind - 1) != b'0' => Some(behind),
        _ => None,
    }
}

/// Powers of ten.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const POWERS: [u64; DIGITS_MAX + 1] = {
    let mut powers = [1; DIGITS_MAX + 1];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

fn parse_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0_i32, |sum, digit| {
        sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')).min(100_000)
    });
    Some(if negative { -magnitude } else { magnitude })
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.minus(*other).mantissa.cmp(&0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        match Number::parse(text) {
            Some(Number::Finite(decimal)) => decimal,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn shown(decimal: Decimal) -> String {
        let mut out = Vec::new();
        decimal.write_to(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_plain_and_short() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.000", "0"),
            ("0e99999", "0"),
            ("1", "1"),
            ("+1", "1"),
            ("-5", "-5"),
            ("100", "100"),
            ("0.5", "0.5"),
            (".5", "0.5"),
            ("1.", "1"),
            ("-0.05", "-0.05"),
            ("1.50", "1.5"),
            ("2.5276502016e+10", "25276502016"),
            ("1e3", "1000"),
            ("1E-3", "0.001"),
            ("0.001692655", "0.001692655"),
            ("9007199254740993", "9007199254740993"),
            ("999999999999999999", "999999999999999999"),
            ("1.8446744073709552e+19", "18446744073709552000"),
            ("18446744073709551615", "18446744073709552000"),
            ("0.30000000000000004441", "0.30000000000000004"),
            ("12345678901234567890123", "12345678901234568000000"),
            ("1e-400", "0"),
            ("1e-330", "0"),
        ] {
            assert_eq!(shown(decimal(text)), expected, "{text}");
            assert_eq!(Decimal::from_written(expected.as_bytes()), Some(decimal(text)), "{text}");
        }
        assert_eq!(shown(decimal("5e-324")).len(), 326);
        assert_eq!(shown(decimal("1.7976931348623157e308")).len(), 309);
    }

    #[test]
    fn canonical_texts_are_those_that_are_written_so() {
        for text in [
            "0",
            "7",
            "100",
            "007",
            "00",
            "0.5",
            "0.05",
            "00.5",
            ".5",
            "1.",
            "1.50",
            "0.0",
            "10.01",
            "1.2e3",
            "1e3",
            "+1",
            "-5",
            "-0",
            "123456789012345",
            "1234567890123.5",
            "1234567890123.0",
            "0.0000000000001",
        ] {
            // One with a sign is read the slow way.
            let is_canonical = shown(decimal(text)) == text && !text.starts_with('-');
            let line_end = format!("{text}\na 1.5\n");
            assert_eq!(canonical_bytes(line_end.as_bytes()), is_canonical.then_some(text.len()), "{text}");
            for other in ["", " ", " 1\n", "x\n", "\r\n"] {
                assert_eq!(canonical_bytes(format!("{text}{other}").as_bytes()), None, "{text}{other}");
            }
        }
    }

    #[test]
    fn what_was_written_is_read_as_the_same_number() {
        for mantissa in [1, -7, 10_000_001, 123_456_789_012_345_678, -999_999_999_999_999_999] {
            for exponent in -320..=291 {
                let number = Decimal { mantissa, exponent };
                assert_eq!(Decimal::from_written(shown(number).as_bytes()), Some(number), "{number}");
            }
        }
        for text in ["", "-", "00", "1x", "1|c", "1234567890123456789"] {
            assert_eq!(Decimal::from_written(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_finite_is_told_from_what_is_no_number() {
        for text in
            ["NaN", "nan", "+Inf", "-Inf", "Inf", "infinity", "1e400", "-1e400", "2e308", "0.00001e314"]
        {
            assert_eq!(Number::parse(text), Some(Number::NotFinite), "{text}");
        }
        for text in
            ["", "+", "-", ".", "e5", "1e", "1e+", "1x", "0x1p3", "1_000", "1.2.3", " 1", "--1", "+-1"]
        {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn differences_are_exact() {
        for (left, right, expected) in [
            ("0.3", "0.1", "0.2"),
            ("0.75", "0.25", "0.5"),
            ("9007199254740995", "9007199254740993", "2"),
            ("1.8446744073709552e+19", "1.844674407370955e+19", "2000"),
            ("1e18", "1", "999999999999999999"),
            ("5", "5.0", "0"),
            ("1", "3", "-2"),
        ] {
            assert_eq!(shown(decimal(left).minus(decimal(right))), expected, "{left} - {right}");
        }
        assert_eq!(decimal("1e300").minus(decimal("1e-300")), decimal("1e300"));
        assert_eq!(decimal("1.7e308").plus(decimal("1.7e308")), decimal("1.7e308"), "the sum is no double");
    }

    #[test]
    fn the_middle_is_exact() {
        for (left, right, expected) in [
            ("0", "0.005", "0.0025"),
            ("0.005", "0.01", "0.0075"),
            ("-10", "1", "-4.5"),
            ("-1", "1", "0"),
            ("2", "4", "3"),
            ("999999999999999999", "1e18", "1000000000000000000"),
        ] {
            assert_eq!(shown(decimal(left).midpoint(decimal(right))), expected, "{left} {right}");
        }
    }

    #[test]
    fn whole_numbers_stay_within_their_type() {
        for (text, expected) in [
            ("0", 0),
            ("41.99", 41),
            ("5e3", 5000),
            ("-7", 0),
            ("1e-300", 0),
            ("0.000000000000000000001", 0),
            ("18446744073709551615", u64::MAX),
            ("1e300", u64::MAX),
        ] {
            assert_eq!(decimal(text).whole(), expected, "{text}");
        }
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let ascending = ["-1e300", "-2", "-1.5", "0", "1e-300", "0.1", "0.2", "1", "10", "1e18", "1e300"];
        for (place, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(decimal(left).cmp(&decimal(right)), place.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn every_double_survives_reading_and_writing() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let float = f64::from_bits(state);
            if float.is_finite() {
                let text = shown(decimal(&format!("{float:e}")));
                assert_eq!(text.parse::<f64>().unwrap().to_bits(), (float + 0.0).to_bits(), "{float:e}");
                let number = decimal(&format!("{float:e}"));
                assert_eq!(decimal(&number.to_string()), number);
            }
        }
    }
}
