//! The labels of a sample: what stands between the braces.

use std::borrow::Cow;

use super::line::{LineError, blanks};

/// The most labels a sample may have; more are malformed.
pub const LABELS_MAX: usize = 64;

/// Labels that were checked once and are read again whenever they are needed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Labels<'a> {
    /// The text between the braces; it is UTF-8 and follows the grammar.
    checked: &'a [u8],
}

enum Entry<'a> {
    Label(Cow<'a, str>, Cow<'a, str>),
    /// Prometheus 3 writes a name that is no plain name in quotes among the labels.
    Name(Cow<'a, str>),
}

type Parsed<'a> = (Labels<'a>, Option<Cow<'a, str>>, &'a str);

impl<'a> Labels<'a> {
    /// Labels that were checked already.
    pub(super) fn checked(text: &'a [u8]) -> Self {
        Self { checked: text }
    }

    /// Reads from behind the opening brace: the labels, the metric's name if it stands among them,
    /// and the rest of the line behind the closing brace.
    pub(super) fn parse(inside: &'a str) -> Result<Parsed<'a>, LineError> {
        let mut names: Vec<Cow<'a, str>> = Vec::new();
        let mut metric = None;
        let mut rest = blanks(inside);
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                let length = inside.len() - rest.len();
                let checked = inside.get(..length).ok_or(LineError::Labels)?;
                return Ok((Self { checked: checked.as_bytes() }, metric, after));
            }
            let (entry, after) = entry(rest).ok_or(LineError::Labels)?;
            match entry {
                Entry::Name(name) if metric.is_none() => metric = Some(name),
                Entry::Name(_) => return Err(LineError::Labels),
                Entry::Label(name, _) => {
                    if names.contains(&name) {
                        return Err(LineError::DuplicateLabel);
                    }
                    if names.len() == LABELS_MAX {
                        return Err(LineError::TooManyLabels);
                    }
                    names.push(name);
                }
            }
            rest = match after.strip_prefix(',') {
                Some(after) => blanks(after),
                None if after.starts_with('}') => after,
                None => return Err(LineError::Labels),
            };
        }
    }

    /// The names and values, escapes resolved, in the order of the body.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        let mut rest = str::from_utf8(self.checked).unwrap_or_default();
        std::iter::from_fn(move || {
            loop {
                let (found, after) = entry(blanks(rest))?;
                rest = after.strip_prefix(',').unwrap_or(after);
                if let Entry::Label(name, value) = found {
                    return Some((name, value));
                }
            }
        })
    }

    /// The value of the label with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

/// `name="value"`, `"name"="value"` or `"metric"`, and what follows it without leading blanks.
fn entry(text: &str) -> Option<(Entry<'_>, &str)> {
    let (name, is_quoted, rest) = if text.starts_with('"') {
        let (name, rest) = quoted(text)?;
        (name, true, rest)
    } else {
        let end = text.bytes().position(|byte| !is_name_byte(byte) || byte == b':')?;
        let (name, rest) = text.split_at_checked(end)?;
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        (Cow::Borrowed(name), false, rest)
    };
    match blanks(rest).strip_prefix('=') {
        Some(rest) if !name.is_empty() => {
            let (value, rest) = quoted(blanks(rest))?;
            Some((Entry::Label(name, value), blanks(rest)))
        }
        None if is_quoted && !name.is_empty() => Some((Entry::Name(name), blanks(rest))),
        _ => None,
    }
}

/// A text in double quotes with its escapes resolved, and what follows the closing quote.
pub(super) fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inside = text.strip_prefix('"')?;
    let stop = memchr::memchr2(b'"', b'\\', inside.as_bytes())?;
    let (plain, rest) = inside.split_at_checked(stop)?;
    if let Some(after) = rest.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), after));
    }
    let mut value = plain.to_owned();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(value), chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                // Not an escape of the format. Prometheus keeps it as it stands, and so do we.
                other => value.extend(['\\', other]),
            },
            plain => value.push(plain),
        }
    }
}

/// Bytes of a plain metric name; a label's name has no colon.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')
}
