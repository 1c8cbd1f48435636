//! Exact differences of decimal numbers: `0.3 - 0.1` is `0.2` here, as it is in the exposition, and
//! not what two roundings to binary make of it.

/// Digits behind the point that are kept: more than any recorded number has.
const PLACES: i32 = 24;

/// `after - before`, rounded once.
pub(crate) fn difference(after: &str, before: &str) -> f64 {
    let units = units(after) - units(before);
    format!("{units}e-{PLACES}").parse().expect("a number")
}

/// Whether `after` is the smaller number.
pub(crate) fn fell(after: &str, before: &str) -> bool {
    units(after) < units(before)
}

/// A decimal number such as `2.5276502016e+10` in units of its last place.
fn units(text: &str) -> i128 {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i32 = exponent.parse().expect("an exponent");
    let places = i32::try_from(fraction.len()).expect("a short number") - exponent;
    let digits: i128 = format!("{whole}{fraction}").parse().expect("digits");
    let shift = u32::try_from(PLACES - places).expect("no more places than are kept");
    digits.checked_mul(10_i128.pow(shift)).expect("a number that fits")
}

#[test]
fn differences_are_exact() {
    let row = |after: &str, before: &str| difference(after, before).to_string();
    assert_eq!(row("0.3", "0.1"), "0.2");
    assert_eq!(row("2.5276502016e+10", "2.5e+10"), "276502016");
    assert_eq!(row("4.675e-06", "0"), "0.000004675");
    assert_eq!(row("1", "3"), "-2");
    assert!(fell("9.99e-06", "0.00001"));
}
