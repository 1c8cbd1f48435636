//! The packer: lines into datagrams.
//!
//! Lines are written once into one buffer, which is used again for the next scrape; a datagram is a range of it. What
//! a line carries (for a counter: which difference) is kept beside it, so that a datagram that could not be
//! sent names everything that it would have delivered.

use crate::wide::Text;

/// Lines packed into datagrams of a bounded size: whole lines only, each with its line feed.
pub struct Packets<T> {
    datagram_bytes_max: usize,
    text: Text,
    loads: Vec<Load<T>>,
    /// Finished datagrams.
    datagrams: Vec<Datagram>,
    /// Where the one being filled begins.
    begin: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Datagram {
    /// Where it ends in the text; it begins where the one before ends.
    end: usize,
    /// Where what it carries ends in `loads`.
    loads_end: usize,
    is_taken: bool,
}

/// Packed, because there may be as many as lines.
#[derive(Clone, Copy)]
#[repr(C, packed(4))]
struct Load<T> {
    carried: T,
    /// Where the lines that carry it begin in their datagram, and how long they are.
    offset: u32,
    length: u32,
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

impl<T> std::fmt::Debug for Packets<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (bytes, datagrams) = (self.text.len(), self.datagrams.len());
        out.debug_struct("Packets")
            .field("bytes", &bytes)
            .field("datagrams", &datagrams)
            .finish_non_exhaustive()
    }
}

impl<T: Copy> Packets<T> {
    /// No lines yet.
    #[must_use]
    pub fn new(datagram_bytes_max: usize) -> Self {
        Self { datagram_bytes_max, text: Text::default(), loads: Vec::new(), datagrams: Vec::new(), begin: 0 }
    }

    /// No lines again.
    pub fn clear(&mut self) {
        self.text.clear();
        self.loads.clear();
        self.datagrams.clear();
        self.begin = 0;
    }

    /// Adds the lines that `write` appends, all into one datagram, and what they carry.
    #[inline]
    pub fn push(&mut self, carries: Option<T>, write: impl FnOnce(&mut Text)) -> Pushed {
        let start = self.text.len();
        write(&mut self.text);
        let length = self.text.len() - start;
        if self.text.len() - self.begin > self.datagram_bytes_max {
            if length > self.datagram_bytes_max {
                self.text.truncate(start);
                return Pushed::TooLarge;
            }
            self.end_datagram(start);
        }
        let offset = start - self.begin;
        if let (Some(carried), Ok(offset), Ok(length)) =
            (carries, u32::try_from(offset), u32::try_from(length))
        {
            self.loads.push(Load { carried, offset, length });
        }
        Pushed::Packed
    }

    fn end_datagram(&mut self, end: usize) {
        self.begin = end;
        self.datagrams.push(Datagram { end, loads_end: self.loads.len(), is_taken: false });
    }

    /// Ends the datagram being filled: call it once, after the last line.
    pub fn finish(&mut self) {
        if self.text.len() > self.begin {
            self.end_datagram(self.text.len());
        }
    }

    /// How many datagrams are finished.
    #[must_use]
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether no datagram is finished.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// A finished datagram, in the order of the lines.
    #[must_use]
    pub fn datagram(&self, index: usize) -> Option<&[u8]> {
        self.text.get(self.before(index).end, self.datagrams.get(index)?.end)
    }

    fn before(&self, index: usize) -> Datagram {
        index.checked_sub(1).and_then(|before| self.datagrams.get(before)).copied().unwrap_or_default()
    }

    /// A datagram was taken: returns what it carried.
    pub fn take(&mut self, index: usize) -> impl Iterator<Item = T> {
        if let Some(datagram) = self.datagrams.get_mut(index) {
            datagram.is_taken = true;
        }
        self.loads(index).map(|(carried, _)| carried)
    }

    /// What the datagrams carry that were not taken, with the lines that would have delivered it.
    pub fn not_taken(&self) -> impl Iterator<Item = (T, &[u8])> {
        let open = self.datagrams.iter().enumerate().filter(|(_, datagram)| !datagram.is_taken);
        open.flat_map(|(index, _)| self.loads(index))
    }

    fn loads(&self, index: usize) -> impl Iterator<Item = (T, &[u8])> {
        let Datagram { end: begin, loads_end: first, .. } = self.before(index);
        let end = self.datagrams.get(index).map_or(first, |datagram| datagram.loads_end);
        self.loads.get(first..end).unwrap_or_default().iter().map(move |load| {
            let start = begin + load.offset as usize;
            (load.carried, self.text.get(start, start + load.length as usize).unwrap_or_default())
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
            let _ = packets.push(carries, |out| out.push_slice(line.as_bytes()));
        }
        packets.finish();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let carried = |index| packets.loads(index).map(|(carried, _)| carried).collect();
        (0..packets.len()).map(|index| (text(packets.datagram(index).unwrap()), carried(index))).collect()
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
        assert_eq!(packets.push(Some(1), |out| out.push_slice(b"abc\n")), Pushed::Packed);
        assert_eq!(packets.push(Some(2), |out| out.push_slice(b"abcd\n")), Pushed::TooLarge);
        assert_eq!(packets.push(Some(3), |out| out.push_slice(b"x\n")), Pushed::Packed);
        packets.finish();
        let all: Vec<_> = packets.not_taken().collect();
        assert_eq!(all, [(1, b"abc\n" as &[u8]), (3, b"x\n")]);
    }

    #[test]
    fn what_was_taken_carries_nothing_any_more() {
        let mut packets = Packets::new(8);
        for (number, line) in ["aaa\n", "bbb\n", "cccc\n", "d\n"].iter().enumerate() {
            let carries = (number != 1).then_some(number);
            let _ = packets.push(carries, |out| out.push_slice(line.as_bytes()));
        }
        packets.finish();
        assert_eq!(packets.take(0).collect::<Vec<_>>(), [0]);
        assert_eq!(packets.not_taken().collect::<Vec<_>>(), [(2, b"cccc\n" as &[u8]), (3, b"d\n")]);
        packets.clear();
        assert!(packets.is_empty());
        assert_eq!(packets.not_taken().count(), 0);
    }
}
