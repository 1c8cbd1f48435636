//! DogStatsD lines straight from the heads of plain lines.
//!
//! A head is plain if nothing in it has to be cut or renamed, and nothing cleaned but values, which is looked at once, when
//! the line is first seen. From then on its labels are copied sixteen bytes at a time: `{a="b",c="d"}` is `a:b,c:d` less
//! quotes. Whatever is not plain takes the exact way through the encoder; both write the same.

use super::Converter;
use super::name::{self, Spelling};
use super::note::{Handling, Note, Plainness};
use crate::decimal::{Decimal, TEXT_BYTES_MAX};
use crate::exposition::{Role, Sample};
use crate::fingerprint::Fingerprint;
use crate::statsd::{NAME_CHARS_MAX, TAG_CHARS_MAX};
use crate::wide::{Pen, STEP, Short, Step, Steps, Text};

/// Writes plain lines.
#[derive(Debug)]
pub(super) struct Plain {
    prefix: Steps,
    /// The prefix begins with a letter.
    is_name: bool,
    /// A name of whose `_total` a part is the prefix's, which is not to be taken back.
    total: Option<&'static str>,
    /// The tags on every metric, behind those of the labels.
    global: Steps,
    /// The same behind none.
    only_global: Steps,
    /// Room for all but the head.
    frame_bytes: usize,
}

/// A value that is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written<'a> {
    /// This number.
    Number(Decimal),
    /// The number that so many first bytes of a text are, as they stand there: a step at most.
    Text(&'a [u8], usize),
}

/// Bytes that a quantile's or a counter's name grows by, at most.
const SUFFIX_BYTES_MAX: usize = ".quantile".len();

impl Plain {
    pub(super) fn new(prefix: &str, global: &str) -> Self {
        let only = global.strip_prefix(',').map(|first| format!("|#{first}"));
        Self {
            prefix: Steps::new(prefix),
            is_name: prefix.starts_with(|first: char| first.is_ascii_alphabetic()),
            total: name::total_behind(prefix),
            global: Steps::new(global),
            only_global: Steps::new(only.as_deref().unwrap_or_default()),
            frame_bytes: prefix.len() + TEXT_BYTES_MAX + global.len() + FRAME_BYTES_MAX,
        }
    }

    /// Whether lines whose heads have these names can be written, as far as the names decide that.
    pub(super) fn covers_names(&self, sample: &Sample<'_>) -> bool {
        let Some(usual) = sample.usual() else { return false };
        let name_bytes = self.prefix.bytes() + sample.name_bytes().len() + SUFFIX_BYTES_MAX;
        let has_reserved = || {
            usual.names & name::RESERVED_NAMES != 0
                && sample.labels().iter().any(|(key, _)| name::is_reserved(&key))
        };
        let is_total = self.total.is_some_and(|total| sample.name_bytes() == total.as_bytes());
        self.is_name && usual.is_word && name_bytes <= NAME_CHARS_MAX && !is_total && !has_reserved()
    }

    /// How a head can be written of which [`Self::covers_names`] is true.
    pub(super) fn plainness(sample: &Sample<'_>, role: Role) -> Plainness {
        let Some(usual) = sample.usual() else { return Plainness::None };
        let is_short = usual.label_bytes_max() + name::BOUND_TAG.len() < TAG_CHARS_MAX;
        if !is_short || !usual.is_ascii() {
            return Plainness::None;
        }
        let (odd_values, is_last_odd) = usual.odd_values();
        let (key, bound) = usual.last(sample.head);
        let bound = match role {
            Role::HistogramBucket if key == b"le" => name::spelling(bound),
            Role::SummaryQuantile if key == b"quantile" => name::spelling(bound),
            Role::HistogramBucket => return Plainness::None,
            Role::SummaryQuantile if !key.is_empty() => return Plainness::None,
            _ if is_last_odd => return Plainness::Cleaned,
            _ => Spelling::Right,
        };
        match bound {
            Spelling::Right if odd_values == 0 => Plainness::AsItIs,
            Spelling::Whole if odd_values == 0 => Plainness::PointZero,
            Spelling::Right => Plainness::Cleaned,
            Spelling::Whole => Plainness::CleanedPointZero,
            Spelling::Other => Plainness::None,
        }
    }

