//! What happens to an exposition between two scrapes.

use super::exposition::{Exposition, Family, Kind, Part, Sample};
use super::random::Random;
use super::synthetic::gauge;

/// Gauges that say what something is, and not how much: their values stay.
const FIXED: [&str; 3] = ["process_start_time_seconds", "engine_daemon_engine_info", "go_info"];

impl Exposition {
    /// About `permille` of a thousand values change. Cumulative ones only grow, and those of a
    /// histogram as observations make them: from one bucket on, with its sum and count.
    pub(super) fn grow(&mut self, permille: usize, random: &mut Random) {
        for family in &mut self.families {
            for set in &mut family.sets {
                let permille = match family.kind {
                    // On average an observation changes half of the buckets, the sum and the count.
                    Kind::Histogram => permille * 2 * set.len() / (set.len() + 3),
                    _ => permille,
                };
                if random.chance(permille) {
                    grow(set, family.kind, random);
                }
            }
        }
    }

    /// Of a thousand label sets, about `permille` go, and in their family as many come with other labels.
    pub(super) fn churn(&mut self, permille: usize, random: &mut Random) {
        let mut born = 0;
        for Family { sets, .. } in &mut self.families {
            for index in 0..sets.len() {
                if random.chance(permille)
                    && let Some(set) = sets.get(index).and_then(|set| renamed(set, born))
                {
                    sets.remove(index);
                    sets.insert(random.below(sets.len() + 1), set);
                    born += 1;
                }
            }
        }
    }

    /// The families in another order, and in each its label sets.
    pub(super) fn shuffle(&mut self, random: &mut Random) {
        random.shuffle(&mut self.families);
        for family in &mut self.families {
            random.shuffle(&mut family.sets);
        }
    }
}

fn grow(set: &mut [Sample], kind: Kind, random: &mut Random) {
    let observations = crate::float(1 + random.below(20));
    let buckets = set.iter().filter(|sample| sample.part == Part::Bucket).count();
    let first = random.below(buckets);
    for (index, sample) in set.iter_mut().enumerate() {
        match (sample.part, kind) {
            (Part::Value, Kind::Counter) | (Part::Count, _) => sample.value += observations,
            (Part::Bucket, _) if index >= first => sample.value += observations,
            (Part::Sum, _) => sample.value += observations * random.fraction(),
            (Part::Value, _) if FIXED.iter().all(|name| !sample.key.starts_with(name)) => {
                sample.value = gauge(random);
            }
            (Part::Quantile, _) => sample.value = gauge(random).abs(),
            _ => {}
        }
    }
}

/// The same set with another value of its first label; `None` if it has none of its own.
fn renamed(set: &[Sample], number: usize) -> Option<Vec<Sample>> {
    set.iter()
        .map(|sample| {
            let (start, rest) = sample.key.split_once("=\"")?;
            let has_own = !start.ends_with("{le") && !start.ends_with("{quantile");
            has_own.then(|| Sample { key: format!("{start}=\"new-{number}-{rest}"), ..sample.clone() })
        })
        .collect()
}
