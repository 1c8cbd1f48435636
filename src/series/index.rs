//! Where a known series stands: an exact look-up, made when the order of a scrape has changed.

use crate::fingerprint::Fingerprint;

/// Open addressing over places, four bytes each: a large exposition's index is needed for one scrape
/// only, and must not double the memory. What a place holds is looked up by the caller.
#[derive(Debug)]
pub(super) struct Index {
    /// A place plus one, with some bits of its series above it; 0 is free.
    slots: Vec<u32>,
    count: usize,
}

/// Places end before this one.
pub(super) const PLACES_MAX: usize = PLACE_MASK as usize;
const PLACE_BITS: u32 = 23;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;
/// Slots at least.
const SLOTS_MIN: usize = 64;

impl Index {
    /// An index with room for this many places.
    pub(super) fn with_room(places: usize) -> Self {
        Self { slots: vec![0; slots_for(places)], count: 0 }
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

    /// Adds a series that was not found, into the slot that was free, at a place below [`PLACES_MAX`]. `at` tells which
    /// series a place holds.
    pub(super) fn insert(
        &mut self,
        series: Fingerprint,
        free: usize,
        new: usize,
        at: impl Fn(usize) -> Fingerprint,
    ) {
        if slots_for(self.count + 1) <= self.slots.len() {
            return self.put(series, free, new);
        }
        let mut larger = Self::with_room((self.count + 1) * 3 / 2);
        for old in self.slots.iter().filter(|slot| **slot != 0).map(|slot| place(*slot)) {
            larger.add(at(old), old, &at);
        }
        larger.add(series, new, &at);
        *self = larger;
    }

    /// Adds a series that may be in it already: then it stays where it is.
    pub(super) fn add(&mut self, series: Fingerprint, new: usize, at: impl Fn(usize) -> Fingerprint) {
        if let Err(free) = self.find(series, &at) {
            self.put(series, free, new);
        }
    }

    #[inline]
    fn put(&mut self, series: Fingerprint, free: usize, new: usize) {
        let code = u32::try_from(new + 1).unwrap_or(PLACE_MASK) & PLACE_MASK;
        if let Some(slot) = self.slots.get_mut(free) {
            *slot = tag(series) | code;
            self.count += 1;
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

/// Seven places in ten slots, so that a probe is short.
fn slots_for(places: usize) -> usize {
    (places * 10 / 7).max(SLOTS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_found_and_no_other() {
        let series: Vec<Fingerprint> =
            (0..10_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let at = |place: usize| series[place];
        let mut index = Index::with_room(0);
        for (place, fingerprint) in series.iter().enumerate() {
            let free = index.find(*fingerprint, at).unwrap_err();
            index.insert(*fingerprint, free, place, at);
        }
        for (place, fingerprint) in series.iter().enumerate() {
            assert_eq!(index.find(*fingerprint, at), Ok(place));
        }
        assert!(index.find(5, at).is_err());
        let mut roomy = Index::with_room(series.len());
        series.iter().enumerate().for_each(|(place, fingerprint)| roomy.add(*fingerprint, place, at));
        roomy.add(series[7], 8, at);
        assert_eq!(roomy.find(series[7], at), Ok(7));
        assert_eq!(roomy.count, series.len());
    }
}
