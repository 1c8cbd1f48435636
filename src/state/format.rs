//! The state as bytes: pure, versioned, with a sum over all of it at the end.
//!
//! Lines of text first: a title with the version, when it was saved, the key of the fingerprints, the choice of
//! series, whether series may have been there that are not known (0 or 1), the engine, its start and the boot of its
//! machine (empty where there is none), and how many series and debts follow. Then, in little-endian order, 18 bytes for each series (fingerprint, mantissa and exponent of its last
//! value), and for each debt the same of what is owed, the length of its text in 4 bytes, and the text.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::boot::Boot;
use crate::convert::{Baseline, Snapshot, Source};
use crate::decimal::{Decimal, Number};
use crate::exposition::LINE_BYTES_MAX;
use crate::fingerprint::{Fingerprint, Fingerprints};
use crate::series::{Record, Series};

const TITLE: &str = "docker-metrics-statsd state 4";
/// The exponent that stands for a last value that is not known.
const UNKNOWN: i16 = i16::MIN;
/// How long the last line is: `sum `, 16 hexadecimal digits, a line feed.
const SUM_BYTES: usize = 21;
/// What is written, and summed, at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// How long the lines of text at the beginning are at most: the engine's identity is a label of one line of a scrape.
const HEAD_BYTES_MAX: usize = 2 * LINE_BYTES_MAX;
/// How long a number is with its fingerprint.
const NUMBER_BYTES: usize = 18;

/// How long a state is at most, of so many series and of debts that take `owed_bytes`. A debt takes more than its
/// number and its text's length.
pub(super) const fn bytes_max(series: usize, owed_bytes: usize) -> usize {
    HEAD_BYTES_MAX + series * NUMBER_BYTES + owed_bytes + SUM_BYTES
}

/// Why bytes are no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatError {
    /// Another program's, or another version's.
    NotOurs,
    /// Ours, but not whole.
    Torn,
}

impl fmt::Display for FormatError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotOurs => "it is not a state of this program",
            Self::Torn => "it is torn",
        })
    }
}

/// Writes the state, a chunk at a time; its length. `chunk` is memory to be used, again and again.
pub(super) fn encode(
    snapshot: &Snapshot<'_>,
    now: SystemTime,
    chunk: &mut Vec<u8>,
    out: impl Write,
) -> io::Result<u64> {
    let Snapshot { source: Source { engine, process_start, boot }, key, choice, series } = snapshot;
    let saved = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let engine = engine.as_deref().unwrap_or_default();
    let start = process_start.map(|start| start.to_string()).unwrap_or_default();
    let boot = boot.as_ref().map(|boot| format!("{} {}", boot.time, boot.id)).unwrap_or_default();
    let (count, debts, unsure) = (series.len(), series.debts().len(), u8::from(series.is_unsure()));
    chunk.resize(CHUNK_BYTES + SUM_BYTES, 0);
    let mut out = Summed { out, chunk, used: 0, sum: 0, bytes: 0 };
    out.put(format!("{TITLE}\nsaved {saved}\nkey {key:x}\nchoice {choice:x}\nunsure {unsure}\n").as_bytes())?;
    out.put(
        format!("engine {engine}\nstart {start}\nboot {boot}\nseries {count}\ndebts {debts}\n").as_bytes(),
    )?;
    for Record { identity, seen } in series.records() {
        out.put_number(identity, seen)?;
    }
    for (identity, debt) in series.debts() {
        out.put_number(identity, Some(debt.amount))?;
        out.put(&u32::try_from(debt.text.len()).unwrap_or(0).to_le_bytes())?;
        out.put(&debt.text)?;
    }
    out.finish()
}

/// Writes in chunks, and sums what it writes.
struct Summed<'a, W> {
    out: W,
    /// Filled again and again; with room for the last line behind a full one.
    chunk: &'a mut [u8],
    /// How much of it is.
    used: usize,
    sum: u64,
    /// How many were written.
    bytes: u64,
}

