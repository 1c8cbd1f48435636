use std::collections::BTreeSet;

use super::*;
use crate::convert::Counts;
use crate::statsd::Cleaning;

fn vitals(vars: &[(&str, &str)]) -> Vitals {
    let settings = Settings::from_vars("host-1", |name| {
        vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    });
    Vitals::new(&settings.unwrap())
}

const UP: Now<'_> = Now {
    status: Status::Up,
    attempt: Some(Attempt { time: Duration::from_micros(1500), body: Some((33_000, 512)) }),
    series: 300,
    owing: 0,
};
const FAILING: Now<'_> = Now {
    status: Status::Failing("not complete: a|b\nc"),
    attempt: Some(Attempt { time: Duration::from_secs(5), body: None }),
    ..UP
};
const WAITING: Now<'_> =
    Now { status: Status::Waiting("no StartMetrics yet"), attempt: None, series: 0, owing: 0 };

fn written(vitals: &mut Vitals, now: Now<'_>) -> Vec<String> {
    vitals.write(now);
    let datagrams = 0..vitals.datagrams();
    let text = |index| str::from_utf8(vitals.datagram(index).unwrap()).unwrap().to_owned();
    let text: String = datagrams.map(text).collect();
    text.lines().map(str::to_owned).collect()
}

fn take_all(vitals: &mut Vitals) {
    (0..vitals.datagrams()).for_each(|index| vitals.taken(index));
}

#[track_caller]
fn check(vars: &[(&str, &str)], now: Now<'_>, expected: &[&str]) {
    assert_eq!(written(&mut vitals(vars), now), expected);
}

#[test]
fn a_scrape_that_worked_is_up() {
    check(
        &[],
        UP,
        &[
            "_sc|docker.metrics.can_scrape|0",
            "docker.up:1|g",
            "docker.metrics.scrape.duration:0.0015|g",
            "docker.metrics.scrape.bytes:33000|g",
            "docker.metrics.scrape.samples:512|g",
            "docker.metrics.series:300|g",
            "docker.metrics.series_owing:0|g",
        ],
    );
}

#[test]
fn what_is_not_up_says_why() {
    check(
        &[("METRIC_PREFIX", "x_"), ("TAGS", "team:core"), ("DD_ENV", "prod")],
        FAILING,
        &[
            "_sc|x_metrics.can_scrape|2|#team:core,env:prod|m:not complete: a_b\\nc",
            "x_up:0|g|#team:core,env:prod",
            "x_metrics.scrape.duration:5|g|#team:core,env:prod",
            "x_metrics.series:300|g|#team:core,env:prod",
            "x_metrics.series_owing:0|g|#team:core,env:prod",
        ],
    );
    check(
        &[],
        WAITING,
        &[
            "_sc|docker.metrics.can_scrape|1|m:no StartMetrics yet",
            "docker.up:0|g",
            "docker.metrics.series:0|g",
            "docker.metrics.series_owing:0|g",
        ],
    );
}

#[test]
fn other_dialects_have_no_check_and_their_own_tags() {
    for (format, up) in [
        ("etsy", "docker.up.team.core:0|g"),
        ("graphite", "docker.up;team=core:0|g"),
        ("influx", "docker.up,team=core:0|g"),
        ("librato", "docker.up#team=core:0|g"),
        ("signalfx", "docker.up[team=core]:0|g"),
    ] {
        let lines = written(&mut vitals(&[("STATSD_FORMAT", format), ("TAGS", "team:core")]), WAITING);
        assert_eq!((lines[0].as_str(), lines.len()), (up, 3), "{format}");
    }
}

