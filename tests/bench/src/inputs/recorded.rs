//! An exposition that a Docker Engine wrote.

use super::exposition::{Exposition, Family, Kind, Part, Sample};

/// Reads what an engine wrote: HELP and TYPE before each family, no timestamps. `None`: it did not.
#[must_use]
pub(super) fn read(text: &str) -> Option<Exposition> {
    let mut families = Vec::<Family>::new();
    let mut head = String::new();
    // Whether the next sample is the first of a label set.
    let mut begins = true;
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            head += &format!("{line}\n");
            if let Some(declared) = comment.strip_prefix("TYPE ") {
                let kind = kind(declared.split_once(' ')?.1)?;
                families.push(Family { head: std::mem::take(&mut head), kind, sets: Vec::new() });
                begins = true;
            }
            continue;
        }
        let family = families.last_mut()?;
        let (key, value) = line.rsplit_once(' ')?;
        let part = part(key, family.kind);
        let sample = Sample { key: key.to_owned(), part, value: value.parse().ok()?, is_timed: false };
        match family.sets.last_mut() {
            Some(set) if !begins => set.push(sample),
            _ => family.sets.push(vec![sample]),
        }
        begins = matches!(part, Part::Value | Part::Count);
    }
    Some(Exposition { families })
}

fn kind(word: &str) -> Option<Kind> {
    match word {
        "counter" => Some(Kind::Counter),
        "gauge" => Some(Kind::Gauge),
        "histogram" => Some(Kind::Histogram),
        "summary" => Some(Kind::Summary),
        _ => None,
    }
}

fn part(key: &str, kind: Kind) -> Part {
    let name = key.split('{').next().unwrap_or_default();
    match kind {
        Kind::Counter | Kind::Gauge => Part::Value,
        _ if name.ends_with("_bucket") => Part::Bucket,
        _ if name.ends_with("_sum") => Part::Sum,
        _ if name.ends_with("_count") => Part::Count,
        _ => Part::Quantile,
    }
}
