//! The state as bytes: pure, versioned, with a sum over all of it at the end.
//!
//! Lines of text: a title with the version, when it was saved, the engine, its start and the boot
//! of its machine (empty where there is none), then a line for each series: role, last value, what it owes, key.

use std::fmt;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::boot::Boot;
use crate::convert::{Baseline, Source};
use crate::decimal::{Decimal, Number};
use crate::exposition::Role;
use crate::series::Known;

const TITLE: &str = "docker-metrics-statsd state 1";
/// Stands for a last value that is not known.
const UNKNOWN: &str = "?";
/// How long the last line is: `sum `, 16 hexadecimal digits, a line feed.
const SUM_BYTES: usize = 21;

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

pub(super) fn encode(baseline: &Baseline, now: SystemTime) -> Vec<u8> {
    let saved = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Source { engine, process_start, boot } = &baseline.source;
    let engine = engine.as_deref().unwrap_or_default();
    let start = process_start.map(|start| start.to_string()).unwrap_or_default();
    let boot = boot.as_ref().map(|boot| format!("{} {}", boot.time, boot.id)).unwrap_or_default();
    let mut text = format!("{TITLE}\nsaved {saved}\nengine {engine}\nstart {start}\nboot {boot}\n");
    for Known { key, tag, seen, owed } in &baseline.series {
        let seen = seen.map_or_else(|| UNKNOWN.to_owned(), |seen| seen.to_string());
        text += &format!("{} {seen} {owed} {key}\n", role_word(*tag));
    }
    text += &format!("sum {:016x}\n", sum(text.as_bytes()));
    text.into_bytes()
}

pub(super) fn decode(bytes: &[u8]) -> Result<(SystemTime, Baseline), FormatError> {
    if !bytes.starts_with(TITLE.as_bytes()) {
        return Err(FormatError::NotOurs);
    }
    let (body, end) = bytes
        .len()
        .checked_sub(SUM_BYTES)
        .and_then(|end| bytes.split_at_checked(end))
        .ok_or(FormatError::Torn)?;
    if end != format!("sum {:016x}\n", sum(body)).as_bytes() {
        return Err(FormatError::Torn);
    }
    // The sum is right, so this is what was written; anything else would be a defect of ours.
    str::from_utf8(body).ok().and_then(whole).ok_or(FormatError::Torn)
}

fn whole(text: &str) -> Option<(SystemTime, Baseline)> {
    let mut lines = text.lines();
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    field("docker-metrics-statsd")?;
    let saved: u64 = field("saved")?.parse().ok()?;
    let engine = match field("engine")? {
        "" => None,
        id => Some(id.to_owned()),
    };
    let process_start = match field("start")? {
        "" => None,
        start => Some(decimal(start)?),
    };
    let boot = match field("boot")? {
        "" => None,
        boot => {
            let (time, id) = boot.split_once(' ')?;
            Some(Boot { id: id.to_owned(), time: decimal(time)? })
        }
    };
    let series = lines.map(series_line).collect::<Option<Vec<_>>>()?;
    let saved = UNIX_EPOCH.checked_add(Duration::from_secs(saved))?;
    Some((saved, Baseline { source: Source { engine, process_start, boot }, series }))
}

fn series_line(line: &str) -> Option<Known<Role>> {
    let mut words = line.splitn(4, ' ');
    let tag = role(words.next()?)?;
    let seen = match words.next()? {
        UNKNOWN => None,
        seen => Some(decimal(seen)?),
    };
    let owed = decimal(words.next()?)?;
    let key: Rc<str> = words.next()?.into();
    let is_negative = owed.is_negative() || seen.is_some_and(Decimal::is_negative);
    (!is_negative).then_some(Known { key, tag, seen, owed })
}

/// The cumulative roles; the others have no state.
const ROLES: [(Role, &str); 6] = [
    (Role::Counter, "counter"),
    (Role::HistogramBucket, "bucket"),
    (Role::HistogramCount, "histogram-count"),
    (Role::HistogramSum, "histogram-sum"),
    (Role::SummaryCount, "summary-count"),
    (Role::SummarySum, "summary-sum"),
];

fn role_word(role: Role) -> &'static str {
    ROLES.iter().find(|(known, _)| *known == role).map_or("counter", |(_, word)| word)
}

fn role(word: &str) -> Option<Role> {
    ROLES.iter().find(|(_, known)| *known == word).map(|(role, _)| *role)
}

/// FNV-1a, 64 bits: tells a torn file; nobody else writes it.
fn sum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn decimal(text: &str) -> Option<Decimal> {
    Number::parse(text)?.finite()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::state) fn baseline() -> Baseline {
        let known = |key: &str, tag, seen: &str, owed: &str| Known {
            key: key.into(),
            tag,
            seen: (seen != UNKNOWN).then(|| decimal(seen).unwrap()),
            owed: decimal(owed).unwrap(),
        };
        Baseline {
            source: Source {
                engine: Some("AGRG:WLCF V2".to_owned()),
                process_start: Some(decimal("1763824000.12").unwrap()),
                boot: Some(Boot { id: "0b-1c".to_owned(), time: decimal("1763820000.5").unwrap() }),
            },
            series: vec![
                known(r#"{"a b","c"="d \"\\\n 5 6"}"#, Role::Counter, "18446744073709552000", "0"),
                known(r#"{"h_sum"}"#, Role::HistogramSum, "123456789012345678e5", "0.000000001"),
                known(r#"{"s_count"}"#, Role::SummaryCount, "0", "7"),
                known(r#"{"b_bucket"}"#, Role::HistogramBucket, UNKNOWN, "0"),
            ],
        }
    }

    #[test]
    fn a_baseline_reads_back_exactly() {
        let now = UNIX_EPOCH + Duration::from_secs(1_763_824_000);
        for baseline in [baseline(), Baseline::default()] {
            assert_eq!(decode(&encode(&baseline, now)), Ok((now, baseline)));
        }
    }

    #[test]
    fn every_change_of_a_byte_and_every_cut_is_noticed() {
        let whole = encode(&baseline(), UNIX_EPOCH);
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(decode(&changed).is_err(), "byte {place}");
            assert!(decode(&whole[..place]).is_err(), "cut at {place}");
        }
        let later = String::from_utf8(whole).unwrap().replace("state 1", "state 2");
        assert_eq!(decode(later.as_bytes()), Err(FormatError::NotOurs));
    }
}
