//! Which gauges cleaning or the settings make one: of those the server keeps the last alone, so they are counted.
//!
//! It knows gauges by their fingerprints and remembers only those that are not sent as they are; it knows nothing of
//! text. What becomes one is found out when a scrape has shown other lines than the one before, and is true until
//! another does.

use crate::fingerprint::{Fingerprint, FingerprintMap, FingerprintSet};

/// Gauges that are not sent as they are, and what they have become.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Of each changed gauge, by its identity: the identity of what it has become.
    changed: FingerprintMap<Fingerprint>,
    /// How many of the last complete scrape's gauges arrive as another one.
    count: usize,
}

impl Merged {
    /// How many of the last complete scrape's gauges arrive as another one.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A complete scrape had other lines than the one before: these gauges, of which some were seen to be changed.
    pub(super) fn recount(
        &mut self,
        seen: impl Iterator<Item = (Fingerprint, Fingerprint)>,
        gauges: impl Iterator<Item = Fingerprint>,
    ) {
        self.changed.extend(seen);
        self.count = 0;
        if self.changed.is_empty() {
            return;
        }
        let targets: FingerprintSet = self.changed.values().copied().collect();
        let (mut identities, mut arriving) = (FingerprintSet::default(), FingerprintSet::default());
        for identity in gauges {
            let changed = self.changed.get(&identity).copied();
            let arrives = changed.or_else(|| targets.contains(&identity).then_some(identity));
            // A gauge that stands twice is one.
            if let Some(arrives) = arrives.filter(|_| identities.insert(identity)) {
                self.count += usize::from(!arriving.insert(arrives));
            }
        }
        self.changed.retain(|identity, _| identities.contains(identity));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_that_arrive_as_another_are_counted_as_long_as_they_stand_there() {
        let mut merged = Merged::default();
        let mut check = |seen: &[(Fingerprint, Fingerprint)], gauges: &[Fingerprint], expected: usize| {
            merged.recount(seen.iter().copied(), gauges.iter().copied());
            assert_eq!(merged.count(), expected, "{gauges:?}");
        };
        check(&[], &[1, 2, 3], 0);
        check(&[(10, 1)], &[1, 2, 10], 1);
        check(&[], &[10, 2], 0);
        check(&[(11, 1), (20, 5)], &[10, 11, 1, 20], 2);
        check(&[], &[10, 10, 1, 1, 2, 2], 1);
        // What is gone is forgotten.
        check(&[], &[1, 11, 20], 0);
        assert!(merged.changed.is_empty());
    }
}
