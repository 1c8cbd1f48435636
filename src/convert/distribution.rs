//! A histogram as a distribution: which values its buckets stand for, and how often each.
//!
//! What a histogram observed is known only to lie between two bounds, so every observation in a range between
//! two neighbours is taken to be its middle. Pure: numbers in, numbers out; it knows nothing of lines, or of how
//! growth comes about.

use std::cmp::Reverse;

use crate::decimal::{Decimal, Number};

/// What a bucket holds goes up to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// To this value.
    At(Decimal),
    /// To any.
    Infinity,
}

impl Bound {
    /// Reads the label `le`; `None` if it bounds nothing: no number, NaN, or the infinity that is below all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match Number::parse(text)? {
            Number::Finite(bound) => Some(Self::At(bound)),
            Number::NotFinite => (text.parse() == Ok(f64::INFINITY)).then_some(Self::Infinity),
        }
    }
}

/// A bucket as an exposition has it: cumulative.
///
/// Packed, because there may be as many as lines: 22 bytes.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(2))]
pub struct Bucket {
    mantissa: i64,
    exponent: i16,
    growth: u64,
    histogram: u32,
}

/// The exponent that stands for [`Bound::Infinity`]; no number has it.
const INFINITY: i16 = i16::MAX;

impl Bucket {
    /// A bucket of a histogram that has this number. `growth` is by how much the bucket grew, and with it all
    /// above it.
    #[must_use]
    pub fn new(histogram: u32, bound: Bound, growth: u64) -> Self {
        let (mantissa, exponent) = match bound {
            Bound::At(bound) => bound.parts(),
            Bound::Infinity => (0, INFINITY),
        };
        Self { mantissa, exponent, growth, histogram }
    }

    /// The number of its histogram.
    #[must_use]
    pub fn histogram(&self) -> u32 {
        self.histogram
    }

    fn bound(&self) -> Bound {
        match self.exponent {
            INFINITY => Bound::Infinity,
            exponent => Bound::At(Decimal::from_parts(self.mantissa, exponent)),
        }
    }
}

/// How many whole observations a bucket grew by that is at `value` now. Some endpoints count in fractions; from
/// one scrape to the next these sums leave out nothing, because each begins where the one before ended.
#[must_use]
pub fn whole_growth(value: Decimal, growth: Decimal) -> u64 {
    value.whole().saturating_sub(value.minus(growth).whole())
}

/// Calls `tell` with every value that was observed and how often, in the order of the bounds.
///
/// The buckets are all those of one histogram, in any order. No bucket can have grown by more than one that
/// holds it; where a scrape says so nevertheless (a bucket was missing from the one before, or was reset alone),
/// the smaller one is believed, so that all observations add up to the growth of the highest bucket. Of a
/// histogram without a finite bound nothing is known.
pub fn observations(buckets: &mut [Bucket], mut tell: impl FnMut(Decimal, u64)) {
    // Of two that go up to the same bound, the smaller one holds the other.
    buckets.sort_by_key(|bucket| (bucket.bound(), Reverse(bucket.growth)));
    let mut holding = u64::MAX;
    for bucket in buckets.iter_mut().rev() {
        holding = holding.min(bucket.growth);
        bucket.growth = holding;
    }
    let (mut below, mut counted) = (None, 0);
    for bucket in buckets.iter() {
        let (bound, growth) = (bucket.bound(), bucket.growth);
        if let Some(value) = middle(below, bound)
            && growth > counted
        {
            tell(value, growth - counted);
        }
        counted = growth;
        if let Bound::At(bound) = bound {
            below = Some(bound);
        }
    }
}

