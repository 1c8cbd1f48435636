//! Datagrams in little memory: what a line has in common with the line before it is not kept twice.
//!
//! A datagram is kept as edits. An edit is how many of the next bytes are those of the line before, in one byte; how
//! many new ones stand in place of how many of the line before, in the halves of another; and the new ones. Where
//! lines differ, an edit ends with their parts, which go up to a comma, a bar or the line feed: a name and its value, a
//! type, a tag. What is in common may go on into the next line, and in that before it into this one. Whoever reads
//! edits needs to know none of that. A datagram begins anew, so that each can be read alone. Nothing else is known of
//! lines: any text comes out as it went in.

use std::ops::Range;

use memchr::memchr;

use crate::wide::{Pen, STEP, Step, Text, part_end, same_bytes};

/// The most bytes that an edit has in common with the line before: they are counted in one byte.
const COMMON_BYTES_MAX: usize = u8::MAX as usize;
/// The most new bytes of an edit, and the most of the line before in their place: they are counted in half a byte.
const NEW_BYTES_MAX: usize = 14;
const _: () = assert!(NEW_BYTES_MAX + 2 <= STEP);

/// Coded datagrams, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Coded {
    text: Text,
    /// The datagram that was read last.
    read: Text,
}

impl Coded {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// How many bytes they take.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// None again. Room is given back as [`Text::clear`] does.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.read.clear();
    }

    /// Adds a datagram; returns where it can be read.
    pub(super) fn add(&mut self, datagram: &[u8]) -> usize {
        let at = self.text.len();
        self.text.append(2 * datagram.len(), |pen| write(pen, datagram));
        at
    }

    /// The datagram that was added at this place and has this many bytes.
    pub(super) fn read(&mut self, at: usize, bytes: usize) -> &[u8] {
        let coded = self.text.get(at, self.text.len()).unwrap_or_default();
        self.read.truncate(0);
        self.read.append(bytes, |pen| read(pen, coded, bytes));
        self.read.get(0, bytes).unwrap_or_default()
    }
}

/// Writes a datagram into room for twice as much.
fn write(pen: &mut Pen<'_>, datagram: &[u8]) {
    let bytes_max = 2 * datagram.len();
    // As far as it is written, and in the line before, as far as that was read.
    let (mut at, mut before) = ((line_end(datagram, 0) + 1).min(datagram.len()), 0);
    write_edit(pen, 0, datagram, 0..at, 0);
    while at < datagram.len() && pen.written() <= bytes_max {
        // Nothing is copied from where it is written.
        let distance = at - before;
        let max = if distance < STEP { distance } else { COMMON_BYTES_MAX };
        let common = same_bytes(rest_of(datagram, before), rest_of(datagram, at), max);
        (at, before) = (at + common, before + common);
        let (new, passed) = if common < max { difference(datagram, before, at) } else { (0, 0) };
        write_edit(pen, common, datagram, at..at + new, passed);
        (at, before) = (at + new, before + passed);
    }
    if pen.written() > bytes_max {
        // There is hardly anything in its parts: it takes less as if nothing were in common.
        pen.take_back(u32::MAX);
        write_edit(pen, 0, datagram, 0..datagram.len(), 0);
    }
}

/// Writes an edit, or several where it is too much for one.
#[inline]
fn write_edit(pen: &mut Pen<'_>, common: usize, datagram: &[u8], new: Range<usize>, passed: usize) {
    let count = new.len().min(NEW_BYTES_MAX);
    let counts = counts(common, count, passed.min(NEW_BYTES_MAX));
    pen.step(Step::at(datagram, new.start).behind(counts), 2 + count);
    if new.len() > NEW_BYTES_MAX || passed > NEW_BYTES_MAX {
        write_rest(pen, datagram, new.start + count..new.end, passed.saturating_sub(NEW_BYTES_MAX));
    }
}

/// What a long edit has left, apart because most are short.
#[inline(never)]
fn write_rest(pen: &mut Pen<'_>, datagram: &[u8], mut new: Range<usize>, mut passed: usize) {
    while !new.is_empty() || passed > 0 {
        let (count, passing) = (new.len().min(NEW_BYTES_MAX), passed.min(NEW_BYTES_MAX));
        pen.step(Step::at(datagram, new.start).behind(counts(0, count, passing)), 2 + count);
        (new.start, passed) = (new.start + count, passed - passing);
    }
}

/// How many bytes from `at` on are new, in place of how many of the line before: what is left of both parts.
#[inline]
fn difference(text: &[u8], before: usize, at: usize) -> (usize, usize) {
    let (new, passed) = (Step::at(text, at).before_part_end(), Step::at(text, before).before_part_end());
    let is_usual = new.max(passed) < STEP && new.max(passed) > 0;
    if is_usual { (new, passed) } else { long_difference(text, before, at) }
}

/// The same of long parts, and of parts that are over.
#[inline(never)]
fn long_difference(text: &[u8], before: usize, at: usize) -> (usize, usize) {
    match (part_end(text, at) - at, part_end(text, before) - before) {
        // One line may have parts that the other one has not; they go on together at the ends of both.
        (0, 0) => match (text.get(at), text.get(before)) {
            (Some(b'\n'), _) => (0, line_end(text, before) - before),
            (_, Some(b'\n')) => (line_end(text, at) - at, 0),
            _ => (1, 1),
        },
        parts => parts,
    }
}

