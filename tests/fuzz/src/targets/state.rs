//! The state file: *any bytes are a state or are set aside; a state that was loaded is stored as what it says; one that
//! changed by a byte, or lost its end, is set aside; and whatever was loaded, a converter goes on from it.*

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Baseline, Converter, Snapshot, Start};
use docker_metrics_statsd::fingerprint::Fingerprints;
use docker_metrics_statsd::state::StateFile;

use crate::edits::BODIES;

/// In how many places, all over the file, a byte is changed and the rest left out.
const CHANGES: usize = 8;

/// A byte that chooses, two that choose what changes, and a file: as it is, or less the sum at its end.
pub fn state(input: &[u8]) {
    let Some(([choice, place, other], file)) = input.split_first_chunk() else { return };
    let mut file = file.to_vec();
    if choice & 1 == 0 {
        file.extend_from_slice(last_line(&file).as_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let Some(baseline) = load(&path, &file) else { return };
    check_going_on(load(&path, &file).expect("the same again"));

    let stored = store(&path, &baseline);
    let again = load(&path, &stored).expect("what was stored");
    assert_eq!(said(&again), said(&baseline));
    assert_eq!(store(&path, &again).len(), stored.len());

    let first = usize::from(u16::from_be_bytes([*place, *other]));
    for place in 0..CHANGES {
        let at = (first + place * stored.len() / CHANGES) % stored.len();
        let mut changed = stored.clone();
        changed[at] ^= 1 << (choice >> 5);
        assert!(load(&path, &changed).is_none(), "changed at {at}");
        assert!(load(&path, &stored[..at]).is_none(), "cut at {at}");
    }
}

/// Loads a file of these bytes; `None` if it was set aside.
fn load(path: &Path, bytes: &[u8]) -> Option<Baseline> {
    fs::write(path, bytes).unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(1);
    let Ok(loaded) = StateFile::new(path).load(now) else {
        assert_eq!(fs::read(path.with_extension("bad")).unwrap(), bytes);
        assert!(!path.exists());
        return None;
    };
    Some(loaded.expect("the file is there"))
}

fn store(path: &Path, baseline: &Baseline) -> Vec<u8> {
    let Baseline { source, key, choice, series } = baseline;
    let snapshot = Snapshot { source, key: *key, choice: *choice, series };
    StateFile::new(path).save(&snapshot, UNIX_EPOCH).unwrap();
    fs::read(path).unwrap()
}

/// All that a state says, in an order of its own.
fn said(baseline: &Baseline) -> String {
    let Baseline { source, key, choice, series } = baseline;
    let mut records: Vec<_> = series.records().map(|record| format!("{record:?}")).collect();
    let mut debts: Vec<_> = series.debts().map(|(identity, debt)| format!("{identity} {debt:?}")).collect();
    records.sort();
    debts.sort();
    format!("{source:?} {key} {choice} {records:?} {debts:?}")
}

fn check_going_on(baseline: Baseline) {
    let mut converter = Converter::new(&Settings::from_vars("", |_| None).unwrap(), Start::FirstScrape);
    converter.resume(baseline);
    for body in BODIES {
        let _ = converter.convert(body.as_bytes());
        assert!(converter.lengths().all(|bytes| bytes > 0));
        assert!(converter.snapshot().is_some());
    }
}

/// As `src/state/format.rs` sums a file: in pieces of 16 KiB, each with the sum of those before it as its key.
fn last_line(bytes: &[u8]) -> String {
    let rest = bytes.len().is_multiple_of(16 * 1024);
    let pieces = bytes.chunks(16 * 1024).chain(rest.then_some(&[][..]));
    let sum = pieces.fold(0, |sum, piece| Fingerprints::with_key(sum).of(piece));
    format!("sum {sum:016x}\n")
}
