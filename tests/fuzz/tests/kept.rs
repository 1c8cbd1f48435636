//! The laws hold for every input that was kept, and for those that a run begins with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use fuzzing::{seeds, targets};

/// All that was kept.
const KEPT_BYTES_MAX: u64 = 300_000;

fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_law_holds_for_what_was_kept() {
    let mut bytes = 0;
    for target in targets::ALL {
        let kept = kept(target.name);
        assert!(!kept.is_empty(), "nothing was kept of {}", target.name);
        for (path, input) in kept {
            bytes += input.len() as u64;
            assert!(catch_unwind(|| (target.take)(&input)).is_ok(), "{path}");
        }
    }
    assert!(bytes <= KEPT_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn every_law_holds_for_the_seeds() {
    for target in targets::ALL {
        let seeds = seeds::of(target.name).unwrap();
        assert!(!seeds.is_empty(), "{}", target.name);
        seeds.iter().for_each(|seed| (target.take)(seed));
    }
}
