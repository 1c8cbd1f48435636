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

/// Room for so many is kept for the next scrape.
const RUNS_KEPT: usize = 4096;

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
    fn runs(&self) -> impl DoubleEndedIterator<Item = Range<usize>> {
        self.runs.iter().map(|run| run.begin as usize..run.end as usize)
    }

    /// Brings what belongs to the places into their order; what belongs to no line that stands is dropped. Of the list,
    /// what stands behind the first `known` is new, and in its order already.
    pub(super) fn arrange<T: Copy>(&self, list: &mut Vec<T>, known: usize) {
        if let [Run { begin, end }] = *self.runs {
            list.truncate(end as usize);
            list.drain(..begin as usize);
            return give_back(list);
        }
        if list.len() < 2 * known && self.keeps_order(known, list.len()) {
            self.insert(list, known);
            return give_back(list);
        }
        // With room for the next scrape's, as [`give_back`] leaves it. One by one: most runs are a few lines.
        let mut sorted = Vec::with_capacity(self.lines + self.lines / 16);
        sorted.extend(self.runs().flat_map(|run| list.get(run).unwrap_or_default()));
        *list = sorted;
    }

    /// Whether those of the first `known` places that stand do so in their order, and all others up to `end` in theirs.
    fn keeps_order(&self, known: usize, end: usize) -> bool {
        let (mut kept, mut new) = (0, known);
        for (old_run, new_run) in self.runs().map(|run| split(&run, known)) {
            if old_run.start < kept && !old_run.is_empty() || new_run.start != new && !new_run.is_empty() {
                return false;
            }
            kept = if old_run.is_empty() { kept } else { old_run.end };
            new += new_run.len();
        }
        new == end
    }

    /// As [`Self::arrange`] where the known keep their order, without a second list.
    fn insert<T: Copy>(&self, list: &mut Vec<T>, known: usize) {
        let new = list.split_off(known);
        let mut kept = 0;
        for run in self.runs().map(|run| split(&run, known).0) {
            // Most stay where they are.
            if run.start != kept {
                list.copy_within(run.clone(), kept);
            }
            kept += run.len();
        }
        list.truncate(kept);
        // Room for all. From the end on, each run goes to its place, until none that is new is left.
        list.extend_from_slice(&new);
        let (mut end, mut left) = (list.len(), new.len());
        for (old_run, new_run) in self.runs().rev().map(|run| split(&run, known)) {
            if left == 0 {
                break;
            }
            let (from, to) = (left - new_run.len(), end - new_run.len());
            if let (Some(room), Some(new)) = (list.get_mut(to..end), new.get(from..left)) {
                room.copy_from_slice(new);
            }
            (left, end) = (from, to);
            let (from, to) = (kept - old_run.len(), end - old_run.len());
            move_up(list, from..kept, to);
            (kept, end) = (from, to);
        }
    }

    /// Gives memory back that one scrape in quite another order needed.
    pub(super) fn give_back(&mut self) {
        if self.runs.capacity() > RUNS_KEPT {
            self.runs = Vec::new();
        }
    }
}

/// Moves a part of a list to a place behind its beginning, one by one: of what overlaps with where it goes, musl moves a
/// word at a time, from the end on.
fn move_up<T: Copy>(list: &mut [T], part: Range<usize>, to: usize) {
    let distance = to - part.start;
    for place in part.rev() {
        if let Some([from, .., room]) = list.get_mut(place..=place + distance) {
            *room = *from;
        }
    }
}

/// What of a run is known, and what is new; one may go on from the last known place to the first new one.
fn split(run: &Range<usize>, known: usize) -> (Range<usize>, Range<usize>) {
    (run.start.min(known)..run.end.min(known), run.start.max(known)..run.end.max(known))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        order.arrange(&mut list, 12);
        assert_eq!(list, [0, 1, 2, 3, 4, 9, 10, 6, 7]);
        order.clear();
        order.stand(4, 1);
        order.arrange(&mut list, 9);
        assert_eq!(list, [4]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        // For all scrapes: the list has what stands, and in its order, whether known lines went, moved or stayed.
        #[test]
        fn what_stands_comes_into_its_order(
            known in 0_usize..50,
            lines in prop::collection::vec((any::<bool>(), 0_usize..6, 0_usize..4), 0..40),
            moved in prop::option::of(0_usize..50),
        ) {
            let mut order = Order::default();
            let (mut next, mut new, mut places) = (0, known, Vec::new());
            for (is_new, count, passed_over) in lines {
                let first = if is_new { new } else { next + passed_over };
                let count = if is_new { count } else { count.min(known.saturating_sub(first)) };
                order.stand(first, count);
                places.extend(first..first + count);
                *if is_new { &mut new } else { &mut next } = first + count;
            }
            if let Some(place) = moved.filter(|place| *place < known && !places.contains(place)) {
                order.stand(place, 1);
                places.push(place);
            }
            let mut list: Vec<_> = (0..new).collect();
            order.arrange(&mut list, known);
            prop_assert_eq!(list, places);
        }
    }
}
