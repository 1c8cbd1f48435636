//! The packer: lines into datagrams.
//!
//! Lines are written once into one buffer, which is used again for the next scrape; a datagram is a range of it. Of very
//! many lines, which all wait until it is known that they count, only the first stay there: datagrams behind them
//! are coded. What a line carries (for a counter: which difference) is kept beside it, so that a datagram that could not
//! be sent names everything that it would have delivered.

mod coded;

use crate::wide::Text;
use coded::Coded;

/// How much finished text is kept as it is: more than a usual scrape has, and half of what a hundred thousand samples
/// become.
const PLAIN_BYTES_MAX: usize = 1 << 20;
/// Room for so many loads and datagrams is never given back.
const KEPT_MIN: usize = 1024;
/// What finished datagrams take at most, in bytes. More are dropped, so whoever pushes lines asks for
/// [`Packets::bytes`] while it can still do without them.
pub const PACKETS_BYTES_MAX: usize = 2 << 30;

/// Lines packed into datagrams of a bounded size: whole lines only, each with its line feed.
pub struct Packets<T> {
    datagram_bytes_max: usize,
    bytes_max: usize,
    /// Finished datagrams, [`PLAIN_BYTES_MAX`] at most, and behind them the one being filled.
    text: Text,
    /// Finished datagrams that would have been too much for `text`.
    coded: Coded,
    loads: Vec<Load<T>>,
    /// Finished datagrams.
    datagrams: Vec<Datagram>,
    /// Where the one being filled begins.
    begin: usize,
}

#[derive(Debug, Clone, Copy)]
struct Datagram {
    /// Where it begins in the text, or in what is coded, and how long it is as text.
    begin: usize,
    bytes: usize,
    is_coded: bool,
    /// Where what it carries ends in `loads`.
    loads_end: usize,
    is_taken: bool,
}

