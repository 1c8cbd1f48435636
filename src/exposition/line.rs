//! One line of an exposition.

use std::borrow::Cow;
use std::fmt;

use super::family::Kind;
use super::labels::{self, Labels};
use super::pattern::Pattern;
use super::usual::Usual;
use crate::decimal::{Decimal, LEADING_BYTES_MAX, Leading, Number, ShortText};

/// The longest line read; a longer one is malformed.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// The longest head that is expected again, or read without looking for the end of its line first: a usual value, a blank
/// and a timestamp fit behind it.
pub const HEAD_BYTES_MAX: usize = LINE_BYTES_MAX - 64;
const _: () = assert!(2 * LEADING_BYTES_MAX < LINE_BYTES_MAX - HEAD_BYTES_MAX);

/// What a line says.
#[derive(Debug)]
pub enum Line<'a> {
    /// Empty, a comment, or a comment with a meaning that is of no use here (HELP, UNIT, EOF).
    Nothing,
    /// `# TYPE family kind`.
    Type {
        /// The family's name.
        family: Cow<'a, str>,
        /// Its type.
        kind: Kind,
    },
    /// A sample.
    Sample(Sample<'a>),
}

/// A sample, borrowed from its line. Its timestamp and exemplar are checked and dropped.
#[derive(Debug)]
pub struct Sample<'a> {
    /// Its head: what stands before the value.
    pub head: &'a [u8],
    spelling: Spelling<'a>,
    /// Its value. What follows the labels may be malformed, and then it is still known which series
    /// the line speaks of.
    pub value: Result<Number, LineError>,
    /// How its value is written, if [`Decimal::leading`] has read it and it is short.
    pub written: ShortText,
}

/// How a sample's head is written.
#[derive(Debug)]
enum Spelling<'a> {
    /// As clients write it: its parts are where this says.
    Usual(Usual),
    /// Otherwise: its name and labels.
    Other(Box<(Cow<'a, str>, Labels<'a>)>),
}

impl<'a> Sample<'a> {
    /// The sample's own name, `_bucket`, `_sum` and `_count` included.
    #[must_use]
    pub fn name(&self) -> Cow<'a, str> {
        match &self.spelling {
            Spelling::Usual(usual) => {
                String::from_utf8_lossy(self.head.get(..usual.name_bytes.into()).unwrap_or_default())
            }
            Spelling::Other(parts) => parts.0.clone(),
        }
    }

    /// The same as bytes.
    #[inline]
    #[must_use]
    pub fn name_bytes(&self) -> &[u8] {
        match &self.spelling {
            Spelling::Usual(usual) => self.head.get(..usual.name_bytes.into()).unwrap_or_default(),
            Spelling::Other(parts) => parts.0.as_bytes(),
        }
    }

    /// Its labels, in the order of the line.
    #[must_use]
    pub fn labels(&self) -> Labels<'a> {
        match &self.spelling {
            Spelling::Usual(usual) => {
                Labels::checked(self.head.get(usual.labels_range()).unwrap_or_default())
            }
            Spelling::Other(parts) => parts.1,
        }
    }

    /// What was noticed of the head, if it is in its one canonical form: labels in order, no blanks, no
    /// needless escapes.
    #[inline]
    #[must_use]
    pub fn usual(&self) -> Option<&Usual> {
        match &self.spelling {
            Spelling::Usual(usual) => Some(usual),
            Spelling::Other(_) => None,
        }
    }

    /// The sample of the line whose head is this pattern, and how long the line is with its line feed; `None` if the
    /// rest of it is not as clients write it, or is not whole.
    #[inline]
    #[must_use]
    pub fn leading(pattern: &Pattern<'a>) -> Option<(Self, usize)> {
        let (text, usual) = pattern.parts();
        let (head, tail) = text.split_at_checked(usual.head_bytes.into())?;
        let Tail { value, value_bytes, bytes } =
            Tail::leading(tail).filter(|_| head.len() <= HEAD_BYTES_MAX)?;
        let (value, written) = (Ok(Number::Finite(value)), ShortText::of(tail, value_bytes));
        let sample = Self { head, spelling: Spelling::Usual(usual), value, written };
        Some((sample, head.len() + bytes))
    }
}

/// A usual value and what ends its line.
pub(crate) struct Tail {
    pub(crate) value: Decimal,
    /// How long the value is.
    pub(crate) value_bytes: usize,
    /// The same with what ends its line.
    pub(crate) bytes: usize,
}

