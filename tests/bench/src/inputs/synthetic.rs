//! Invented expositions of any size, in the shape of a large real one.
//!
//! About 60 % of the samples are lines of histograms and most of the others counters; labels are sorted
//! by name with `le` last; a few label values hold what needs care: escapes, commas, braces.

use super::exposition::{Exposition, Family, Kind, Part, Sample};
use super::random::Random;

/// Of a thousand samples, how many are of families of each type.
const MIX_PERMILLE: [(Kind, usize); 4] =
    [(Kind::Histogram, 600), (Kind::Counter, 280), (Kind::Gauge, 90), (Kind::Summary, 30)];
/// Label sets with a value that needs care, of a thousand.
const AWKWARD_PERMILLE: usize = 40;
/// Label sets whose samples have a timestamp, of a thousand.
const TIMED_PERMILLE: usize = 5;
/// Gauges and quantiles that are NaN or an infinity, of a thousand.
const NOT_FINITE_PERMILLE: usize = 20;
/// The most label sets of a family.
const SETS_MAX: usize = 200;

const BOUNDS: [&str; 12] =
    ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
const QUANTILES: [&str; 3] = ["0.5", "0.9", "0.99"];
/// The words of metric names.
const WORDS: [[&str; 12]; 4] = [
    [
        "api",
        "builder",
        "cache",
        "cluster",
        "container",
        "gateway",
        "network",
        "node",
        "registry",
        "runtime",
        "scheduler",
        "storage",
    ],
    [
        "client",
        "controller",
        "daemon",
        "driver",
        "endpoint",
        "executor",
        "image",
        "manager",
        "proxy",
        "server",
        "volume",
        "worker",
    ],
    [
        "allocation",
        "compaction",
        "connection",
        "event",
        "fetch",
        "flush",
        "health",
        "lookup",
        "request",
        "response",
        "snapshot",
        "transfer",
    ],
    [
        "active",
        "background",
        "cached",
        "direct",
        "external",
        "failed",
        "incoming",
        "internal",
        "outgoing",
        "pending",
        "remote",
        "stale",
    ],
];
/// From one name to the next: a prime, so that every name comes before one comes again.
const NAMES_STEP: usize = 7919;
const CODES: [&str; 6] = ["200", "204", "301", "404", "500", "503"];
const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];
const REGIONS: [&str; 4] = ["ap-1", "eu-1", "us-1", "us-2"];
/// As they stand between the quotes.
const AWKWARD: [&str; 6] =
    [r"C:\\images\\base", r#"say \"hello\""#, r"first\nsecond", "a,b,c", "/v1/{id}/json", r#"{a=\"b\"}, c"#];

/// An exposition of exactly this many samples; the same for the same number.
#[must_use]
pub(super) fn exposition(samples: usize) -> Exposition {
    let mut random = Random::new(samples as u64);
    let sets_max = (samples / 100).clamp(1, SETS_MAX);
    let mut written = MIX_PERMILLE.map(|(kind, permille)| (kind, permille, 0));
    let mut families = Vec::new();
    let mut left = samples;
    while left > 0 {
        // The type that is farthest behind its share, of those that still fit.
        let fitting = written.iter_mut().filter(|(kind, ..)| lines(*kind) <= left);
        let Some((kind, _, count)) = fitting.min_by_key(|(_, permille, count)| *count * 1000 / permille)
        else {
            break;
        };
        let sets = (1 + random.below(sets_max)).min(left / lines(*kind));
        *count += sets * lines(*kind);
        left -= sets * lines(*kind);
        families.push(family(families.len(), *kind, sets, &mut random));
    }
    families.sort_by(|left: &Family, right| left.head.cmp(&right.head));
    Exposition { families }
}

/// How many lines a label set of this type has.
fn lines(kind: Kind) -> usize {
    match kind {
        Kind::Counter | Kind::Gauge => 1,
        Kind::Histogram => BOUNDS.len() + 2,
        Kind::Summary => QUANTILES.len() + 2,
    }
}

fn family(index: usize, kind: Kind, sets: usize, random: &mut Random) -> Family {
    let (unit, word) = match kind {
        Kind::Counter => ("_total", "counter"),
        Kind::Gauge => ("_bytes", "gauge"),
        Kind::Histogram => ("_seconds", "histogram"),
        Kind::Summary => ("_latency_seconds", "summary"),
    };
    let name = format!("{}{unit}", words(index));
    let head = format!("# HELP {name} How many or how long, in words.\n# TYPE {name} {word}\n");
    let has_method = random.chance(500);
    let counts_time = kind == Kind::Counter && random.chance(100);
    let set = |number| {
        let labels = labels(index, number, has_method, random);
        let is_timed = random.chance(TIMED_PERMILLE);
        let mut samples = samples(&name, kind, &labels, random);
        for sample in &mut samples {
            sample.is_timed = is_timed;
            if counts_time {
                sample.value += random.fraction();
            }
        }
        samples
    };
    Family { head, kind, sets: (0..sets).map(set).collect() }
}

/// Another name for each index.
fn words(index: usize) -> String {
    let mut place = index * NAMES_STEP;
    let words = WORDS.map(|list| {
        let word = list.get(place % list.len()).copied().unwrap_or_default();
        place /= list.len();
        word
    });
    words.join("_")
}

/// The text between the braces; the pod makes it another one for each set.
fn labels(family: usize, number: usize, has_method: bool, random: &mut Random) -> String {
    let mut labels = format!("code=\"{}\"", random.pick(&CODES));
    if random.chance(AWKWARD_PERMILLE) {
        labels += &format!(",handler=\"{}\"", random.pick(&AWKWARD));
    }
    if has_method {
        labels += &format!(",method=\"{}\"", random.pick(&METHODS));
    }
    labels + &format!(",pod=\"pod-{family:x}-{number:04}\",region=\"{}\"", random.pick(&REGIONS))
}

fn samples(name: &str, kind: Kind, labels: &str, random: &mut Random) -> Vec<Sample> {
    let sample = |part, suffix: &str, bound: Option<(&str, &str)>, value| {
        let bound = bound.map(|(label, text)| format!(",{label}=\"{text}\"")).unwrap_or_default();
        Sample { key: format!("{name}{suffix}{{{labels}{bound}}}"), part, value, is_timed: false }
    };
    let total = |random: &mut Random| {
        // Most are small, some are large: as counters that have run for a while.
        let magnitude = random.pick(&[10, 100, 1000, 10_000, 1_000_000, 1_000_000_000]);
        crate::float(random.below(magnitude))
    };
    match kind {
        Kind::Counter => vec![sample(Part::Value, "", None, total(random))],
        Kind::Gauge => vec![sample(Part::Value, "", None, gauge(random))],
        Kind::Histogram => {
            let mut count = 0.0;
            let mut samples: Vec<_> = BOUNDS
                .iter()
                .map(|bound| {
                    count += crate::float(random.below(1000));
                    sample(Part::Bucket, "_bucket", Some(("le", bound)), count)
                })
                .collect();
            samples.push(sample(Part::Sum, "_sum", None, count * random.fraction()));
            samples.push(sample(Part::Count, "_count", None, count));
            samples
        }
        Kind::Summary => {
            let quantile =
                |quantile| sample(Part::Quantile, "", Some(("quantile", quantile)), gauge(random).abs());
            let mut samples: Vec<_> = QUANTILES.into_iter().map(quantile).collect();
            let count = total(random);
            samples.push(sample(Part::Sum, "_sum", None, count * random.fraction()));
            samples.push(sample(Part::Count, "_count", None, count));
            samples
        }
    }
}

/// The value of a gauge.
pub(super) fn gauge(random: &mut Random) -> f64 {
    if random.chance(NOT_FINITE_PERMILLE) {
        return random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    }
    let whole = crate::float(random.below(1_000_000));
    match random.below(10) {
        0..6 => whole,
        6 => -whole,
        7 => whole * 4096.0,
        _ => whole / 1000.0,
    }
}