/// Packed, because there may be as many as lines.
#[derive(Clone, Copy)]
#[repr(C, packed(2))]
struct Load<T> {
    carried: T,
    /// Where the lines that carry it begin in their datagram, and how long they are.
    offset: u16,
    length: u16,
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
        let (bytes, datagrams) = (self.text.len() + self.coded.len(), self.datagrams.len());
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
        Self {
            // No transport takes more, and places in a datagram are kept in two bytes.
            datagram_bytes_max: datagram_bytes_max.min(u16::MAX.into()),
            bytes_max: PACKETS_BYTES_MAX,
            text: Text::default(),
            coded: Coded::default(),
            loads: Vec::new(),
            datagrams: Vec::new(),
            begin: 0,
        }
    }

    /// Forgets all lines. Room that these did not need is given back; an empty scrape says nothing of what is needed, so
    /// it changes nothing.
    pub fn clear(&mut self) {
        if self.text.is_empty() && self.coded.is_empty() && self.datagrams.is_empty() {
            return;
        }
        if self.coded.is_empty() && !self.text.is_empty() {
            // These did not need it.
            self.coded = Coded::default();
        }
        self.coded.clear();
        self.text.clear();
        empty(&mut self.loads);
        empty(&mut self.datagrams);
        self.begin = 0;
    }

    /// Adds the lines that `write` appends, all into one datagram, and what they carry.
    #[inline]
    pub fn push(&mut self, carries: Option<T>, write: impl FnOnce(&mut Text)) -> Pushed {
        let start = self.text.len();
        write(&mut self.text);
        let length = self.text.len() - start;
        let offset = if self.text.len() - self.begin > self.datagram_bytes_max {
            if length > self.datagram_bytes_max {
                self.text.truncate(start);
                return Pushed::TooLarge;
            }
            self.end_datagram(start);
            0
        } else {
            start - self.begin
        };
        if let (Some(carried), Ok(offset), Ok(length)) =
            (carries, u16::try_from(offset), u16::try_from(length))
        {
            self.loads.push(Load { carried, offset, length });
        }
        Pushed::Packed
    }

    /// What stands behind its end begins the next one.
    fn end_datagram(&mut self, end: usize) {
        let (mut begin, bytes) = (self.begin, end - self.begin);
        let is_coded = end > PLAIN_BYTES_MAX;
        if is_coded && self.bytes() > self.bytes_max {
            self.loads.truncate(self.datagrams.last().map_or(0, |datagram| datagram.loads_end));
            return self.text.cut(self.begin, end);
        }
        if is_coded {
            begin = self.coded.add(self.text.get(self.begin, end).unwrap_or_default());
            self.text.cut(self.begin, end);
        } else {
            self.begin = end;
        }
        self.datagrams.push(Datagram {
            begin,
            bytes,
            is_coded,
            loads_end: self.loads.len(),
            is_taken: false,
        });
    }

    /// Ends the datagram being filled: call it once, after the last line.
    pub fn finish(&mut self) {
        if self.text.len() > self.begin {
            self.end_datagram(self.text.len());
        }
    }

    /// What they take, in bytes: as text, or less if they are many.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + self.coded.len()
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

    /// How long the finished datagrams are, in bytes, in the order of the lines.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.datagrams.iter().map(|datagram| datagram.bytes)
    }

    /// A finished datagram, in the order of the lines.
    #[must_use]
    pub fn datagram(&mut self, index: usize) -> Option<&[u8]> {
        let datagram = self.datagrams.get(index)?;
        Some(datagram.lines(&self.text, &mut self.coded))
    }

    /// A datagram was taken: returns what it carried.
    pub fn take(&mut self, index: usize) -> impl Iterator<Item = T> {
        let first = index.checked_sub(1).and_then(|before| self.datagrams.get(before));
        let first = first.map_or(0, |before| before.loads_end);
        let end = self.datagrams.get_mut(index).map_or(first, |datagram| {
            datagram.is_taken = true;
            datagram.loads_end
        });
        self.loads.get(first..end).unwrap_or_default().iter().map(|load| load.carried)
    }

    /// Tells what the datagrams carry that were not taken, with the lines that would have delivered it.
    pub fn not_taken(&mut self, mut tell: impl FnMut(T, &[u8])) {
        let mut first = 0;
        for datagram in &self.datagrams {
            let loads = self.loads.get(first..datagram.loads_end).unwrap_or_default();
            first = datagram.loads_end;
            if datagram.is_taken || loads.is_empty() {
                continue;
            }
            let lines = datagram.lines(&self.text, &mut self.coded);
            for load in loads {
                let (begin, length) = (load.offset as usize, load.length as usize);
                tell(load.carried, lines.get(begin..begin + length).unwrap_or_default());
            }
        }
    }
}

/// Empties a list, and gives room back that one like this does not need.
fn empty<T>(list: &mut Vec<T>) {
    if list.capacity() > 2 * list.len() + KEPT_MIN {
        list.shrink_to(list.len());
    }
    list.clear();
}