/// Where the line feed stands of the line that goes on at `at`, or the text ends.
fn line_end(text: &[u8], at: usize) -> usize {
    let rest = rest_of(text, at);
    at + memchr(b'\n', rest).unwrap_or(rest.len())
}

/// What stands from `at` on.
#[inline]
fn rest_of(text: &[u8], at: usize) -> &[u8] {
    text.get(at..).unwrap_or_default()
}

fn read(pen: &mut Pen<'_>, coded: &[u8], bytes: usize) {
    let (mut at, mut before) = (0, 0);
    while pen.written() < bytes
        && let Some([common, others, ..]) = coded.get(at..)
    {
        let (common, new, passed) = (usize::from(*common), others & 0xf, others >> 4);
        pen.again(before, common);
        pen.step(Step::at(coded, at + 2), new.into());
        (at, before) = (at + 2 + usize::from(new), before + common + usize::from(passed));
    }
}

/// The counts of an edit, which are within their limits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a byte and two halves of one")]
fn counts(common: usize, new: usize, passed: usize) -> u16 {
    (common | new << 8 | passed << 12) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What goes in comes out, whatever stands before and behind it, in this many bytes.
    fn check(datagrams: &[impl AsRef<[u8]>]) -> usize {
        let mut coded = Coded::default();
        let places: Vec<_> = datagrams.iter().map(|datagram| coded.add(datagram.as_ref())).collect();
        for (datagram, at) in datagrams.iter().zip(&places).rev() {
            assert_eq!(coded.read(*at, datagram.as_ref().len()), datagram.as_ref());
        }
        coded.len()
    }

    #[test]
    fn what_lines_have_in_common_is_kept_once() {
        for (datagrams, expected) in [
            (&["a.b:1|c|#x:1,y:2\n"][..], 4 + 17),
            (&["a.b:1|c|#x:1,y:2\n", "a.b:1|c|#x:1,y:2\n"], 2 * (4 + 17)),
            // Of the same line again, how long it is.
            (&["a.b:1|c|#x:1,y:2\na.b:1|c|#x:1,y:2\n"], 4 + 17 + 2),
            // The value up to the bar, the last tag, and what is left.
            (&["a.b:1|c|#x:1,y:2\na.b:27|c|#x:1,y:3\n"], 4 + 17 + 4 + 3 + 2),
            // A tag in the middle.
            (&["a.b:1|c|#x:1,y:2,z:3\na.b:1|c|#x:1,y:456,z:3\n"], 4 + 21 + 5 + 2),
            // Nothing in common, and lines of which one is the beginning of another.
            (&["a:1|c\nb:1|g\n"], 2 + 6 + 5 + 3 + 2),
            (&["a:1|c\na:12|c|@0.5\na:1|c\n"], 2 + 6 + 3 + 7 + 2 + 2 + 2),
            (&[""], 2),
        ] {
            assert_eq!(check(datagrams), expected, "{datagrams:?}");
        }
    }

    #[test]
    fn any_text_comes_out_as_it_went_in() {
        for datagrams in [
            &["\n", "\n\n\n", "|\n|\n||\n", "a|\n|b\n"][..],
            &["no bar\nno bar\nno bar\n", "a:1|c\nno bar\nb:1|c\n"],
            &["no end", "a:1|c\nno end|c", "a:1|c\na:1|c", "a:1|c\na:1"],
            &["\0|\0\n\0|\0", "0123456789abcdef", "0123456789abcde|\n0123456789abcdef|\n"],
        ] {
            check(datagrams);
        }
    }

    #[test]
    fn a_long_line_comes_out_as_it_went_in() {
        for bytes in [15, 16, 17, 254, 255, 256, 257, 511, 65_507] {
            let long = "x".repeat(bytes);
            check(&[format!("{long}|c\n{long}|c\n{long}y|c\n"), format!("a|{long}\na|{long}\na|{long}y\n")]);
            check(&[&long, "a|b\n", &long]);
        }
    }

    #[test]
    fn what_was_never_written_is_read_without_harm() {
        let mut coded = Coded::default();
        coded.add(b"a:1|c\na:2|c\n");
        for at in 0..20 {
            for bytes in [0, 1, 5, 100, 10_000] {
                assert!(coded.read(at, bytes).len() <= bytes);
            }
        }
    }

    #[test]
    fn there_may_be_none_again() {
        let mut coded = Coded::default();
        coded.add(b"a:1|c\n");
        coded.clear();
        assert!(coded.is_empty());
        assert_eq!(coded.add(b"b:1|c\n"), 0);
        assert_eq!(coded.read(0, 6), b"b:1|c\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        // For all texts: what goes in comes out, and takes at most twice as much, beside an edit.
        #[test]
        fn every_text_comes_out_as_it_went_in(
            datagrams in prop::collection::vec("(aaaaaaaaaaaaaaaaaaaa|[ab,|\n]){0,60}|\\PC{0,40}", 0..6)
        ) {
            prop_assert!(check(&datagrams) <= 2 * (datagrams.concat().len() + datagrams.len()));
        }
    }
}
