//! The converter, through scrapes that a grammar makes: small bodies whose lines come, go, move and grow.
//!
//! The law is that of [`check`].

use arbitrary::{Result, Unstructured};
use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::Start;

use crate::dialect::Dialect;
use crate::edits::{BODIES, BYTES, Edit, LINES, VALUES};
use crate::pair::{Around, Pair};

/// The most scrapes of an input.
const SCRAPES_MAX: usize = 16;

/// Choices.
pub fn convert(input: &[u8]) {
    // An input that ends is an end of the sequence.
    let _ = sequence(&mut Unstructured::new(input));
}

fn sequence(choices: &mut Unstructured<'_>) -> Result<()> {
    let (settings, start) = (settings(choices.arbitrary()?), start(choices.arbitrary()?));
    let mut pair = Pair::new(&settings, start);
    let mut body = choices.choose(&BODIES)?.as_bytes().to_vec();
    let mut scrapes = 0;
    while !choices.is_empty() && scrapes < SCRAPES_MAX {
        check(&mut pair, &settings, &body, around(choices.arbitrary()?, choices)?);
        for _ in 0..choices.int_in_range(0..=4)? {
            edit(choices)?.apply(&mut body);
        }
        scrapes += 1;
    }
    Ok(())
}

/// *For every sequence of bodies, cuts, refusals, failed scrapes and restarts, and with all settings: the converter and
/// the slow reference send the same lines, and know and owe as much; a strict reader of the dialect reads each line, and no
/// datagram is larger than it may be.*
pub(super) fn check(pair: &mut Pair, settings: &Settings, body: &[u8], around: Around) {
    if let Err(difference) = pair.scrape(body, around) {
        panic!("{around:?}\n{}\n{difference}", body.escape_ascii());
    }
    let dialect = Dialect::of(settings.statsd_format);
    for datagram in pair.datagrams() {
        assert!(datagram.len() <= settings.max_packet_bytes, "{datagram}");
        let lines = datagram.strip_suffix('\n').expect("whole lines");
        for line in lines.split('\n') {
            assert!(dialect.read(line).name.starts_with(&settings.metric_prefix), "{line}");
        }
    }
}

/// Settings that lines depend on.
pub(super) fn settings(choice: u16) -> Settings {
    let mut rest = usize::from(choice);
    let mut choose = |words: &[&'static str]| {
        let word = words[rest % words.len()];
        rest /= words.len();
        word
    };
    let format = choose(&["datadog", "etsy", "graphite", "influx", "librato", "signalfx"]);
    let histograms = choose(&["buckets", "counts", "off", "distributions"]);
    let histograms =
        if format == "datadog" || histograms != "distributions" { histograms } else { "buckets" };
    let vars = [
        ("STATSD_FORMAT", format),
        ("HISTOGRAMS", histograms),
        ("MAX_PACKET_BYTES", choose(&["auto", "256", "300", "1000"])),
        ("METRIC_PREFIX", choose(&["", "a.b_"])),
        ("TAGS", choose(&["", "team:core,bare", "name:a/b,x:1,time:2,sf_a:3", "é:日,_a,a_:b"])),
        ("DD_ENV", choose(&["", "prod"])),
        ("INCLUDE", choose(&["", "a*,h,process*"])),
        ("EXCLUDE", choose(&["", "a_total,s"])),
        ("DROP_LABELS", choose(&["", "y"])),
        ("RENAME_LABELS", choose(&["", "x:y,z:x"])),
    ];
    let value = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Settings::from_vars("", value).unwrap()
}

pub(super) fn start(is_zero: bool) -> Start {
    if is_zero { Start::Zero } else { Start::FirstScrape }
}

/// What happens around a scrape; nothing if the bits are zero.
fn around(bits: u8, choices: &mut Unstructured<'_>) -> Result<Around> {
    Ok(Around {
        restarts: bits & 1 != 0,
        fails_after: if bits & 2 != 0 { Some(choices.int_in_range(0..=1000)?) } else { None },
        cuts: if bits & 4 != 0 { Some(choices.arbitrary()?) } else { None },
        refused: if bits & 8 != 0 { choices.arbitrary()? } else { 0 },
    })
}

fn edit(choices: &mut Unstructured<'_>) -> Result<Edit> {
    let at = |choices: &mut Unstructured<'_>| choices.int_in_range(0..=255);
    let byte = |choices: &mut Unstructured<'_>| choices.choose(BYTES).copied();
    Ok(match choices.int_in_range(0..=11)? {
        0 => Edit::Body(choices.choose_index(BODIES.len())?),
        1 => Edit::Insert { at: at(choices)?, line: choices.choose_index(LINES.len())? },
        2 => Edit::Remove { at: at(choices)? },
        3 => Edit::Copy { from: at(choices)?, to: at(choices)? },
        4 => Edit::Move { from: at(choices)?, to: at(choices)? },
        5 => Edit::Swap { at: at(choices)?, with: at(choices)? },
        6 => Edit::Rotate { by: at(choices)? },
        7 => Edit::Value { at: at(choices)?, value: choices.choose_index(VALUES.len())? },
        8 => Edit::Grow { by: choices.arbitrary()? },
        9 => Edit::InsertByte { at: choices.int_in_range(0..=1000)?, byte: byte(choices)? },
        10 => Edit::SetByte { at: choices.int_in_range(0..=1000)?, byte: byte(choices)? },
        _ => Edit::RemoveByte { at: choices.int_in_range(0..=1000)? },
    })
}
