//! In which order lines stand in the scrape being read: runs of places.

use std::ops::Range;

use super::give_back;

/// Places that stand one behind the other, in the order of the scrape.
///
/// A scrape in the order of the one before is one run; each line that comes, goes or moves makes one or
/// two more.
#[derive(Debug, Default)]
pub(super) struct Order {
    runs: Vec<Run>,
    lines: usize,
}

/// Packed, because a scrape in quite another order has one for each line.
#[derive(Debug, Clone, Copy)]
struct Run {
    begin: u32,
    end: u32,
}

impl Order {
    /// Nothing stands yet.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.lines = 0;
    }

    /// `count` lines from `place` on stand behind the others.
    #[inline]
    pub(super) fn stand(&mut self, place: usize, count: usize) {
        let (Ok(begin), Ok(end)) = (u32::try_from(place), u32::try_from(place + count)) else { return };
        self.lines += count;
        match self.runs.last_mut() {
            Some(run) if run.end == begin => run.end = end,
            _ if count == 0 => {}
            _ => self.runs.push(Run { begin, end }),
        }
    }

    /// How many lines stand.
    pub(super) fn len(&self) -> usize {
        self.lines
    }

    /// The places in their order.
    fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        self.runs.iter().map(|run| run.begin as usize..run.end as usize)
    }

    /// Brings what belongs to the places into their order; what belongs to no line that stands is dropped.
    pub(super) fn sort<T: Copy>(&self, list: &mut Vec<T>) {
        if let [Run { begin, end }] = *self.runs {
            list.truncate(end as usize);
            list.drain(..begin as usize);
            give_back(list);
            return;
        }
        let mut sorted = Vec::with_capacity(self.lines);
        for run in self.runs() {
            sorted.extend_from_slice(list.get(run).unwrap_or_default());
        }
        *list = sorted;
    }

    /// Gives its memory back.
    pub(super) fn give_back(&mut self) {
        self.runs = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_behind_one_another_are_one_run() {
        let mut order = Order::default();
        for (place, count) in [(0, 3), (3, 0), (3, 2), (9, 1), (10, 1), (6, 2), (2, 0)] {
            order.stand(place, count);
        }
        assert_eq!(order.runs().collect::<Vec<_>>(), [0..5, 9..11, 6..8]);
        assert_eq!(order.len(), 9);
        let mut list: Vec<_> = (0..12).collect();
        order.sort(&mut list);
        assert_eq!(list, [0, 1, 2, 3, 4, 9, 10, 6, 7]);
        order.clear();
        order.stand(4, 1);
        order.sort(&mut list);
        assert_eq!(list, [4]);
    }
}