#[test]
fn a_count_is_owed_until_its_datagram_is_taken() {
    // One line a datagram.
    let mut vitals = vitals(&[("MAX_PACKET_BYTES", "256"), ("TAGS", &format!("a:{}", "b".repeat(150)))]);
    let counts = |vitals: &mut Vitals, taken: &str| {
        let lines = written(vitals, UP);
        let index = lines.iter().position(|line| line.contains(taken)).unwrap();
        vitals.taken(index);
        let counts: Vec<_> = lines.iter().filter(|line| line.contains("|c")).cloned().collect();
        let short = |line: String| line.split('|').next().unwrap().replace("docker.metrics.", "");
        counts.into_iter().map(short).collect::<Vec<_>>()
    };
    vitals.add(Count::PacketsSent, 3);
    vitals.add(Count::BytesSent, 100);
    assert_eq!(counts(&mut vitals, "packets_sent"), ["packets_sent:3", "bytes_sent:100"]);
    vitals.add(Count::PacketsSent, 2);
    vitals.add(Count::BytesSent, 10);
    assert_eq!(counts(&mut vitals, "bytes_sent"), ["packets_sent:2", "bytes_sent:110"]);
    assert_eq!(counts(&mut vitals, "packets_sent"), ["packets_sent:2"]);
    assert_eq!(counts(&mut vitals, "docker.up"), [""; 0]);
}

#[test]
fn what_is_counted_while_a_datagram_is_under_way_is_owed() {
    let mut vitals = vitals(&[]);
    vitals.add(Count::PacketsSent, 3);
    vitals.write(UP);
    vitals.add(Count::PacketsSent, 4);
    take_all(&mut vitals);
    assert_eq!(written(&mut vitals, UP).last().unwrap(), "docker.metrics.packets_sent:4|c");
}

#[test]
fn a_long_message_gives_way_to_the_datagram() {
    let why = "x".repeat(300);
    let now = Now { status: Status::Failing(&why), ..WAITING };
    let lines = written(&mut vitals(&[("MAX_PACKET_BYTES", "256")]), now);
    assert_eq!(lines[0].len(), "_sc|docker.metrics.can_scrape|2|m:".len() + 200);
    let tags = format!("a:{}", "b".repeat(100));
    let lines = written(&mut vitals(&[("MAX_PACKET_BYTES", "256"), ("TAGS", &tags)]), now);
    assert_eq!(lines[0], format!("_sc|docker.metrics.can_scrape|2|#{tags}"));
}

/// Everything that can be said, with one of each count.
fn everything(vars: &[(&str, &str)]) -> Vec<String> {
    let mut vitals = vitals(vars);
    let counts = Counts {
        samples: 1,
        metrics: 1,
        malformed: 1,
        not_finite: 1,
        negative: 1,
        repeated: 1,
        merged: 1,
        too_large: 1,
    };
    vitals.add_scrape(&Report { counts, cleaning: Cleaning { names: 1, tags: 1 }, is_foreign: false });
    for count in [Count::ScrapesFailed, Count::LinesSent, Count::PacketsSent, Count::BytesSent] {
        vitals.add(count, 1);
    }
    for count in [Count::PacketsRefused, Count::SeriesLost] {
        vitals.add(count, 1);
    }
    written(&mut vitals, UP)
}

#[test]
fn counts_are_in_the_order_of_their_numbers_and_each_has_its_name() {
    for (number, count) in Count::ALL.into_iter().enumerate() {
        assert_eq!(count as usize, number, "{count:?}");
    }
    let lines = everything(&[]);
    let names: BTreeSet<_> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(names.len(), 7 + Count::ALL.len(), "{lines:#?}");
}

#[test]
fn docs_mapping_md_has_each_name_and_type() {
    let document = include_str!("../../docs/mapping.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `docker."));
    let documented: BTreeSet<_> = rows
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let name = cells.next().unwrap().trim_end_matches('`');
            format!("docker.{name} {}", cells.next().unwrap())
        })
        .filter(|row| !row.ends_with(" service check"))
        .collect();
    let sent = everything(&[("STATSD_FORMAT", "etsy")]).into_iter().map(|line| {
        let (name, rest) = line.split_once(':').unwrap();
        format!("{name} {}", if rest.ends_with("|c") { "count" } else { "gauge" })
    });
    assert_eq!(sent.collect::<BTreeSet<_>>(), documented);
}
