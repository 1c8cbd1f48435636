//! Readers of single setting values: text in, value or `None` out.

use std::fmt;
use std::time::Duration;

use super::list::items;
use super::{Histograms, LogLevel};
use crate::statsd::{TAG_CHARS_MAX, is_tag_char};

const DURATION_MIN: Duration = Duration::from_millis(10);
const DURATION_MAX: Duration = Duration::from_secs(3600);
const PREFIX_CHARS_MAX: usize = 100;
/// The longest host name (RFC 1035, 2.3.4).
const HOST_CHARS_MAX: usize = 253;
const PACKET_BYTES_MIN: usize = 256;
/// The largest UDP payload over IPv4.
const PACKET_BYTES_MAX: usize = 65_507;

/// A tag of the settings: `key:value`, or a key alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What stands before the first colon, or all of it.
    pub key: String,
    /// What stands behind the first colon.
    pub value: Option<String>,
}

impl Tag {
    /// Key and value.
    #[must_use]
    pub fn parts(&self) -> (&str, Option<&str>) {
        (&self.key, self.value.as_deref())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.key)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(out, ":{value}"))
    }
}

pub(super) fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(unit_ms)?);
    (DURATION_MIN..=DURATION_MAX).contains(&duration).then_some(duration)
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    text.parse().ok()
}

pub(super) fn prefix(text: &str) -> Option<String> {
    let allowed = text.chars().all(|char| char.is_ascii_alphanumeric() || "_.".contains(char));
    let fits = text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.len() <= PREFIX_CHARS_MAX;
    (allowed && fits).then(|| text.to_owned())
}

/// A host's name can be any text: what may not stand in a tag becomes `_`, as in a label's value.
pub(super) fn tags(text: &str, hostname: &str) -> Option<Vec<Tag>> {
    let hostname: String = hostname.chars().map(|char| if is_tag_char(char) { char } else { '_' }).collect();
    let text = text.replace("{hostname}", &hostname);
    items(&text, tag)
}

pub(super) fn unified_tag(key: &str, text: &str) -> Option<Tag> {
    tag(&format!("{key}:{text}"))
}

fn tag(text: &str) -> Option<Tag> {
    let allowed = text.chars().all(is_tag_char) && text.chars().count() <= TAG_CHARS_MAX;
    let (key, value) = match text.split_once(':') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    let whole = !key.is_empty() && value.as_deref() != Some("");
    (allowed && whole).then(|| Tag { key: key.to_owned(), value })
}

pub(super) fn host(text: &str) -> Option<String> {
    let allowed = text.chars().all(|char| char.is_ascii_alphanumeric() || "-._".contains(char));
    let ipv6 = text.parse::<std::net::Ipv6Addr>().is_ok();
    let fits = !text.is_empty() && text.len() <= HOST_CHARS_MAX;
    ((allowed || ipv6) && fits).then(|| text.to_owned())
}

pub(super) fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

pub(super) fn histograms(text: &str) -> Option<Histograms> {
    match text {
        "buckets" => Some(Histograms::Buckets),
        "distributions" => Some(Histograms::Distributions),
        "counts" => Some(Histograms::Counts),
        "off" => Some(Histograms::Off),
        _ => None,
    }
}

/// `auto` is `Some(None)`.
#[expect(clippy::option_option, reason = "the outer one is the parse, the inner one the setting")]
pub(super) fn packet_bytes(text: &str) -> Option<Option<usize>> {
    if text == "auto" {
        return Some(None);
    }
    let bytes = text.parse().ok()?;
    (PACKET_BYTES_MIN..=PACKET_BYTES_MAX).contains(&bytes).then_some(Some(bytes))
}

pub(super) fn log_level(text: &str) -> Option<LogLevel> {
    match text {
        "error" => Some(LogLevel::Error),
        "warn" => Some(LogLevel::Warn),
        "info" => Some(LogLevel::Info),
        "debug" => Some(LogLevel::Debug),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::ITEMS_MAX;
    use super::*;

    #[test]
    fn durations_have_a_unit_and_bounds() {
        let ms = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(ms("10s"), Some(10_000));
        assert_eq!(ms("500ms"), Some(500));
        assert_eq!(ms("1m"), Some(60_000));
        assert_eq!(ms("1h"), Some(3_600_000));
        for wrong in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "9ms",
            "61m",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let text = |chars: usize| "x".repeat(chars);
        let is_taken = |chars: usize| {
            [
                prefix(&text(chars)).is_some(),
                host(&text(chars)).is_some(),
                tags(&text(chars), "").is_some(),
                tags(&"a,".repeat(chars), "").is_some(),
            ]
        };
        for (chars_max, number) in
            [PREFIX_CHARS_MAX, HOST_CHARS_MAX, TAG_CHARS_MAX, ITEMS_MAX].into_iter().zip(0..)
        {
            assert_eq!(
                [chars_max, chars_max + 1].map(|chars| is_taken(chars)[number]),
                [true, false],
                "{number}"
            );
        }
        let bytes = |bytes: usize| packet_bytes(&bytes.to_string()).flatten();
        let sizes = [PACKET_BYTES_MIN - 1, PACKET_BYTES_MIN, PACKET_BYTES_MAX, PACKET_BYTES_MAX + 1];
        assert_eq!(sizes.map(bytes), [None, Some(PACKET_BYTES_MIN), Some(PACKET_BYTES_MAX), None]);
    }

    #[test]
    fn a_tag_cannot_carry_what_the_wire_cannot() {
        let shown =
            |text| tags(text, "h").map(|tags| tags.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(shown("a:b, c ,,d:e:f"), Some(vec!["a:b".into(), "c".into(), "d:e:f".into()]));
        for wrong in ["a b", "a|b", "a:b#c", "a:", ":b", "a\nb", &"x".repeat(201)] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_hosts_name_is_no_more_than_a_part_of_its_tag() {
        for (hostname, expected) in
            [("web-1.é", "host:web-1.é"), ("(none)", "host:_none_"), ("a b,c|d", "host:a_b_c_d")]
        {
            let tags = tags("host:{hostname}", hostname).unwrap();
            assert_eq!(tags.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        }
    }
}
