//! Exact numbers in billionths: what an engine writes, and what a StatsD server may get.

/// Billionths, so that no value here needs a fraction.
pub(crate) type Amount = i128;

/// One whole.
pub(crate) const ONE: Amount = 1_000_000_000;
const PLACES: usize = 9;
/// From this power of ten on, and below the other, Go writes an exponent.
const EXPONENT_MIN: usize = 6;
const FRACTION_ZEROS_MAX: usize = 3;

/// Reads a number as an engine writes it; `None` if it is none, or none in billionths.
pub(crate) fn parse(text: &str) -> Option<Amount> {
    let (digits, power) = text.split_once('e').unwrap_or((text, "0"));
    let power: i32 = power.parse().ok()?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa: Amount = format!("{whole}{fraction}").parse().ok()?;
    let shift = i32::try_from(PLACES).ok()? + power - i32::try_from(fraction.len()).ok()?;
    let factor = Amount::from(10).checked_pow(shift.unsigned_abs())?;
    match shift {
        0.. => mantissa.checked_mul(factor),
        _ => (mantissa % factor == 0).then_some(mantissa / factor),
    }
}

/// Reads a number as a StatsD server takes it: plain digits, and no more of them than are needed before the point.
pub(crate) fn parse_plain(text: &str) -> Option<Amount> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_digits(whole) && is_digits(fraction) && (whole == "0" || !whole.starts_with('0'));
    is_plain.then(|| parse(text)).flatten()
}

/// Writes a number as the engine's encoder does (Go's `'g'`).
pub(crate) fn write(amount: Amount, out: &mut String) {
    let sign = if amount < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", amount.unsigned_abs(), width = PLACES + 1);
    let (whole, fraction) = digits.split_at(digits.len() - PLACES);
    let all = digits.trim_start_matches('0');
    let short = all.trim_end_matches('0');
    let zeros = fraction.len() - fraction.trim_start_matches('0').len();
    let power = if whole.len() > EXPONENT_MIN {
        format!("e+{:02}", whole.len() - 1)
    } else if whole == "0" && zeros > FRACTION_ZEROS_MAX && amount != 0 {
        format!("e-{:02}", zeros + 1)
    } else {
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        *out += &format!("{sign}{whole}{point}{fraction}");
        return;
    };
    let (first, rest) = short.split_at(short.len().min(1));
    let point = if rest.is_empty() { "" } else { "." };
    *out += &format!("{sign}{first}{point}{rest}{power}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_an_engine_does_and_read_back() {
        for (amount, text) in [
            (0, "0"),
            (16 * ONE, "16"),
            (-ONE / 4, "-0.25"),
            (999_999 * ONE, "999999"),
            (1_000_000 * ONE, "1e+06"),
            (25_276_502_016 * ONE, "2.5276502016e+10"),
            (265_565_719, "0.265565719"),
            (100_000, "0.0001"),
            (26_866, "2.6866e-05"),
            (1, "1e-09"),
            (12_345_678 * ONE + ONE / 2, "1.23456785e+07"),
        ] {
            let mut written = String::new();
            write(amount, &mut written);
            assert_eq!((written.as_str(), parse(text)), (text, Some(amount)));
        }
        for text in ["NaN", "+Inf", "", "x", "1e-10", "0.0000000001"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_server_takes_plain_digits_alone() {
        assert_eq!(parse_plain("-10.50"), Some(-10 * ONE - ONE / 2));
        for text in ["1e3", "+1", "01", "", ".5", "5.", "1_0", "--1", "0.0000000001"] {
            assert_eq!(parse_plain(text), None, "{text}");
        }
    }
}
