//! Fingerprints: 64 keyed bits that stand for a text that is not kept.
//!
//! Two texts of one endpoint share a fingerprint once in 10^13 scrapes of a million series. The key is drawn at
//! random, so that whoever chooses label values cannot choose a collision, and is saved with what is
//! known under it. The function is rapidhash V3, whose outputs are fixed for good.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};

use crate::wide;

/// The fingerprint of a text.
pub type Fingerprint = u64;

/// Takes fingerprints under one key.
#[derive(Clone, Copy)]
pub struct Fingerprints {
    key: u64,
    secrets: RapidSecrets,
}

impl Fingerprints {
    /// Fingerprints under the key of an earlier process.
    #[must_use]
    pub fn with_key(key: u64) -> Self {
        Self { key, secrets: RapidSecrets::seed(key) }
    }

    /// Fingerprints under a key that nobody knows.
    #[must_use]
    pub fn random() -> Self {
        Self::with_key(RandomState::new().hash_one(std::process::id()))
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The fingerprint of a text.
    #[inline]
    #[must_use]
    pub fn of(&self, text: &[u8]) -> Fingerprint {
        rapidhash_v3_nano_inline::<true, false>(text, &self.secrets)
    }

    /// The same as [`Self::of`], written out where it is used: for the loop over all lines, in which the crate's
    /// function is a call that saves every register. A test compares the two.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call is what it avoids")]
    #[must_use]
    pub fn of_head(&self, text: &[u8]) -> Fingerprint {
        if text.len() <= BLOCK {
            return self.of(text);
        }
        let RapidSecrets { seed, secrets: [first, second, third, ..] } = self.secrets;
        let (mut lane, mut rest) = (seed, text);
        if rest.len() > 3 * BLOCK {
            let (mut second_lane, mut third_lane) = (seed, seed);
            while rest.len() > 3 * BLOCK
                && let Some((block, behind)) = rest.split_first_chunk::<{ 3 * BLOCK }>()
                && let [one, two, three] = block.as_chunks().0
            {
                lane = folded(one, first, lane);
                second_lane = folded(two, second, second_lane);
                third_lane = folded(three, third, third_lane);
                rest = behind;
            }
            lane ^= second_lane ^ third_lane;
        }
        if rest.len() > BLOCK
            && let Some((block, behind)) = rest.split_first_chunk()
        {
            lane = folded(block, third, lane);
            if rest.len() > 2 * BLOCK
                && let Some(block) = behind.first_chunk()
            {
                lane = folded(block, third, lane);
            }
        }
        let left = rest.len() as u64;
        let Some(last) = text.last_chunk() else { return 0 };
        let (low, high) = multiplied(last, left ^ second, lane);
        let (low, high) = product(low ^ FINISH, high ^ second ^ left);
        low ^ high
    }
}

/// So many bytes are multiplied with each other at once.
const BLOCK: usize = 16;
/// A constant of the function's last step.
const FINISH: u64 = 0xaaaa_aaaa_aaaa_aaaa;

#[inline]
fn folded(block: &[u8; BLOCK], first: u64, second: u64) -> u64 {
    let (low, high) = multiplied(block, first, second);
    low ^ high
}

/// The product of the two words of a block, of which each is masked.
#[inline]
fn multiplied(block: &[u8; BLOCK], first: u64, second: u64) -> (u64, u64) {
    product(wide::word(block, 0) ^ first, wide::word(block, wide::WORD) ^ second)
}

/// The lower and the upper half of a product.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is asked for")]
fn product(left: u64, right: u64) -> (u64, u64) {
    let product = u128::from(left) * u128::from(right);
    (product as u64, (product >> u64::BITS) as u64)
}

/// The key is a secret.
impl std::fmt::Debug for Fingerprints {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

/// A map by fingerprints, which are as good as random already.
pub(crate) type FingerprintMap<T> = HashMap<Fingerprint, T, BuildHasherDefault<AsItIs>>;

/// A set of fingerprints.
pub(crate) type FingerprintSet = HashSet<Fingerprint, BuildHasherDefault<AsItIs>>;

/// Hashes a fingerprint to itself.
#[derive(Debug, Default, Clone, Copy)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only fingerprints are hashed; anything else is still hashed somehow.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_fingerprint_means_the_same_text_for_ever() {
        let fingerprints = Fingerprints::with_key(7);
        assert_eq!(fingerprints.of(b"a{b=\"c\"} "), 15_928_297_568_807_876_407);
        assert_eq!(fingerprints.of(&[b'x'; 200]), 14_626_104_114_706_958_407);
    }

    #[test]
    fn a_head_of_any_length_has_the_fingerprint_of_its_text() {
        let fingerprints = Fingerprints::random();
        let text: Vec<_> = (0..=u8::MAX).collect();
        for bytes in 0..text.len() {
            let text = &text[..bytes];
            assert_eq!(fingerprints.of_head(text), fingerprints.of(text), "{bytes}");
        }
    }

    #[test]
    fn another_key_gives_other_fingerprints() {
        assert_ne!(Fingerprints::random().of(b"a "), Fingerprints::random().of(b"a "));
    }
}
