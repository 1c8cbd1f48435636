//! Datagrams in little memory: what a line has in common with the line before it is not kept twice.
//!
//! A line has parts, each up to a comma, a bar or the line feed: its name and value, its type, its tags. A step is how
//! many of the next bytes are those of the line before, in one byte, and then the bytes behind those up to the end of
//! their part, or none if the count is the largest. It may share several parts; the next step goes on behind the part
//! in which the line before differed.
//! A datagram begins anew, so that each can be read alone. Nothing else is known of lines: any text comes out as it
//! went in.

use crate::wide::{self, Pen, Text, common};

/// The most bytes that a step has in common with the line before: they are counted in one byte.
const COMMON_BYTES_MAX: usize = u8::MAX as usize;

/// Coded datagrams, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Coded {
    text: Text,
    /// The datagram that was read last.
    read: Text,
}

/// What is left of the line before.
#[derive(Debug, Default)]
struct Before {
    at: usize,
    /// Where it ends, and the line that is being written or read begins.
    end: usize,
}

impl Before {
    /// How much of it a step may share: all but its line feed; nothing where nothing is left.
    fn shareable(&self) -> usize {
        self.end.saturating_sub(self.at + 1).min(COMMON_BYTES_MAX)
    }

    /// A step shared so many bytes, and ended its part with `last` before `end`. `text` is the datagram, at least as far
    /// as the line before goes.
    fn pass(&mut self, text: &[u8], shared: usize, last: u8, end: usize) {
        if last == b'\n' {
            *self = Self { at: self.end, end };
        } else {
            self.at = wide::part_end(text, self.at + shared) + 1;
        }
    }
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
        // At worst each byte ends a part, and each part has a count.
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

fn write(pen: &mut Pen<'_>, datagram: &[u8]) {
    let (mut before, mut begin) = (Before::default(), 0);
    while begin < datagram.len() {
        let shared = common(datagram, before.at, begin, before.shareable());
        pen.byte(u8::try_from(shared).unwrap_or(u8::MAX));
        if shared == COMMON_BYTES_MAX {
            before.at += shared;
            begin += shared;
            continue;
        }
        let end = pen.until_part_end(datagram, begin + shared);
        let Some(last) = datagram.get(end) else {
            // The zeros behind the end.
            return pen.take_back(u32::try_from(end - datagram.len()).unwrap_or(0));
        };
        pen.byte(*last);
        begin = end + 1;
        before.pass(datagram, shared, *last, begin);
    }
}

fn read(pen: &mut Pen<'_>, coded: &[u8], bytes: usize) {
    let (mut before, mut at) = (Before::default(), 0);
    while pen.written() < bytes
        && let Some(shared) = coded.get(at)
    {
        let shared = usize::from(*shared);
        pen.again(before.at, shared);
        if shared == COMMON_BYTES_MAX {
            before.at += shared;
            at += 1;
            continue;
        }
        let end = pen.until_part_end(coded, at + 1);
        // Behind a datagram that ends without one it does no harm.
        let Some(last) = coded.get(end) else { return };
        pen.byte(*last);
        at = end + 1;
        before.pass(pen.text(), shared, *last, pen.written());
    }
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
            // Of the same line again, only its line feed.
            (&["a.b:1|c|#x:1,y:2\na.b:1|c|#x:1,y:2\n"], 4 + 17 + 2),
            // The value up to the bar, and the last tag.
            (&["a.b:1|c|#x:1,y:2\na.b:27|c|#x:1,y:3\n"], 4 + 17 + 4 + 3),
            // A tag in the middle.
            (&["a.b:1|c|#x:1,y:2,z:3\na.b:1|c|#x:1,y:456,z:3\n"], 5 + 21 + 5 + 2),
            // Nothing in common, and lines of which one is the beginning of another.
            (&["a:1|c\nb:1|g\n"], 4 + 12),
            (&["a:1|c\na:12|c|@0.5\na:1|c\n"], 2 + 6 + 3 + 2 + 6 + 2 + 2),
            (&[""], 0),
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
        // For all texts: what goes in comes out, and takes at most twice as much.
        #[test]
        fn every_text_comes_out_as_it_went_in(
            datagrams in prop::collection::vec("(aaaaaaaaaaaaaaaaaaaa|[ab,|\n]){0,60}|\\PC{0,40}", 0..6)
        ) {
            prop_assert!(check(&datagrams) <= 2 * datagrams.concat().len());
        }
    }
}
