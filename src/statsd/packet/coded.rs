//! Datagrams in little memory: what a line has in common with the line before it is not kept twice.
//!
//! A line has two parts: its name and value up to the first bar, and the rest, which are its tags. Each is kept as
//! how many of its first bytes are those of the same part of the line before, in one byte, and the bytes behind
//! those up to the part's end. A datagram begins anew, so that each can be read alone. It knows nothing else of lines:
//! any text comes out as it went in, those without a bar or a line feed too.

use crate::wide::{Pen, Text, common};

/// The most bytes that a part has in common with the one before: they are counted in one byte.
const COMMON_BYTES_MAX: usize = u8::MAX as usize;

/// Coded datagrams, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Coded {
    text: Text,
    /// The datagram that was read last.
    read: Text,
}

/// Where a part of the line before stands.
#[derive(Debug)]
struct Part {
    /// The byte that ends it, which it holds once.
    last: u8,
    begin: usize,
    /// How much of it a part of the next line may share: all but its last byte.
    shareable: usize,
}

/// The parts of a line, the one that comes first in front.
const PARTS: (Part, Part) =
    (Part { last: b'|', begin: 0, shareable: 0 }, Part { last: b'\n', begin: 0, shareable: 0 });

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
    let (mut part, mut other) = PARTS;
    let mut begin = 0;
    while begin < datagram.len() {
        let shared = common(datagram, part.begin, begin, part.shareable.min(COMMON_BYTES_MAX));
        pen.byte(u8::try_from(shared).unwrap_or(u8::MAX));
        let last = pen.until(part.last, datagram, begin + shared);
        match last.checked_sub(datagram.len()) {
            None => pen.byte(part.last),
            // The zeros behind the end.
            Some(zeros) => pen.take_back(u32::try_from(zeros).unwrap_or(0)),
        }
        (part.begin, part.shareable) = (begin, last - begin);
        begin = last + 1;
        std::mem::swap(&mut part, &mut other);
    }
}

fn read(pen: &mut Pen<'_>, coded: &[u8], bytes: usize) {
    let (mut part, mut other) = PARTS;
    let mut at = 0;
    while pen.written() < bytes
        && let Some(shared) = coded.get(at)
    {
        let begin = pen.written();
        pen.again(part.begin, usize::from(*shared));
        at = pen.until(part.last, coded, at + 1) + 1;
        // Behind a datagram that ends without one it does no harm.
        pen.byte(part.last);
        part.begin = begin;
        std::mem::swap(&mut part, &mut other);
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
            (&["a.b:1|c|#x:1,y:2\n"][..], 2 + 17),
            (&["a.b:1|c|#x:1,y:2\n", "a.b:1|c|#x:1,y:2\n"], 2 * (2 + 17)),
            // Of the same line again, only where its parts end.
            (&["a.b:1|c|#x:1,y:2\na.b:1|c|#x:1,y:2\n"], 2 + 17 + 4),
            (&["a.b:1|c|#x:1,y:2\na.b:27|c|#x:1,y:3\n"], 2 + 17 + 4 + 3),
            // Nothing in common, and lines of which one is the beginning of another.
            (&["a:1|c\nb:1|g\n"], 4 + 12),
            (&["a:1|c\na:12|c|@0.5\na:1|c\n"], 2 + 6 + 3 + 7 + 4),
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
            datagrams in prop::collection::vec("(aaaaaaaaaaaaaaaaaaaa|[ab|\n]){0,60}|\\PC{0,40}", 0..6)
        ) {
            prop_assert!(check(&datagrams) <= 2 * datagrams.concat().len());
        }
    }
}