    /// Writes the line of a plain head. `line` begins with the head and may go on.
    #[inline]
    fn write(&self, line: &[u8], head_bytes: usize, note: Note, value: Written<'_>, out: &mut Text) {
        out.append(self.frame_bytes + head_bytes, |pen| {
            pen.steps(&self.prefix);
            let name_bytes = write_name(line, head_bytes, pen);
            name::end_name(note.role(), pen);
            value.write_with(pen);
            let is_counter = note.handling() == Handling::Counter;
            let (labels, end) = (name_bytes + 1, head_bytes.saturating_sub(BEHIND_LABELS.len()));
            if labels < end {
                pen.short(if is_counter { &COUNTER_TAGS } else { &GAUGE_TAGS });
                write_labels(line, labels, end, note, pen);
                pen.steps(&self.global);
            } else {
                pen.short(if is_counter { &COUNTER } else { &GAUGE });
                pen.steps(&self.only_global);
            }
            pen.byte(b'\n');
        });
    }
}

impl Converter {
    /// Writes the line of a plain head, with which `line` begins.
    pub(super) fn write_plain(
        &mut self,
        line: &[u8],
        head_bytes: usize,
        note: Note,
        carries: Option<Fingerprint>,
        value: Written<'_>,
    ) {
        let plain = &self.plain;
        let pushed = self.packets.push(carries, |out| plain.write(line, head_bytes, note, value, out));
        self.count_pushed(pushed, carries);
    }
}

impl Written<'_> {
    #[inline]
    fn write_with(self, pen: &mut Pen<'_>) {
        match self {
            Self::Number(number) => number.write_with(pen),
            Self::Text(text, bytes) => pen.step(Step::at(text, 0), bytes),
        }
    }
}

const COUNTER: Short = Short::new("|c");
const GAUGE: Short = Short::new("|g");
const COUNTER_TAGS: Short = Short::new("|c|#");
const GAUGE_TAGS: Short = Short::new("|g|#");
const UPPER_BOUND: Short = Short::new("upper_bound:");
const MORE_UPPER_BOUND: Short = Short::new(",upper_bound:");
const POINT_ZERO: Short = Short::new(".0");
/// What stands behind the last value of a head.
const BEHIND_LABELS: &str = "\"} ";
/// More than the longest of what is neither label nor name nor value.
const FRAME_BYTES_MAX: usize = 64;

/// Copies the name that the line begins with; its length.
#[inline]
fn write_name(line: &[u8], head_bytes: usize, pen: &mut Pen<'_>) -> usize {
    let has_labels = line.get(head_bytes.saturating_sub(2)) == Some(&b'}');
    if !has_labels {
        let name_bytes = head_bytes.saturating_sub(1);
        pen.part(line, 0, name_bytes);
        return name_bytes;
    }
    pen.until(b'{', line, 0)
}

fn write_labels(line: &[u8], at: usize, end: usize, note: Note, pen: &mut Pen<'_>) {
    let bound = if note.role() == Role::HistogramBucket { bound_in(line, at, end) } else { end };
    // The comma before `le` belongs to it.
    let labels = if bound < end { bound.saturating_sub(",le=\"".len()).max(at) } else { end };
    if note.needs_cleaning() {
        write_tags(line, at, labels, pen, write_cleaned);
    } else {
        write_tags(line, at, labels, pen, |line, value, pen| pen.until(b'"', line, value));
    }
    if bound < end {
        pen.short(if labels > at { &MORE_UPPER_BOUND } else { &UPPER_BOUND });
        pen.part(line, bound, end);
    }
    if note.needs_point_zero() {
        pen.short(&POINT_ZERO);
    }
}

/// Where the last value begins.
#[inline]
fn bound_in(line: &[u8], at: usize, end: usize) -> usize {
    let head = line.get(..end).unwrap_or_default();
    let mut behind = end;
    while behind > at {
        behind = behind.saturating_sub(STEP);
        let bytes = Step::at(head, behind).behind_last(b'"');
        if bytes > 0 {
            return behind + bytes;
        }
    }
    end
}

/// `a="b",c="d` as `a:b,c:d`. A quote or a comma stands at `end`. `write_value` writes a value up to its closing
/// quote, and returns where that is.
#[inline]
fn write_tags(
    line: &[u8],
    mut at: usize,
    end: usize,
    pen: &mut Pen<'_>,
    write_value: impl Fn(&[u8], usize, &mut Pen<'_>) -> usize,
) {
    while at < end {
        // The opening quote stands behind the equals sign, in place of which a tag has a colon.
        let open = pen.until(b'"', line, at);
        pen.replace_last(b':');
        at = write_value(line, open + 1, pen) + 1;
    }
}

/// A value of which what may not stand in a tag is replaced; an escape is one character.
fn write_cleaned(line: &[u8], mut at: usize, pen: &mut Pen<'_>) -> usize {
    while at < line.len() {
        let step = Step::at(line, at);
        let simple = (step.places_of_simple().trailing_ones() as usize).min(STEP);
        pen.step(step, simple);
        at += simple;
        if simple < STEP {
            match line.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                _ => at += 1,
            }
            pen.byte(b'_');
        }
    }
    at
}
