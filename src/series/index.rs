//! Where a known series stands: an exact look-up, made when the order of a scrape has changed.

use crate::fingerprint::Fingerprint;

/// Open addressing over places, four bytes each: a large exposition's index is needed for one scrape
/// only, and must not double the memory. What a place holds is looked up by the caller.
#[derive(Debug)]
pub(super) struct Index {
    /// A place plus one, with some bits of its series above it; 0 is free.
    slots: Vec<u32>,
    /// How many places there may be, and are.
    room: usize,
    count: usize,
}

/// Places end before this one.
pub(super) const PLACES_MAX: usize = PLACE_MASK as usize;
const PLACE_BITS: u32 = 23;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;
/// Slots whose memory is kept until the next scrape that needs an index: 256 KiB.
const SLOTS_KEPT: usize = 1 << 16;
/// An index of no more places has room for as many again, so that it is made anew less often.
const ROOMY_MAX: usize = 1 << 14;
/// Places at least.
const ROOM_MIN: usize = 64;

impl Index {
    /// An index with room for this many places, and some more. It uses the memory of one that is not needed any more, if
    /// that is enough, as the next one does.
    pub(super) fn with_spare_room(places: usize, old: Option<Self>) -> Self {
        let more = places / if places > ROOMY_MAX { 4 } else { 1 };
        Self::with_room(places + more, old)
    }

    /// An index with room for this many places.
    pub(super) fn with_room(places: usize, old: Option<Self>) -> Self {
        let room = places.max(ROOM_MIN);
        let count = slots_for(room);
        // One that is too small goes before there is another.
        let old = old.map(|old| old.slots).filter(|slots| slots.capacity() >= count);
        let mut slots = old.unwrap_or_default();
        slots.clear();
        slots.resize(count, 0);
        Self { slots, room, count: 0 }
    }

    /// Whether its memory is little enough to be kept for the next one.
    pub(super) fn is_small(&self) -> bool {
        self.slots.capacity() <= SLOTS_KEPT
    }

    /// The place of a series, or else the free slot that [`Self::insert`] may put it into. `at` tells which series a
    /// place holds.
    #[inline]
    pub(super) fn find(
        &self,
        series: Fingerprint,
        at: impl Fn(usize) -> Fingerprint,
    ) -> Result<usize, usize> {
        let count = self.slots.len();
        // The upper bits of the product: the series' share of the slots.
        let mut slot = usize::try_from((u128::from(series) * count as u128) >> 64).unwrap_or(0);
        while let Some(taken) = self.slots.get(slot).filter(|taken| **taken != 0) {
            if (taken ^ tag(series)) <= PLACE_MASK && at(place(*taken)) == series {
                return Ok(place(*taken));
            }
            // Some are always free.
            slot = if slot + 1 == count { 0 } else { slot + 1 };
        }
        Err(slot)
    }

    /// Whether one more series can be added.
    pub(super) fn has_room(&self) -> bool {
        self.count < self.room
    }

    /// How many places it holds.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a series that was not found, into the slot that was free, at a place below [`PLACES_MAX`]. Without room it
    /// is not added.
    #[inline]
    pub(super) fn insert(&mut self, series: Fingerprint, free: usize, new: usize) {
        let code = u32::try_from(new + 1).unwrap_or(PLACE_MASK) & PLACE_MASK;
        if let Some(slot) = self.slots.get_mut(free).filter(|_| self.count < self.room) {
            *slot = tag(series) | code;
            self.count += 1;
        }
    }

    /// Adds a series that may be in it already: then it stays where it is.
    pub(super) fn add(&mut self, series: Fingerprint, new: usize, at: impl Fn(usize) -> Fingerprint) {
        if let Err(free) = self.find(series, &at) {
            self.insert(series, free, new);
        }
    }
}

/// The bits of a series that tell most slots apart without looking at their places: the low ones, for
/// the high ones choose the slot.
fn tag(series: Fingerprint) -> u32 {
    u32::try_from(series & 0xffff_ffff).unwrap_or(0) << PLACE_BITS
}

fn place(slot: u32) -> usize {
    (slot & PLACE_MASK).saturating_sub(1) as usize
}

/// Four places in five slots at most: a probe is short, and the index small.
fn slots_for(places: usize) -> usize {
    places * 5 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_found_and_no_other() {
        let series: Vec<Fingerprint> =
            (0..10_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let at = |place: usize| series[place];
        let mut index = Index::with_spare_room(series.len() / 2, None);
        assert!(index.find(series[0], at).is_err());
        series.iter().enumerate().for_each(|(place, fingerprint)| index.add(*fingerprint, place, at));
        assert!(!index.has_room());
        for (place, fingerprint) in series.iter().enumerate() {
            assert_eq!(index.find(*fingerprint, at), Ok(place));
        }
        assert!(index.find(5, at).is_err());
        index.add(5, 8, at);
        assert!(index.find(5, at).is_err(), "there is no room");

        let mut roomy = Index::with_spare_room(series.len(), Some(index));
        series.iter().enumerate().for_each(|(place, fingerprint)| roomy.add(*fingerprint, place, at));
        roomy.add(series[7], 8, at);
        assert_eq!((roomy.find(series[7], at), roomy.len()), (Ok(7), series.len()), "it stays where it is");
    }
}
