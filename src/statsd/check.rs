//! DogStatsD's service checks: whether something works, with a word on it.
//!
//! Like everything in `statsd` this is bytes in, bytes out. Source: Datadog's documentation of the datagram format,
//! and its official clients, which escape a message as this does.

use crate::wide::Text;

/// How something is; the numbers are Datadog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStatus {
    /// It works.
    Ok = 0,
    /// It does not, and nothing is wrong.
    Warning = 1,
    /// It does not, and should.
    Critical = 2,
}

/// A service check to be sent.
#[derive(Debug)]
pub struct ServiceCheck<'a> {
    /// The name, without the prefix; any text.
    pub name: &'a str,
    /// How it is.
    pub status: CheckStatus,
    /// Why, for people; any text, also none. What is beyond [`MESSAGE_CHARS_MAX`] is left out.
    pub message: &'a str,
}

/// The most characters of a message.
pub const MESSAGE_CHARS_MAX: usize = 200;

/// Appends the line: `_sc|NAME|STATUS|#TAGS|m:MESSAGE`. The name is clean, and `field` is the tags behind their
/// `|#`, or nothing.
pub(super) fn push(out: &mut Text, name: &str, field: &str, check: &ServiceCheck<'_>) {
    let status = check.status as u8;
    out.push_slice(format!("_sc|{name}|{status}{field}").as_bytes());
    if !check.message.is_empty() {
        out.push_slice(b"|m:");
        out.push_slice(escaped(check.message).as_bytes());
    }
    out.push_slice(b"\n");
}

/// A message that ends no field and begins none: a line feed has an escape, what else is a border or cannot be
/// seen becomes `_`.
fn escaped(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for char in message.chars().take(MESSAGE_CHARS_MAX) {
        match char {
            '\n' => text.push_str("\\n"),
            // `m:` begins the message, wherever an Agent looks for it.
            ':' if text.ends_with('m') => text.push_str("\\:"),
            '|' => text.push('_'),
            _ if char.is_control() => text.push('_'),
            _ => text.push(char),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Encoder, Format};
    use super::*;

    #[track_caller]
    fn check(format: Format, tags: &[(&str, Option<&str>)], message: &str, expected: &str) {
        let mut out = Text::default();
        let check = ServiceCheck { name: "a.b", status: CheckStatus::Critical, message };
        Encoder::new(format, "docker.", tags.iter().copied()).encode_check(&check, &mut out);
        assert_eq!(str::from_utf8(out.as_slice()).unwrap(), expected);
    }

    #[test]
    fn a_check_has_name_status_tags_and_message() {
        check(Format::Datadog, &[], "", "_sc|docker.a.b|2\n");
        check(Format::Datadog, &[], "it is away", "_sc|docker.a.b|2|m:it is away\n");
        let tags = &[("env", Some("prod")), ("bare", None)];
        check(Format::Datadog, tags, "away", "_sc|docker.a.b|2|#env:prod,bare|m:away\n");
    }

    #[test]
    fn a_message_adds_no_field_and_no_line() {
        let message = "a|b\nc\r\0d m:e|#f:g é日";
        check(Format::Datadog, &[], message, "_sc|docker.a.b|2|m:a_b\\nc__d m\\:e_#f:g é日\n");
        let long = "é".repeat(MESSAGE_CHARS_MAX);
        check(Format::Datadog, &[], &format!("{long}x"), &format!("_sc|docker.a.b|2|m:{long}\n"));
    }

    #[test]
    fn only_dogstatsd_has_checks() {
        for format in [Format::Etsy, Format::Graphite, Format::Influx, Format::Librato, Format::Signalfx] {
            check(format, &[("env", Some("prod"))], "away", "");
        }
    }
}