impl<W: Write> Summed<'_, W> {
    /// What is left of the chunk.
    fn room(&mut self) -> &mut [u8] {
        self.chunk.get_mut(self.used..CHUNK_BYTES).unwrap_or_default()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.room();
            let count = rest.len().min(room.len());
            let (now, later) = rest.split_at_checked(count).unwrap_or_default();
            room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            self.used += count;
            rest = later;
            if self.used == CHUNK_BYTES {
                self.sum = self.sum_of_all();
                self.write()?;
            }
        }
        Ok(())
    }

    /// [`NUMBER_BYTES`] of them: fingerprint, mantissa, exponent. Stored at once where there is room for them, and for
    /// more: copying any number of bytes costs a call, and this is for each series, after each scrape.
    fn put_number(&mut self, identity: Fingerprint, value: Option<Decimal>) -> io::Result<()> {
        let (mantissa, exponent) = value.map_or((0, UNKNOWN), Decimal::parts);
        let both = (u128::from(identity) | u128::from(mantissa.cast_unsigned()) << u64::BITS).to_le_bytes();
        if let Some([place @ .., low, high, _]) = self.room().first_chunk_mut::<{ NUMBER_BYTES + 1 }>() {
            *place = both;
            [*low, *high] = exponent.to_le_bytes();
            self.used += NUMBER_BYTES;
            return Ok(());
        }
        self.put(&both)?;
        self.put(&exponent.to_le_bytes())
    }

    fn sum_of_all(&self) -> u64 {
        add(self.sum, self.chunk.get(..self.used).unwrap_or_default())
    }

    /// Writes what is in the chunk, and makes it empty.
    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(self.chunk.get(..self.used).unwrap_or_default())?;
        self.bytes += self.used as u64;
        self.used = 0;
        Ok(())
    }

    /// The last chunk goes with the line behind it.
    fn finish(mut self) -> io::Result<u64> {
        let line = last_line(self.sum_of_all());
        let room = self.chunk.get_mut(self.used..).unwrap_or_default();
        room.iter_mut().zip(line.as_bytes()).for_each(|(to, from)| *to = *from);
        self.used += line.len();
        self.write()?;
        Ok(self.bytes)
    }
}

/// The sum over one more chunk: tells a torn file; nobody else writes it.
fn add(sum: u64, chunk: &[u8]) -> u64 {
    Fingerprints::with_key(sum).of(chunk)
}

fn last_line(sum: u64) -> String {
    format!("sum {sum:016x}\n")
}

pub(super) fn decode(bytes: &[u8]) -> Result<(SystemTime, Baseline), FormatError> {
    if !bytes.starts_with(TITLE.as_bytes()) {
        return Err(FormatError::NotOurs);
    }
    let split = bytes.len().checked_sub(SUM_BYTES).and_then(|end| bytes.split_at_checked(end));
    let (body, end) = split.ok_or(FormatError::Torn)?;
    // Nothing at all is summed too, as a last chunk that happens to be empty.
    let rest = body.len() % CHUNK_BYTES == 0;
    let sum = body.chunks(CHUNK_BYTES).chain(rest.then_some(&[][..])).fold(0, add);
    if end != last_line(sum).as_bytes() {
        return Err(FormatError::Torn);
    }
    // The sum is right, so this is what was written; anything else would be a defect of ours.
    Fields(body).whole().ok_or(FormatError::Torn)
}