impl Datagram {
    fn lines<'a>(&self, text: &'a Text, coded: &'a mut Coded) -> &'a [u8] {
        if self.is_coded {
            coded.read(self.begin, self.bytes)
        } else {
            text.get(self.begin, self.begin + self.bytes).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is owed, with the lines.
    fn not_taken<T: Copy>(packets: &mut Packets<T>) -> Vec<(T, Vec<u8>)> {
        let mut all = Vec::new();
        packets.not_taken(|carried, lines| all.push((carried, lines.to_vec())));
        all
    }

    fn packed(limit: usize, lines: &[&str]) -> Vec<(String, Vec<usize>)> {
        let mut packets = Packets::new(limit);
        for (index, line) in lines.iter().enumerate() {
            let carries = (!line.starts_with('g')).then_some(index);
            let _ = packets.push(carries, |out| out.push_slice(line.as_bytes()));
        }
        packets.finish();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let datagrams = 0..packets.len();
        datagrams
            .map(|index| (text(packets.datagram(index).unwrap()), packets.take(index).collect()))
            .collect()
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
    fn room_is_kept_for_as_many_lines_and_given_back_behind_few() {
        let mut packets = Packets::new(1400);
        let mut fill = |lines: usize| {
            for line in 0..lines {
                let _ = packets.push(Some(line), |out| out.push_slice(b"a:1|c\n"));
            }
            packets.finish();
            packets.clear();
            packets.clear();
            packets.loads.capacity()
        };
        assert!(fill(10 * KEPT_MIN) >= 10 * KEPT_MIN, "there may be as many again");
        assert!(fill(1) <= KEPT_MIN);
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
        assert_eq!(not_taken(&mut packets), [(1, b"abc\n".to_vec()), (3, b"x\n".to_vec())]);
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
        assert_eq!(not_taken(&mut packets), [(2, b"cccc\n".to_vec()), (3, b"d\n".to_vec())]);
        packets.clear();
        assert!(packets.is_empty());
        assert_eq!(not_taken(&mut packets), []);
    }

    /// Lines of about a hundred bytes, some without anything to carry, into datagrams of at most `limit`, every third of
    /// which is taken. For all of them: whole lines in their order, within the limit, and what is owed has its line.
    fn check_many(packets: &mut Packets<usize>, limit: usize, lines: usize) {
        let line = |number: usize| format!("some.name.{}:{number}|c|#a:{:0>70}\n", number / 50, number / 7);
        let is_counter = |number: usize| !number.is_multiple_of(5);
        packets.clear();
        for number in 0..lines {
            let carried = is_counter(number).then_some(number);
            let pushed = packets.push(carried, |out| out.push_slice(line(number).as_bytes()));
            assert_eq!(pushed, Pushed::Packed);
        }
        packets.finish();
        assert!(packets.text.len() <= PLAIN_BYTES_MAX, "{}", packets.text.len());
        let mut numbers = 0..lines;
        let mut owed = Vec::new();
        for (index, length) in packets.lengths().collect::<Vec<_>>().into_iter().enumerate() {
            let datagram = packets.datagram(index).unwrap().to_vec();
            assert!(datagram.len() == length && length <= limit, "{length}");
            let mut carried = Vec::new();
            for text in datagram.split_inclusive(|byte| *byte == b'\n') {
                let number = numbers.next().unwrap();
                assert_eq!(text, line(number).as_bytes());
                carried.extend(is_counter(number).then(|| (number, text.to_vec())));
            }
            if index.is_multiple_of(3) {
                assert!(packets.take(index).eq(carried.iter().map(|(number, _)| *number)));
            } else {
                owed.append(&mut carried);
            }
        }
        assert_eq!(numbers, lines..lines);
        assert!(not_taken(packets) == owed);
        assert_eq!(packets.datagram(packets.len()), None);
    }

    #[test]
    fn datagrams_beyond_the_limit_are_dropped_with_what_they_carry() {
        let mut packets = Packets { bytes_max: PLAIN_BYTES_MAX + 10_000, ..Packets::new(1000) };
        let lines = 3 * PLAIN_BYTES_MAX / 500;
        for number in 0..lines {
            // Of which two have nothing in common.
            let text = format!("{}\n", number.to_string().repeat(498 / number.to_string().len()));
            assert_eq!(packets.push(Some(number), |out| out.push_slice(text.as_bytes())), Pushed::Packed);
        }
        packets.finish();
        assert!(
            (PLAIN_BYTES_MAX..PLAIN_BYTES_MAX + 13_000).contains(&packets.bytes()),
            "{}",
            packets.bytes()
        );
        let carried = not_taken(&mut packets);
        assert!(carried.len() < lines / 2, "{}", carried.len());
        assert!(carried.iter().all(|(number, line)| line.starts_with(number.to_string().as_bytes())));
    }

    #[test]
    fn very_many_lines_are_packed_as_few_are() {
        for limit in [512, 1_432, 8_192, 65_507] {
            let mut packets = Packets::new(limit);
            check_many(&mut packets, limit, 40_000);
            assert!(packets.coded.len() > 100_000, "{}", packets.coded.len());
            assert!(packets.coded.len() < 4 * PLAIN_BYTES_MAX, "{}", packets.coded.len());
            // The same room again, for fewer and for more.
            check_many(&mut packets, limit, 100);
            assert!(packets.coded.is_empty());
            check_many(&mut packets, limit, 20_000);
        }
    }
}
