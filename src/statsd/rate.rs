//! Sample rates: how one line says that a value was observed many times.
//!
//! A line of a distribution with the rate `@0.5` stands for `1 / 0.5` observations. The Datadog Agent
//! divides and drops the fraction, so a rate that is rounded the wrong way is one observation less
//! (`@0.000005` is 199,999): here are the rates that every count survives.

use std::num::NonZeroU32;

/// The most observations that one line stands for: up to here every count was tried.
pub const LINE_OBSERVATIONS_MAX: u32 = 200_000;
/// The most lines that tell of one value.
const LINES_MAX: usize = 50;

/// The lines that tell of so many observations of one value, each with its share. What is more than
/// ten million is not told: that many lines help nobody.
pub fn shares(observations: u64) -> impl Iterator<Item = NonZeroU32> {
    let mut rest = observations;
    let share = std::iter::from_fn(move || {
        let share = u32::try_from(rest).unwrap_or(u32::MAX).min(LINE_OBSERVATIONS_MAX);
        rest -= u64::from(share);
        NonZeroU32::new(share)
    });
    share.take(LINES_MAX)
}

/// The largest rate whose reciprocal, without its fraction, is `observations`: the Agent keeps the
/// fraction in the sum, which is then off by as little as can be.
pub(super) fn rate(observations: NonZeroU32) -> f64 {
    let observations = f64::from(observations.get());
    let mut rate = (1.0 / observations).next_up();
    // Two steps at most: the nearest double to the reciprocal is half a step away from it.
    while 1.0 / rate < observations {
        rate = rate.next_down();
    }
    rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(observations: u32) {
        let rate = rate(NonZeroU32::new(observations).unwrap());
        let read: f64 = rate.to_string().parse().unwrap();
        let counted = (1.0 / read).trunc();
        assert!(counted.total_cmp(&observations.into()).is_eq(), "@{rate} counts {counted}");
        assert!(1.0 / rate.next_up() < f64::from(observations), "@{rate} is not the largest");
    }

    #[test]
    fn every_count_survives_its_rate() {
        (1..=LINE_OBSERVATIONS_MAX).for_each(check);
    }

    #[test]
    fn rates_are_plain_decimals() {
        for (observations, expected) in [
            (1, "1"),
            (2, "0.5"),
            (3, "0.3333333333333333"),
            (10, "0.1"),
            (49, "0.02040816326530612"),
            (200_000, "0.0000049999999999999996"),
        ] {
            assert_eq!(rate(NonZeroU32::new(observations).unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn many_observations_are_told_in_several_lines() {
        for (observations, expected) in [
            (0, &[][..]),
            (1, &[1]),
            (200_000, &[200_000]),
            (400_001, &[200_000, 200_000, 1]),
            (10_000_000, &[200_000; 50]),
            (u64::MAX, &[200_000; 50]),
        ] {
            let shares: Vec<u32> = shares(observations).map(NonZeroU32::get).collect();
            assert_eq!(shares, expected, "{observations}");
        }
    }
}
