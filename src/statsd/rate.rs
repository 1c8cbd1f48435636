//! Sample rates: how one line says that a value was observed many times.
//!
//! A line of a distribution with the rate `@0.5` stands for `1 / 0.5` observations. The Datadog Agent
//! divides and drops the fraction, so a rate that is rounded the wrong way is one observation less
//! (`@0.000005` is 199,999): here are the rates that every count survives.

use std::num::NonZeroU32;

use crate::wide::Text;

/// The most observations that one line stands for: up to here every count was tried.
pub const LINE_OBSERVATIONS_MAX: u32 = 200_000;
/// The most lines that tell of one value in one scrape.
pub const SHARES_MAX: usize = 50;

/// The lines that tell of so many observations of one value, each with its share: ten million observations in
/// [`SHARES_MAX`] lines. What is more is for another time: that many lines at once help nobody.
pub fn shares(observations: u64) -> impl Iterator<Item = NonZeroU32> {
    let mut rest = observations;
    let share = std::iter::from_fn(move || {
        let share = u32::try_from(rest).unwrap_or(u32::MAX).min(LINE_OBSERVATIONS_MAX);
        rest -= u64::from(share);
        NonZeroU32::new(share)
    });
    share.take(SHARES_MAX)
}

/// Appends the type of a distribution, and its rate unless that is 1.
pub(super) fn push_kind(observations: NonZeroU32, out: &mut Text) {
    out.push_slice(b"|d");
    if observations > NonZeroU32::MIN {
        out.push_slice(format!("|@{}", rate(observations)).as_bytes());
    }
}

/// The largest rate whose reciprocal, without its fraction, is `observations`: the Agent keeps the
/// fraction in the sum, which is then off by as little as can be.
fn rate(observations: NonZeroU32) -> f64 {
    let observations = f64::from(observations.get());
    let mut rate = (1.0 / observations).next_up();
    // Two steps at most: the nearest double to the reciprocal is half a step away from it.
    while 1.0 / rate < observations {
        rate = rate.next_down();
    }
    rate
}

/// The parts of a line that the encoder wrote: the name with its colon, the value, and what stands behind it.
pub(super) fn parts(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = line.split_at_checked(memchr::memchr(b':', line)? + 1)?;
    let (value, rest) = rest.split_at_checked(memchr::memchr(b'|', rest)?)?;
    Some((name, value, rest))
}

/// A line of a distribution, taken apart to be written with another value or rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistributionLine<'a> {
    /// What stands before the value: the name and a colon.
    name: &'a [u8],
    value: &'a [u8],
    /// Empty if it is 1.
    rate: &'a [u8],
    /// What stands behind the type and the rate: the tags and a line feed.
    tags: &'a [u8],
}

impl<'a> DistributionLine<'a> {
    /// Takes a line apart that the encoder wrote; `None` if it is not one of a distribution.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (name, value, rest) = parts(line)?;
        let behind = rest.strip_prefix(b"|d")?;
        let (rate, tags) = match behind {
            [b'|', b'@', rest @ ..] => rest.split_at_checked(memchr::memchr2(b'|', b'\n', rest)?)?,
            [b'|' | b'\n', ..] => (&[][..], behind),
            _ => return None,
        };
        Some(Self { name, value, rate, tags })
    }

    /// How many observations it stands for, as the Agent counts them.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is what the Agent does")]
    pub fn observations(&self) -> u32 {
        let rate = str::from_utf8(self.rate).ok().and_then(|rate| rate.parse::<f64>().ok());
        rate.map_or(1, |rate| (1.0 / rate) as u32)
    }

    /// The same with another value, in plain decimal text.
    #[must_use]
    pub fn with_value(self, value: &'a [u8]) -> Self {
        Self { value, ..self }
    }

    /// Appends the line, which says that its value was observed so often.
    pub fn write(&self, observations: NonZeroU32, out: &mut Text) {
        out.push_slice(self.name);
        out.push_slice(self.value);
        push_kind(observations, out);
        out.push_slice(self.tags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(observations: u32) {
        let rate = rate(NonZeroU32::new(observations).unwrap());
        let line = format!("a:0|d|@{rate}|#b:c\n");
        let counted = DistributionLine::parse(line.as_bytes()).unwrap().observations();
        assert_eq!(counted, observations, "@{rate}");
        assert!(1.0 / rate.next_up() < f64::from(observations), "@{rate} is not the largest");
    }

    #[test]
    fn every_count_survives_its_rate() {
        (1..=LINE_OBSERVATIONS_MAX).for_each(check);
    }

    #[test]
    fn rates_are_plain_decimals() {
        for (observations, expected) in [
            (1, "|d"),
            (2, "|d|@0.5"),
            (3, "|d|@0.3333333333333333"),
            (10, "|d|@0.1"),
            (49, "|d|@0.02040816326530612"),
            (200_000, "|d|@0.0000049999999999999996"),
        ] {
            let mut text = Text::default();
            push_kind(NonZeroU32::new(observations).unwrap(), &mut text);
            assert_eq!(str::from_utf8(text.as_slice()).unwrap(), expected);
        }
    }

    #[test]
    fn a_line_without_a_rate_is_one_observation() {
        assert_eq!(DistributionLine::parse(b"a:0|d|#b:c\n").map(|line| line.observations()), Some(1));
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

    #[test]
    fn a_line_is_written_anew_with_another_value_and_rate() {
        for (line, expected) in [
            ("a:0|d\n", Some("a:7.5|d|@0.5\n")),
            ("a.b:0|d|#c:d,e\n", Some("a.b:7.5|d|@0.5|#c:d,e\n")),
            ("a:-1|d|@0.3333333333333333|#c::d\n", Some("a:7.5|d|@0.5|#c::d\n")),
            ("a:1|d|@0.1\n", Some("a:7.5|d|@0.5\n")),
            ("a:1|c|#b:1|d\n", None),
            ("a:1|c\n", None),
            ("a:1|dd\n", None),
            ("a:1|d", None),
            ("a:1|d|@0.1", None),
            ("a", None),
            ("", None),
        ] {
            let two = NonZeroU32::new(2).unwrap();
            let written = DistributionLine::parse(line.as_bytes()).map(|line| {
                let mut text = Text::default();
                line.with_value(b"7.5").write(two, &mut text);
                str::from_utf8(text.as_slice()).unwrap().to_owned()
            });
            assert_eq!(written.as_deref(), expected, "{line}");
        }
    }
}
