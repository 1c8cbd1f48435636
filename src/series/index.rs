//! Where a known series stands: an exact look-up, made when the order of a scrape has changed.

use crate::fingerprint::Fingerprint;

/// Open addressing over places, four bytes each: a large exposition's index is needed for one scrape
/// only, and must not double the memory. What a place holds is looked up by the caller.
#[derive(Debug, Default)]
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

    /// The place of a series. `at` tells which series a place holds.
    pub(super) fn find(&self, series: Fingerprint, at: impl Fn(usize) -> Fingerprint) -> Option<usize> {
        let taken = self.probe(series).map_while(|slot| self.slots.get(slot).filter(|slot| **slot != 0));
        taken
            .filter(|slot| (**slot ^ tag(series)) <= PLACE_MASK)
            .map(|slot| place(*slot))
            .find(|place| at(*place) == series)
    }

    /// Adds a series that is not in it, at a place below [`PLACES_MAX`]. `at` tells which series a place
    /// holds.
    pub(super) fn insert(&mut self, series: Fingerprint, new: usize, at: impl Fn(usize) -> Fingerprint) {
        if slots_for(self.count + 1) > self.slots.len() {
            let mut larger = Self::with_room((self.count + 1) * 3 / 2);
            for old in self.slots.iter().filter(|slot| **slot != 0).map(|slot| place(*slot)) {
                larger.put(at(old), old);
            }
            *self = larger;
        }
        self.put(series, new);
    }

    fn put(&mut self, series: Fingerprint, new: usize) {
        let free = self.probe(series).find(|slot| self.slots.get(*slot) == Some(&0));
        let code = u32::try_from(new + 1).unwrap_or(PLACE_MASK) & PLACE_MASK;
        if let Some(slot) = free.and_then(|slot| self.slots.get_mut(slot)) {
            *slot = tag(series) | code;
            self.count += 1;
        }
    }

    /// Every slot once, from the series' own on.
    fn probe(&self, series: Fingerprint) -> impl Iterator<Item = usize> + use<> {
        let count = self.slots.len();
        // The upper bits of the product: the series' share of the slots.
        let own = usize::try_from((u128::from(series) * count as u128) >> 64).unwrap_or(0);
        (own..count).chain(0..own)
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
        let mut index = Index::default();
        for (place, fingerprint) in series.iter().enumerate() {
            assert_eq!(index.find(*fingerprint, at), None);
            index.insert(*fingerprint, place, at);
        }
        for (place, fingerprint) in series.iter().enumerate() {
            assert_eq!(index.find(*fingerprint, at), Some(place));
        }
        assert_eq!(index.find(5, at), None);
    }
}
