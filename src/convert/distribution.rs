//! A histogram as a distribution: which values its buckets stand for, and how often each.
//!
//! What a histogram observed is known only to lie between two bounds, so every observation in a bucket
//! is taken to be its middle.

use crate::decimal::Decimal;

/// A bucket as an exposition has it: cumulative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The upper bound; `None` for `+Inf`.
    pub bound: Option<Decimal>,
    /// By how much the bucket grew, and with it all below it.
    pub growth: Decimal,
}

/// The values that were observed and how often, in the order of the bounds. Of a histogram without a
/// finite bound nothing is known.
#[must_use]
pub fn observations(mut buckets: Vec<Bucket>) -> Vec<(Decimal, u64)> {
    buckets.sort_by_key(|bucket| (bucket.bound.is_none(), bucket.bound));
    let mut observations = Vec::with_capacity(buckets.len());
    let mut below = None;
    let mut counted = 0;
    for bucket in &buckets {
        // A sum of whole numbers stays one, also where an endpoint counts in fractions; a bucket that
        // grew by less than those in it is wrong, and has nothing of its own.
        let growth = bucket.growth.whole();
        if let Some(value) = value(below, bucket.bound)
            && growth > counted
        {
            observations.push((value, growth - counted));
        }
        counted = counted.max(growth);
        below = bucket.bound.or(below);
    }
    observations
}

/// The middle of a bucket. The first one begins at zero, or has no beginning if its bound is below; the
/// last one has no end.
fn value(lower: Option<Decimal>, upper: Option<Decimal>) -> Option<Decimal> {
    match (lower, upper) {
        (Some(lower), Some(upper)) => Some(lower.midpoint(upper)),
        (None, Some(upper)) if upper.is_negative() => Some(upper),
        (None, Some(upper)) => Some(Decimal::ZERO.midpoint(upper)),
        (lower, None) => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::Number;

    fn decimal(text: &str) -> Decimal {
        Number::parse(text).and_then(Number::finite).unwrap()
    }

    #[track_caller]
    fn check(buckets: &[(&str, &str)], expected: &[(&str, u64)]) {
        let bucket = |(bound, growth): &(&str, &str)| Bucket {
            bound: Number::parse(bound).unwrap().finite(),
            growth: decimal(growth),
        };
        let expected: Vec<_> = expected.iter().map(|(value, count)| (decimal(value), *count)).collect();
        assert_eq!(observations(buckets.iter().map(bucket).collect()), expected);
    }

    #[test]
    fn each_bucket_is_its_middle_as_often_as_it_grew() {
        check(
            &[("0.005", "1"), ("0.01", "1"), ("0.025", "4"), ("1", "5"), ("+Inf", "7")],
            &[("0.0025", 1), ("0.0175", 3), ("0.5125", 1), ("1", 2)],
        );
        check(&[("5", "0"), ("+Inf", "0")], &[]);
        check(&[], &[]);
    }

    #[test]
    fn bounds_below_zero_have_no_middle_before_the_first() {
        check(
            &[("-10", "1"), ("-1", "3"), ("1", "4"), ("+Inf", "5")],
            &[("-10", 1), ("-5.5", 2), ("0", 1), ("1", 1)],
        );
        check(&[("0", "2"), ("1", "3")], &[("0", 2), ("0.5", 1)]);
    }

    #[test]
    fn a_histogram_without_a_finite_bound_says_nothing() {
        check(&[("+Inf", "3")], &[]);
    }

    #[test]
    fn any_order_of_the_buckets_will_do() {
        check(&[("+Inf", "3"), ("10", "2"), ("2", "1")], &[("1", 1), ("6", 1), ("10", 1)]);
    }

    #[test]
    fn what_no_histogram_counts_is_counted_as_well_as_can_be() {
        check(&[("1", "5"), ("2", "3"), ("3", "7")], &[("0.5", 5), ("2.5", 2)]);
        check(&[("1", "0.6"), ("2", "1.2"), ("3", "2.1")], &[("1.5", 1), ("2.5", 1)]);
        check(&[("1", "-1"), ("2", "1e300")], &[("1.5", u64::MAX)]);
        check(&[("1", "1"), ("1.0", "1"), ("1", "2")], &[("0.5", 1), ("1", 1)]);
    }
}