/// What is still to be read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn whole(mut self) -> Option<(SystemTime, Baseline)> {
        self.text("docker-metrics-statsd")?;
        let saved = self.text("saved")?.parse().ok()?;
        let key = u64::from_str_radix(self.text("key")?, 16).ok()?;
        let choice = u64::from_str_radix(self.text("choice")?, 16).ok()?;
        let is_unsure = match self.text("unsure")? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let engine = Some(self.text("engine")?.to_owned()).filter(|id| !id.is_empty());
        let process_start = match self.text("start")? {
            "" => None,
            start => Some(decimal(start)?),
        };
        let boot = match self.text("boot")? {
            "" => None,
            boot => {
                let (time, id) = boot.split_once(' ')?;
                Some(Boot { id: id.to_owned(), time: decimal(time)? })
            }
        };
        let count: usize = self.text("series")?.parse().ok()?;
        let debts: usize = self.text("debts")?.parse().ok()?;
        let mut series = Series::taken_up(is_unsure);
        for _ in 0..count {
            let (identity, seen) = self.number()?;
            series.resume(Record { identity, seen });
        }
        for _ in 0..debts {
            let (identity, amount) = self.number()?;
            let length = u32::from_le_bytes(self.array()?);
            series.owe(identity, amount?, self.bytes(usize::try_from(length).ok()?)?);
        }
        let saved = UNIX_EPOCH.checked_add(Duration::from_secs(saved))?;
        let source = Source { engine, process_start, boot };
        self.0.is_empty().then_some((saved, Baseline { source, key, choice, series }))
    }

    /// The line of this name.
    fn text(&mut self, name: &str) -> Option<&'a str> {
        let line = self.bytes(memchr::memchr(b'\n', self.0)?)?;
        self.bytes(1)?;
        str::from_utf8(line).ok()?.strip_prefix(name)?.strip_prefix(' ')
    }

    fn number(&mut self) -> Option<(Fingerprint, Option<Decimal>)> {
        let identity = u64::from_le_bytes(self.array()?);
        let (mantissa, exponent) = (i64::from_le_bytes(self.array()?), i16::from_le_bytes(self.array()?));
        let value = (exponent != UNKNOWN).then(|| Decimal::new(mantissa, exponent));
        (!value.is_some_and(Decimal::is_negative)).then_some((identity, value))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    Number::parse(text)?.finite()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::state) fn baseline() -> Baseline {
        let mut series = Series::default();
        for (identity, seen) in [
            (1, "18446744073709552000"),
            (u64::MAX, "123456789012345678e5"),
            (3, "0"),
            (4, "?"),
            (5, "999999999999999999"),
        ] {
            series.resume(Record { identity, seen: decimal(seen) });
        }
        series.owe(3, decimal("0.000000001").unwrap(), b"docker.a.count:0.000000001|c|#b:c\n");
        series.owe(9, decimal("7").unwrap(), b"gone:7|c\n");
        Baseline {
            source: Source {
                engine: Some("AGRG:WLCF V2".to_owned()),
                process_start: Some(decimal("1763824000.12").unwrap()),
                boot: Some(Boot { id: "0b-1c".to_owned(), time: decimal("1763820000.5").unwrap() }),
            },
            key: 0xdead_beef,
            choice: 0xcafe,
            series,
        }
    }

    pub(in crate::state) fn snapshot(baseline: &Baseline) -> Snapshot<'_> {
        Snapshot {
            source: &baseline.source,
            key: baseline.key,
            choice: baseline.choice,
            series: &baseline.series,
        }
    }

    pub(in crate::state) fn encoded(baseline: &Baseline, now: SystemTime) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&snapshot(baseline), now, &mut Vec::new(), &mut bytes).unwrap();
        bytes
    }

    #[track_caller]
    pub(in crate::state) fn assert_same(left: &Baseline, right: &Baseline) {
        assert_eq!((&left.source, left.key, left.choice), (&right.source, right.key, right.choice));
        assert!(left.series.records().eq(right.series.records()));
        assert_eq!(left.series.is_unsure(), right.series.is_unsure());
        let debts = |baseline: &Baseline| {
            let mut debts: Vec<_> = baseline.series.debts().map(|(id, debt)| (id, debt.clone())).collect();
            debts.sort_by_key(|(identity, _)| *identity);
            debts
        };
        assert_eq!(debts(left), debts(right));
    }

    #[test]
    fn a_baseline_reads_back_exactly() {
        let now = UNIX_EPOCH + Duration::from_secs(1_763_824_000);
        let mut large = baseline();
        (10..5_000).for_each(|identity| large.series.resume(Record { identity, seen: decimal("0.25") }));
        let unsure = Baseline { series: Series::taken_up(true), ..Baseline::default() };
        for baseline in [baseline(), Baseline::default(), unsure, large] {
            let (saved, read) = decode(&encoded(&baseline, now)).unwrap();
            assert_eq!(saved, now);
            assert_same(&read, &baseline);
        }
    }

    #[test]
    fn every_change_of_a_byte_and_every_cut_is_noticed() {
        let whole = encoded(&baseline(), UNIX_EPOCH);
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(decode(&changed).is_err(), "byte {place}");
            assert!(decode(&whole[..place]).is_err(), "cut at {place}");
        }
        let mut earlier = whole;
        earlier[TITLE.len() - 1] = b'1';
        assert_eq!(decode(&earlier).err(), Some(FormatError::NotOurs));
    }
}