impl Tail {
    /// The one that a text begins with. Its line ends with a line feed alone, or with a timestamp before it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call hands the number on through memory")]
    pub(crate) fn leading(text: &[u8]) -> Option<Self> {
        let Leading { value, bytes: value_bytes } = Decimal::leading(text)?;
        let bytes = match text.get(value_bytes)? {
            b'\n' => value_bytes + 1,
            b' ' => {
                let begin = value_bytes + 1;
                let end = begin + Decimal::leading(text.get(begin..)?)?.bytes;
                text.get(end).filter(|byte| **byte == b'\n').map(|_| end + 1)?
            }
            _ => return None,
        };
        Some(Self { value, value_bytes, bytes })
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// Longer than [`LINE_BYTES_MAX`].
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// No metric name where one must stand.
    Name,
    /// Labels that do not follow the grammar.
    Labels,
    /// The same label twice.
    DuplicateLabel,
    /// More than [`labels::LABELS_MAX`] labels.
    TooManyLabels,
    /// No number where the value must stand.
    Value,
    /// Something other than a timestamp or an exemplar behind the value.
    Timestamp,
    /// A TYPE line without a name or a type.
    Type,
}

impl fmt::Display for LineError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::TooLong => "the line is too long",
            Self::NotUtf8 => "the line is not UTF-8",
            Self::Name => "no metric name",
            Self::Labels => "malformed labels",
            Self::DuplicateLabel => "a label stands twice",
            Self::TooManyLabels => "too many labels",
            Self::Value => "no number where the value must stand",
            Self::Timestamp => "no timestamp behind the value",
            Self::Type => "a TYPE line without a name and a type",
        })
    }
}

/// Reads a line without its line feed; a carriage return before that is dropped.
///
/// # Errors
/// The line is malformed.
pub fn parse(bytes: &[u8]) -> Result<Line<'_>, LineError> {
    if bytes.len() > LINE_BYTES_MAX {
        return Err(LineError::TooLong);
    }
    if bytes.first() != Some(&b'#')
        && let Some(usual) = Usual::read(bytes)
    {
        let (head, rest) = bytes.split_at_checked(usual.head_bytes.into()).unwrap_or_default();
        let rest = str::from_utf8(rest).map_err(|_| LineError::NotUtf8)?;
        let value = value(rest.strip_suffix('\r').unwrap_or(rest));
        return Ok(Line::Sample(Sample {
            head,
            spelling: Spelling::Usual(usual),
            value,
            written: ShortText::NONE,
        }));
    }
    let text = str::from_utf8(bytes).map_err(|_| LineError::NotUtf8)?;
    let text = text.strip_suffix('\r').unwrap_or(text);
    let stripped = blanks(text);
    if stripped.is_empty() {
        Ok(Line::Nothing)
    } else if let Some(comment) = stripped.strip_prefix('#') {
        comment_line(blanks(comment))
    } else {
        sample_line(text).map(Line::Sample)
    }
}

fn comment_line(text: &str) -> Result<Line<'_>, LineError> {
    let (keyword, rest) = word(text);
    if keyword != "TYPE" {
        return Ok(Line::Nothing);
    }
    let rest = blanks(rest);
    let (family, rest) = if rest.starts_with('"') {
        labels::quoted(rest).ok_or(LineError::Type)?
    } else {
        let (family, rest) = word(rest);
        (Cow::Borrowed(family), rest)
    };
    let (kind, rest) = word(blanks(rest));
    if family.is_empty() || kind.is_empty() || !blanks(rest).is_empty() {
        return Err(LineError::Type);
    }
    Ok(Line::Type { family, kind: Kind::from_word(kind) })
}

/// By the whole grammar.
pub(super) fn sample_line(line: &str) -> Result<Sample<'_>, LineError> {
    let text = blanks(line);
    let name_end = text.bytes().position(|byte| !labels::is_name_byte(byte)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(name_end).ok_or(LineError::Name)?;
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(LineError::Name);
    }
    let after_name = blanks(rest);
    let (labels, quoted_name, rest) = match after_name.strip_prefix('{') {
        Some(inside) => Labels::parse(inside)?,
        None if rest.len() == after_name.len() => return Err(LineError::Name),
        None => (Labels::default(), None, after_name),
    };
    let name = match quoted_name {
        Some(quoted) if name.is_empty() => quoted,
        None if !name.is_empty() => Cow::Borrowed(name),
        _ => return Err(LineError::Name),
    };
    let rest = blanks(rest);
    let head = line.as_bytes().get(..line.len() - rest.len()).unwrap_or_default();
    let spelling = Spelling::Other(Box::new((name, labels)));
    Ok(Sample { head, spelling, value: value(rest), written: ShortText::NONE })
}

fn value(text: &str) -> Result<Number, LineError> {
    let (value, rest) = word(text);
    let value = Number::parse(value).ok_or(LineError::Value)?;
    after_value(blanks(rest))?;
    Ok(value)
}

/// An optional timestamp (milliseconds, or seconds with a fraction in OpenMetrics), then an optional
/// exemplar, which begins with `#` and may say what it likes.
fn after_value(text: &str) -> Result<(), LineError> {
    if text.is_empty() || text.starts_with('#') {
        return Ok(());
    }
    let (timestamp, rest) = word(text);
    let rest = blanks(rest);
    match Number::parse(timestamp) {
        Some(Number::Finite(_)) if rest.is_empty() || rest.starts_with('#') => Ok(()),
        _ => Err(LineError::Timestamp),
    }
}

/// Up to the next blank.
fn word(text: &str) -> (&str, &str) {
    let end = memchr::memchr2(b' ', b'\t', text.as_bytes()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Without the blanks it begins with.
pub(super) fn blanks(text: &str) -> &str {
    let count = text.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    text.get(count..).unwrap_or_default()
}
