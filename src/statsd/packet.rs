//! The packer: lines into datagrams.
//!
//! Lines are written once into one buffer; a datagram is a range of it. What a line carries (for a
//! counter: which difference) is kept beside it, so that a datagram that could not be sent names
//! everything that it would have delivered.

use std::ops::Range;

/// Lines packed into datagrams of a bounded size: whole lines only, each with its line feed.
#[derive(Debug)]
pub struct Packets<T> {
    datagram_bytes_max: usize,
    bytes: Vec<u8>,
    carried: Vec<T>,
    /// Finished datagrams.
    datagrams: Vec<(Range<usize>, Range<usize>)>,
    /// Where the datagram being filled begins, in `bytes` and in `carried`.
    begin: (usize, usize),
}

/// What became of lines that were pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// They are in a datagram.
    Packed,
    /// They are larger than a datagram may be and were dropped: a part of a line could be a valid
    /// line that says something else.
    TooLarge,
}

impl<T> Packets<T> {
    /// No lines yet.
    #[must_use]
    pub fn new(datagram_bytes_max: usize) -> Self {
        Self {
            datagram_bytes_max,
            bytes: Vec::new(),
            carried: Vec::new(),
            datagrams: Vec::new(),
            begin: (0, 0),
        }
    }

    /// Adds the lines that `write` appends, all into one datagram, and what they carry.
    pub fn push(&mut self, carries: Option<T>, write: impl FnOnce(&mut Vec<u8>)) -> Pushed {
        let start = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() - start > self.datagram_bytes_max {
            self.bytes.truncate(start);
            return Pushed::TooLarge;
        }
        if self.bytes.len() - self.begin.0 > self.datagram_bytes_max {
            self.end_datagram(start);
        }
        self.carried.extend(carries);
        Pushed::Packed
    }

    fn end_datagram(&mut self, end: usize) {
        let carried = self.carried.len();
        self.datagrams.push((self.begin.0..end, self.begin.1..carried));
        self.begin = (end, carried);
    }

    /// Ends the datagram being filled: call it once, after the last line.
    pub fn finish(&mut self) {
        if self.bytes.len() > self.begin.0 {
            self.end_datagram(self.bytes.len());
        }
    }

    /// The finished datagrams in order: the bytes, and what they carry.
    #[must_use]
    pub fn datagrams(&self) -> impl ExactSizeIterator<Item = (&[u8], &[T])> {
        self.datagrams.iter().map(|(bytes, carried)| {
            let bytes = self.bytes.get(bytes.clone()).unwrap_or_default();
            (bytes, self.carried.get(carried.clone()).unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(limit: usize, lines: &[&str]) -> Vec<(String, Vec<usize>)> {
        let mut packets = Packets::new(limit);
        for (index, line) in lines.iter().enumerate() {
            let carries = (!line.starts_with('g')).then_some(index);
            let _ = packets.push(carries, |out| out.extend_from_slice(line.as_bytes()));
        }
        packets.finish();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        packets.datagrams().map(|(bytes, carried)| (text(bytes), carried.to_vec())).collect()
    }

    #[test]
    fn datagrams_are_filled_to_the_limit_with_whole_lines() {
        let datagrams = packed(8, &["aaa\n", "bbb\n", "g\n", "dddd\n", "eeeeeee\n", "f\n"]);
        let expected: &[(&str, &[usize])] =
            &[("aaa\nbbb\n", &[0, 1]), ("g\ndddd\n", &[3]), ("eeeeeee\n", &[4]), ("f\n", &[5])];
        let expected: Vec<_> =
            expected.iter().map(|(text, carried)| ((*text).to_owned(), carried.to_vec())).collect();
        assert_eq!(datagrams, expected);
        assert_eq!(packed(8, &[]), []);
    }

    #[test]
    fn lines_that_belong_together_stay_together() {
        assert_eq!(packed(8, &["a\n", "b:0\nb:1\n"]).len(), 2);
    }

    #[test]
    fn what_is_larger_than_a_datagram_is_dropped_whole_and_said() {
        let mut packets = Packets::new(4);
        assert_eq!(packets.push(Some(1), |out| out.extend_from_slice(b"abc\n")), Pushed::Packed);
        assert_eq!(packets.push(Some(2), |out| out.extend_from_slice(b"abcd\n")), Pushed::TooLarge);
        assert_eq!(packets.push(Some(3), |out| out.extend_from_slice(b"x\n")), Pushed::Packed);
        packets.finish();
        let all: Vec<_> =
            packets.datagrams().map(|(bytes, carried)| (bytes.to_vec(), carried.to_vec())).collect();
        assert_eq!(all, [(b"abc\n".to_vec(), vec![1]), (b"x\n".to_vec(), vec![3])]);
    }
}