/// The middle of a range. The first one begins at zero, or has no beginning if its bound is below; the last one
/// has no end.
fn middle(lower: Option<Decimal>, upper: Bound) -> Option<Decimal> {
    match (lower, upper) {
        (Some(lower), Bound::At(upper)) => Some(lower.midpoint(upper)),
        (None, Bound::At(upper)) if upper.is_negative() => Some(upper),
        (None, Bound::At(upper)) => Some(Decimal::ZERO.midpoint(upper)),
        (lower, Bound::Infinity) => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Number::parse(text).and_then(Number::finite).unwrap()
    }

    #[track_caller]
    fn check(buckets: &[(&str, u64)], expected: &[(&str, u64)]) {
        let bucket = |(bound, growth): &(&str, u64)| Bucket::new(0, Bound::parse(bound).unwrap(), *growth);
        let mut buckets: Vec<_> = buckets.iter().map(bucket).collect();
        let mut told = Vec::new();
        observations(&mut buckets, |value, count| told.push((value, count)));
        let expected: Vec<_> = expected.iter().map(|(value, count)| (decimal(value), *count)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn each_bucket_is_its_middle_as_often_as_it_grew() {
        check(
            &[("0.005", 1), ("0.01", 1), ("0.025", 4), ("1", 5), ("+Inf", 7)],
            &[("0.0025", 1), ("0.0175", 3), ("0.5125", 1), ("1", 2)],
        );
        check(&[("5", 0), ("+Inf", 0)], &[]);
        check(&[("1", 0), ("2", u64::MAX)], &[("1.5", u64::MAX)]);
        check(&[], &[]);
    }

    #[test]
    fn bounds_below_zero_have_no_middle_before_the_first() {
        check(
            &[("-10", 1), ("-1", 3), ("1", 4), ("+Inf", 5)],
            &[("-10", 1), ("-5.5", 2), ("0", 1), ("1", 1)],
        );
        check(&[("0", 2), ("1", 3)], &[("0", 2), ("0.5", 1)]);
    }

    #[test]
    fn a_histogram_without_a_finite_bound_says_nothing() {
        check(&[("+Inf", 3)], &[]);
    }

    #[test]
    fn any_order_of_the_buckets_will_do() {
        check(&[("+Inf", 3), ("10", 2), ("2", 1)], &[("1", 1), ("6", 1), ("10", 1)]);
    }

    #[test]
    fn no_bucket_grew_by_more_than_one_that_holds_it() {
        check(&[("1", 5), ("2", 3), ("3", 7)], &[("0.5", 3), ("2.5", 4)]);
        check(&[("1", 0), ("2", 100), ("+Inf", 4)], &[("1.5", 4)]);
        check(&[("1", 2), ("2", 2), ("+Inf", 0)], &[]);
        check(&[("1", 1), ("1.0", 3), ("2", 4)], &[("0.5", 1), ("1.5", 3)]);
    }

    #[test]
    fn a_bound_is_a_number_or_the_infinity_above_all() {
        let infinity = Some(Bound::Infinity);
        for (text, expected) in [
            ("0.005", Some(Bound::At(decimal("0.005")))),
            ("5.0", Some(Bound::At(decimal("5")))),
            ("-1e3", Some(Bound::At(decimal("-1000")))),
            ("+Inf", infinity),
            ("inf", infinity),
            ("1e999", infinity),
            ("-Inf", None),
            ("NaN", None),
            ("", None),
            ("odd", None),
        ] {
            assert_eq!(Bound::parse(text), expected, "{text}");
            let kept = expected.map(|bound| Bucket::new(7, bound, 1).bound());
            assert_eq!(kept, expected, "{text}");
        }
    }

    #[test]
    fn fractions_add_up_to_whole_observations() {
        let mut before = Decimal::ZERO;
        let mut counted = 0;
        for value in ["0.4", "0.8", "1.2", "1.2", "1.9", "3.5", "1e3", "999999999999999999"] {
            let value = decimal(value);
            counted += whole_growth(value, value.minus(before));
            before = value;
            assert_eq!(counted, value.whole());
        }
        assert_eq!(whole_growth(decimal("1e300"), decimal("1e300")), u64::MAX);
        assert_eq!(whole_growth(decimal("7.5"), decimal("7.5")), 7, "after a reset");
    }
}
