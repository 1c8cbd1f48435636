//! Fingerprints: 64 keyed bits that stand for a text that is not kept.
//!
//! Two texts of one endpoint share a fingerprint once in 10^13 scrapes of a million series. The key is drawn at
//! random, so that whoever chooses label values cannot choose a collision, and is saved with what is
//! known under it. The function is rapidhash V3, whose outputs are fixed for good.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};

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
    fn another_key_gives_other_fingerprints() {
        assert_ne!(Fingerprints::random().of(b"a "), Fingerprints::random().of(b"a "));
    }
}
