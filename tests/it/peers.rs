//! Nine sequences of scrapes that other converters get wrong, each with what they send.

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Converter, Start};

/// What a scrape met, and what must be sent for the counter `a`; an empty text is nothing.
enum Scrape<'a> {
    Complete(&'a str, &'a str),
    /// Complete, but the server is away.
    Refused(&'a str),
    /// A body that the converter must refuse.
    Bad(&'a str),
    /// The endpoint never gave a whole body: an answer of 500, or one cut short.
    Failed,
}

use Scrape::{Bad, Complete, Failed, Refused};

#[track_caller]
fn check(scrapes: &[Scrape<'_>]) {
    let settings = Settings::from_vars("", |_| None).unwrap();
    let mut converter = Converter::new(&settings, Start::FirstScrape);
    for (number, scrape) in scrapes.iter().enumerate() {
        let body = match scrape {
            Complete(body, _) | Refused(body) => body,
            Bad(body) => {
                assert!(converter.convert(body.as_bytes()).is_err(), "scrape {number}");
                continue;
            }
            Failed => continue,
        };
        converter.convert(body.as_bytes()).unwrap();
        if let Complete(_, expected) = scrape {
            let datagrams = 0..converter.datagrams();
            let datagram = |index| str::from_utf8(converter.datagram(index).unwrap()).unwrap().to_owned();
            let lines: String = datagrams.map(datagram).collect();
            let sent: Vec<_> = lines.lines().filter(|line| line.contains("docker.a.count")).collect();
            let expected: Vec<_> = expected.split_whitespace().collect();
            assert_eq!(sent, expected, "scrape {number}");
            (0..converter.datagrams()).for_each(|index| converter.taken(index));
        }
    }
}

macro_rules! a {
    ($value:literal) => {
        concat!("# TYPE a_total counter\na_total ", $value, "\n")
    };
}

#[test]
fn a_500_in_between() {
    // veneur-prometheus does not look at the status, forgets everything and sends 1000003.
    check(&[
        Complete(a!(1_000_000), ""),
        Complete(a!(1_000_001), "docker.a.count:1|c"),
        Failed,
        Complete(a!(1_000_003), "docker.a.count:2|c"),
    ]);
}

#[test]
fn an_empty_200() {
    // veneur-prometheus sends 1000002.
    check(&[Complete(a!(1_000_000), ""), Bad(""), Complete(a!(1_000_002), "docker.a.count:2|c")]);
}

#[test]
fn a_cut_body() {
    // veneur-prometheus keeps no state of it and sends the whole total next.
    check(&[Complete(a!(1_000_000), ""), Failed, Complete(a!(1_000_004), "docker.a.count:4|c")]);
}

#[test]
fn an_unknown_type() {
    // veneur-prometheus, Vector and prometheus2datadog reject the whole scrape.
    let body = concat!("# TYPE x unknown\nx 1\n", "# TYPE a_total counter\na_total 7\n");
    check(&[Complete(a!(5), ""), Complete(body, "docker.a.count:2|c")]);
}

#[test]
fn fractions() {
    // veneur-prometheus and prometheus2datadog count in whole numbers and send nothing.
    check(&[Complete(a!(0.25), ""), Complete(a!(0.75), "docker.a.count:0.5|c")]);
}

#[test]
fn above_2_to_the_53() {
    // prometheus2datadog sends -9223372036854775808 for the largest, veneur-prometheus no difference.
    check(&[
        Complete(a!(9_007_199_254_740_993), ""),
        Complete(a!(9_007_199_254_740_996), "docker.a.count:3|c"),
    ]);
    check(&[
        Complete(a!("1.8446744073709e+19"), ""),
        Complete(a!("1.8446744073710e+19"), "docker.a.count:1000000|c"),
    ]);
}

#[test]
fn a_late_series() {
    // Vector takes 40 for the baseline and loses it.
    check(&[
        Complete("b 1\n", ""),
        Complete(a!(40), "docker.a.count:40|c"),
        Complete(a!(41), "docker.a.count:1|c"),
    ]);
}

#[test]
fn a_reset() {
    // Vector loses the 3.
    check(&[
        Complete(a!(100), ""),
        Complete(a!(3), "docker.a.count:3|c"),
        Complete(a!(5), "docker.a.count:2|c"),
    ]);
}

#[test]
fn the_agent_is_down_for_three_scrapes() {
    // All three lose what grew meanwhile.
    check(&[
        Complete(a!(10), ""),
        Refused(a!(11)),
        Refused(a!(13)),
        Refused(a!(16)),
        Complete(a!(20), "docker.a.count:10|c"),
        Complete(a!(20), ""),
    ]);
}
