mod distributions;

use std::time::SystemTime;

use super::*;
use crate::decimal::Decimal;
use crate::exposition::FAMILIES_MAX;
use crate::series::{LINES_MAX, OWED_BYTES_MAX};
use crate::state::StateFile;

fn settings(vars: &[(&str, &str)]) -> Settings {
    Settings::from_vars("host-1", |name| {
        vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
    .unwrap()
}

/// The lines of the last scrape.
fn text(converter: &mut Converter) -> String {
    let datagrams = 0..converter.datagrams();
    datagrams.map(|index| str::from_utf8(converter.datagram(index).unwrap()).unwrap().to_owned()).collect()
}

/// The lines of this scrape.
fn convert(converter: &mut Converter, body: &str) -> String {
    converter.convert(body.as_bytes()).unwrap();
    text(converter)
}

fn take_all(converter: &mut Converter) {
    (0..converter.datagrams()).for_each(|index| converter.taken(index));
}

/// What is sent for the last of these bodies when all before it were sent.
fn last(vars: &[(&str, &str)], start: Start, bodies: &[&str]) -> String {
    let mut converter = Converter::new(&settings(vars), start);
    let mut sent = String::new();
    for body in bodies {
        sent = convert(&mut converter, body);
        take_all(&mut converter);
    }
    sent
}

#[track_caller]
fn check(vars: &[(&str, &str)], body: &str, expected: &[&str]) {
    assert_eq!(last(vars, Start::Zero, &[body]).lines().collect::<Vec<_>>(), expected);
}

const ETSY: &[(&str, &str)] = &[("STATSD_FORMAT", "etsy")];

const KINDS: &str = "\
# TYPE c_total counter
c_total{l=\"v\"} 3
# TYPE g gauge
g -1.5
# TYPE h histogram
h_bucket{a=\"b\",le=\"5\"} 2
h_bucket{a=\"b\",le=\"+Inf\"} 4
h_sum{a=\"b\"} 0.75
h_count{a=\"b\"} 4
# TYPE s summary
s{quantile=\"0.5\"} 7
s{quantile=\"0.99\"} NaN
s_sum 9
s_count 2
# TYPE u untyped
u 1
# TYPE i gauge
i_info{version=\"1+2\"} 1
";

#[test]
fn every_kind_for_datadog() {
    check(
        &[],
        KINDS,
        &[
            "docker.c.count:3|c|#l:v",
            "docker.g:-1.5|g",
            "docker.h.bucket:2|c|#a:b,upper_bound:5.0",
            "docker.h.sum:0.75|c|#a:b",
            "docker.h.count:4|c|#a:b",
            "docker.s.quantile:7|g|#quantile:0.5",
            "docker.s.sum:9|c",
            "docker.s.count:2|c",
            "docker.u:1|g",
            "docker.i_info:1|g|#docker_version:1_2",
        ],
    );
}

#[test]
fn every_kind_for_etsy() {
    check(
        ETSY,
        KINDS,
        &[
            "docker.c_total.l.v:3|c",
            "docker.g:0|g",
            "docker.g:-1.5|g",
            "docker.h_bucket.a.b.le.5:2|c",
            "docker.h_sum.a.b:0.75|c",
            "docker.h_count.a.b:4|c",
            "docker.s.quantile.0_5:7|g",
            "docker.s_sum:9|c",
            "docker.s_count:2|c",
            "docker.u:1|g",
            "docker.i_info.version.1_2:1|g",
        ],
    );
}

#[test]
fn histograms_as_counts_or_not_at_all() {
    let histogram = "# TYPE h histogram\nh_bucket{le=\"5\"} 2\nh_sum 1\nh_count 4\n";
    check(&[("HISTOGRAMS", "counts")], histogram, &["docker.h.sum:1|c", "docker.h.count:4|c"]);
    check(&[("HISTOGRAMS", "off")], histogram, &[]);
}

#[test]
fn only_le_makes_a_bucket_the_one_without_end() {
    let buckets = "# TYPE h histogram\nh_bucket{a=\"+Inf\"} 3\nh_bucket{le=\"+Inf\",quantile=\"1\"} 4\n";
    check(&[], buckets, &["docker.h.bucket:3|c|#a:_Inf"]);
}

#[test]
fn tags_of_the_settings_follow_the_labels() {
    let vars = &[("TAGS", "team:core,on:{hostname}"), ("DD_ENV", "prod"), ("METRIC_PREFIX", "x.")];
    check(vars, "a{env=\"e\"} 1\n", &["x.a:1|g|#x_env:e,team:core,on:host-1,env:prod"]);
}

#[test]
fn nothing_in_a_label_can_add_a_line_a_field_or_a_tag() {
    let hostile = "a{b=\"x\\nevil:1|c|#t:u,v\"} 1\n";
    check(&[], hostile, &["docker.a:1|g|#b:x_evil:1_c__t:u_v"]);
    check(ETSY, hostile, &["docker.a.b.x_evil_1_c__t_u_v:1|g"]);
    check(&[], "{\"a\\nb:1|c\"} 1\n", &["docker.a_b_1_c:1|g"]);
}

#[test]
fn the_first_scrape_sends_gauges_and_no_counts() {
    assert_eq!(last(&[], Start::FirstScrape, &[KINDS]).matches("|c").count(), 0);
    assert_eq!(last(&[], Start::FirstScrape, &[KINDS]).matches("|g").count(), 4);
}

fn counter(value: &str) -> String {
    format!("# TYPE a counter\na {value}\n")
}

#[track_caller]
fn check_counter(values: &[&str], expected: &str) {
    let bodies: Vec<_> = values.iter().map(|value| counter(value)).collect();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    let expected = if expected.is_empty() { String::new() } else { format!("docker.a.count:{expected}|c\n") };
    assert_eq!(last(&[], Start::FirstScrape, &bodies), expected);
}

#[test]
fn counters_are_sent_as_exact_differences() {
    check_counter(&["40"], "");
    check_counter(&["40", "40"], "");
    check_counter(&["40", "42"], "2");
    check_counter(&["0.25", "0.75"], "0.5");
    check_counter(&["9007199254740993", "9007199254740995"], "2");
    check_counter(&["100", "3"], "3");
    check_counter(&["5", "NaN", "7"], "2");
    check_counter(&["5", "+Inf"], "");
    check_counter(&["5", "-1", "7"], "2");
}

#[test]
fn labels_in_another_order_are_the_same_series() {
    let first = "# TYPE a counter\na{x=\"1\",y=\"2\"} 5\n";
    let second = "# TYPE a counter\na{y=\"2\",x=\"1\",z=\"\"} 6\n";
    assert_eq!(last(&[], Start::FirstScrape, &[first, second]), "docker.a.count:1|c|#x:1,y:2\n");
}

#[test]
fn a_quoted_name_cannot_be_taken_for_labels() {
    let names = "# TYPE a counter\n# TYPE \"a{x=\\\"1\\\"}\" counter\na{x=\"1\"} 2\n{\"a{x=\\\"1\\\"}\"} 3\n";
    check(&[], names, &["docker.a.count:2|c|#x:1", "docker.a_x__1__.count:3|c"]);
    let labels = "# TYPE a counter\na{x=\"1\",y=\"2\"} 2\na{\"x=\\\"1\\\",y\"=\"2\"} 3\n";
    check(&[], labels, &["docker.a.count:2|c|#x:1,y:2", "docker.a.count:3|c|#x__1__y:2"]);
}

#[test]
fn a_changed_start_time_resets_every_counter() {
    let body = |start: &str, value: &str| format!("{}process_start_time_seconds {start}\n", counter(value));
    let sent = |start: &str| {
        let (first, second) = (body("1763824000.12", "5"), body(start, "7"));
        last(&[], Start::FirstScrape, &[&first, &second]).lines().next().unwrap().to_owned()
    };
    assert_eq!(sent("1763824000.12"), "docker.a.count:2|c");
    assert_eq!(sent("1763824001.12"), "docker.a.count:2|c", "the clock was set by a second");
    assert_eq!(sent("1763824001.13"), "docker.a.count:7|c");
    assert_eq!(sent("1763823990.00"), "docker.a.count:7|c");
}

#[test]
fn an_incomplete_scrape_changes_nothing() {
    let starting = format!("{}engine_daemon_engine_cpus_cpus 0\n", counter("9"));
    for (body, error) in [
        ("", "the body holds no sample"),
        ("# TYPE a counter\n", "the body holds no sample"),
        (&starting, "the engine is still starting (engine_daemon_engine_info is missing)"),
        (
            "<html>\n<body>\na 9\n",
            "the body is no Prometheus text: 2 malformed lines, line 1: no metric name",
        ),
    ] {
        let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
        converter.convert(counter("5").as_bytes()).unwrap();
        assert_eq!(converter.convert(body.as_bytes()).unwrap_err().to_string(), error);
        assert_eq!(convert(&mut converter, &counter("6")), "docker.a.count:1|c\n");
    }
}

#[test]
fn a_body_that_broke_off_changes_nothing() {
    let body = |value: &str| {
        let samples = (0..20).map(|label| format!("a{{b=\"{label}\"}} {value}\n"));
        format!("# TYPE a counter\n{}", samples.collect::<String>())
    };
    let mut converter = Converter::new(&settings(&[("MAX_PACKET_BYTES", "256")]), Start::FirstScrape);
    converter.convert(body("5").as_bytes()).unwrap();
    converter.begin();
    converter.feed(body("6").as_bytes());
    assert_eq!(converter.owing(), 0);
    let sent = convert(&mut converter, &body("6"));
    assert_eq!((sent.lines().count(), sent.matches(":1|c").count()), (20, 20));
}

#[test]
fn a_malformed_line_costs_only_itself() {
    let body = format!("b{{ 1\n{}# TYPE x unknown\nx 1\n", counter("6"));
    assert_eq!(last(&[], Start::FirstScrape, &[&counter("5"), &body]), "docker.a.count:1|c\ndocker.x:1|g\n");
}

#[test]
fn a_malformed_line_does_not_make_its_series_new() {
    let sent = |bodies: &[&str]| last(&[], Start::FirstScrape, bodies);
    let (before, after) = (&*counter("1000"), &*counter("1001"));
    for broken in
        ["# TYPE a counter\na 10x00\nb 1\n", "# TYPE a counter\na{ 1000\nb 1\n", "# TYPE a\na 1000\n"]
    {
        assert_eq!(sent(&[before, broken, after]), "docker.a.count:1|c\n", "{broken}");
    }
    assert_eq!(sent(&["# TYPE a counter\na 10x00\nb 1\n", before, after]), "docker.a.count:1|c\n");
    assert_eq!(sent(&["# TYPE a counter\na NaN\nb 1\n", before]), "");
}

#[test]
fn a_line_that_cannot_be_read_where_counting_begins_makes_no_series_new() {
    let sent = |bodies: &[&str]| last(&[], Start::FirstScrape, bodies);
    let (before, after) = (&*counter("1000"), &*counter("1001"));
    for broken in ["# TYPE a counter\na{ 1000\nb 1\n", "# TYPE a\na 1000\n"] {
        assert_eq!(sent(&[broken, before]), "", "{broken}");
        assert_eq!(sent(&[broken, broken, before]), "", "{broken}");
        assert_eq!(sent(&[broken, before, after]), "docker.a.count:1|c\n", "{broken}");
        assert_eq!(sent(&[broken, "b 1\n", before]), "docker.a.count:1000|c\n", "it was absent: {broken}");
    }
}

/// The plugin ends with its state saved and starts again with these settings.
fn restarted(mut converter: Converter, vars: &[(&str, &str)]) -> Converter {
    let folder = tempfile::tempdir().unwrap();
    let mut state = StateFile::new(&folder.path().join("state"));
    state.save(&converter.snapshot().unwrap(), SystemTime::now()).unwrap();
    let mut converter = Converter::new(&settings(vars), Start::FirstScrape);
    converter.resume(state.load(SystemTime::now()).unwrap().unwrap());
    converter
}

#[test]
fn what_could_not_be_read_where_counting_begins_is_remembered_over_a_restart() {
    let (before, after) = (&*counter("1000"), &*counter("1001"));
    for (scrapes, expected) in [(&[before][..], ""), (&[before, after], "docker.a.count:1|c\n")] {
        let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
        converter.convert(b"# TYPE a counter\na{ 1000\nb 1\n").unwrap();
        let mut converter = restarted(converter, &[]);
        let sent = scrapes.iter().map(|body| convert(&mut converter, body)).last();
        assert_eq!(sent.as_deref(), Some(expected));
    }
}

#[test]
fn a_series_kept_beside_a_malformed_line_still_needs_its_type() {
    let bodies = ["# TYPE a counter\na 5\n", "x{ 1\na 7\n", "a 8\na 9\n"];
    assert_eq!(last(&[], Start::FirstScrape, &bodies), "docker.a:8|g\ndocker.a:9|g\n");
}

/// The last difference when the engine's start and the machine's boot move like this.
fn after_moves(start: i64, boot: (&str, i64)) -> String {
    let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
    let mut scrape = |value: &str, start: i64, (id, time): (&str, i64)| {
        let body = format!("{}process_start_time_seconds {start}\n", counter(value));
        let boot = Boot { id: id.to_owned(), time: Decimal::new(time, 0) };
        let mut read = || {
            converter.begin();
            converter.feed(body.as_bytes());
            converter.finish(Some(boot.clone()))
        };
        // Once more, if it turns out to come from another process.
        read().or_else(|_| read()).unwrap();
        text(&mut converter)
    };
    scrape("5", 1000, ("a", 400));
    scrape("7", 1000 + start, (boot.0, 400 + boot.1)).lines().next().unwrap().to_owned()
}

#[test]
fn a_clock_that_was_set_is_no_restart() {
    assert_eq!(after_moves(3600, ("a", 3600)), "docker.a.count:2|c");
    assert_eq!(after_moves(-3600, ("a", -3601)), "docker.a.count:2|c");
    assert_eq!(after_moves(3600, ("a", 0)), "docker.a.count:7|c", "the process was started again");
    assert_eq!(after_moves(3600, ("b", 3600)), "docker.a.count:7|c", "the machine was started again");
}

#[test]
fn a_scrape_without_a_start_time_does_not_hide_a_restart() {
    let body = |start: &str, value: &str| format!("{}process_start_time_seconds {start}\n", counter(value));
    let bodies = [body("100", "5"), body("NaN", "5"), counter("6"), body("200", "7")];
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    assert!(last(&[], Start::FirstScrape, &bodies).starts_with("docker.a.count:7|c\n"));
}

#[test]
fn a_line_that_grows_too_long_is_malformed() {
    let body = |value: &str| format!("{}a{{b=\"{}\"}} {value}\n", counter("1"), "x".repeat(65_520));
    let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
    for (value, malformed) in [("1", 0), ("1 123456", 0), ("1 1234567", 1)] {
        assert_eq!(converter.convert(body(value).as_bytes()).unwrap().counts.malformed, malformed, "{value}");
    }
}

#[test]
fn a_family_that_claims_the_samples_of_another_decides_wherever_it_stands() {
    let scrape = |before: &str, value: u8| {
        let histogram = format!("# TYPE h histogram\nh_sum {value}\nh_count {value}\n");
        format!("{before}# TYPE x gauge\nx 1\n{histogram}")
    };
    let moved = |before: &str| last(&[], Start::FirstScrape, &[&scrape("", 1), &scrape(before, 2)]);
    assert_eq!(moved("# TYPE a gauge\n"), "docker.x:1|g\ndocker.h.sum:1|c\ndocker.h.count:1|c\n");
    assert_eq!(moved("# TYPE h_sum gauge\n"), "docker.x:1|g\ndocker.h_sum:2|g\ndocker.h.count:1|c\n");
}

#[test]
fn a_long_type_line_that_is_gone_declares_nothing() {
    let declared = format!("# TYPE a{:1$}counter\n", "", 65_535 - 15);
    let others = "# TYPE b counter\nb 1\nb_total 1\n";
    let bodies =
        [format!("{declared}{others}a 1\n"), format!("{others}b_sum 1\nb_total{{c=\"d\"}} 1\na 1\n")];
    let sent = last(&[], Start::Zero, &bodies.each_ref().map(String::as_str));
    assert_eq!(sent, "docker.b_sum:1|g\ndocker.b.count:1|c|#c:d\ndocker.a:1|g\n");
}

#[test]
fn what_says_where_a_scrape_is_from_is_read_whatever_its_type() {
    let body = |start: &str| {
        let info = "# TYPE engine_daemon_engine_info counter\nengine_daemon_engine_info 1\n";
        let start =
            format!("# TYPE process_start_time_seconds counter\nprocess_start_time_seconds {start}\n");
        format!("{}{info}engine_daemon_engine_cpus_cpus 2\n{start}", counter("7"))
    };
    let sent = last(&[], Start::FirstScrape, &[&body("100"), &body("100"), &body("200")]);
    assert!(sent.starts_with("docker.a.count:7|c\n"), "{sent}");
}

#[test]
fn growth_of_a_refused_datagram_is_in_the_next_difference() {
    let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
    converter.convert(counter("5").as_bytes()).unwrap();
    assert_eq!(convert(&mut converter, &counter("6")), "docker.a.count:1|c\n");
    assert_eq!(convert(&mut converter, &counter("8")), "docker.a.count:3|c\n");
    take_all(&mut converter);
    assert_eq!(convert(&mut converter, &counter("8")), "");
}

#[test]
fn a_series_that_left_while_it_owed_is_sent_under_its_own_name() {
    let labelled = |value: &str| format!("# TYPE a counter\na{{b=\"x\\\"y\",c=\"\\n\"}} {value}\n");
    let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
    converter.convert(labelled("5").as_bytes()).unwrap();
    let refused = convert(&mut converter, &labelled("6"));
    assert_eq!(refused, "docker.a.count:1|c|#b:x_y,c:_\n");
    assert_eq!(convert(&mut converter, "other 1\n"), format!("docker.other:1|g\n{refused}"));
}

#[test]
fn growth_that_finds_no_room_to_be_owed_is_lost_once_and_counted() {
    let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
    convert(&mut converter, &counter("1"));
    take_all(&mut converter);
    assert_eq!(convert(&mut converter, &counter("5")), "docker.a.count:4|c\n");
    converter.series.owe(7, Decimal::whole_number(1), &vec![b'x'; OWED_BYTES_MAX - 200]);
    assert_eq!((converter.take_lost(), converter.take_lost(), converter.owing()), (1, 0, 1));
    assert_eq!(convert(&mut converter, &counter("7")), "docker.a.count:2|c\n");
}

#[test]
fn what_is_larger_than_a_datagram_is_counted_and_not_owed() {
    let labels: String = (0..20).map(|label| format!("l{label}=\"{}\",", "v".repeat(30))).collect();
    let body = format!("# TYPE a counter\na{{{labels}}} 1\n");
    let mut converter = Converter::new(&settings(&[("MAX_PACKET_BYTES", "256")]), Start::Zero);
    let report = converter.convert(body.as_bytes()).unwrap();
    assert_eq!((report.counts.too_large, converter.datagrams()), (1, 0));
    assert_eq!(converter.convert(body.as_bytes()).unwrap().counts.too_large, 0);
}

#[test]
fn what_an_incomplete_scrape_cannot_send_is_still_owed() {
    let starting = format!("{}engine_daemon_engine_cpus_cpus 0\n", counter("1e300"));
    let mut converter = Converter::new(&settings(&[("MAX_PACKET_BYTES", "256")]), Start::FirstScrape);
    converter.convert(counter("5").as_bytes()).unwrap();
    converter.convert(counter("6").as_bytes()).unwrap();
    converter.convert(starting.as_bytes()).unwrap_err();
    assert_eq!(convert(&mut converter, &counter("8")), "docker.a.count:3|c\n");
}

#[test]
fn of_a_sample_that_stands_twice_where_counting_begins_the_first_value_counts() {
    for (first, second, grown, expected) in [
        ("1", "2", "4", "docker.a.count:3|c\n"),
        // Kept elsewhere, or not at all.
        ("1e30", "2e30", "4e30", "docker.a.count:3000000000000000000000000000000|c\n"),
        ("1", "2e30", "4", "docker.a.count:3|c\n"),
        ("NaN", "2", "4", ""),
    ] {
        let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
        let twice = format!("# TYPE a counter\na {first}\n# TYPE b counter\nb 1\na{{}} {second}\na NaN\n");
        let report = converter.convert(twice.as_bytes()).unwrap();
        assert_eq!((report.counts.repeated, converter.series_count()), (1, 2), "{first} {second}");
        let once = format!("# TYPE a counter\na {grown}\n# TYPE b counter\nb 1\n");
        assert_eq!(convert(&mut converter, &once), expected, "{first} {second}");
    }
}

#[test]
fn a_sample_that_stands_twice_counts_once() {
    let mut converter = Converter::new(&settings(&[]), Start::Zero);
    for expected in ["docker.a.count:1|c\n", ""] {
        let report = converter.convert(b"# TYPE a counter\na 1\na 2\n").unwrap();
        assert_eq!((text(&mut converter).as_str(), report.counts.repeated), (expected, 1));
        take_all(&mut converter);
    }
}

#[test]
fn datagrams_of_a_real_scrape_hold_whole_lines_within_the_limit() {
    let body = std::fs::read("tests/fixtures/scrapes/engine-28.5.2-swarm-manager.prom").unwrap();
    for format in ["datadog", "etsy"] {
        let mut converter = Converter::new(&settings(&[("STATSD_FORMAT", format)]), Start::Zero);
        converter.convert(&body).unwrap();
        assert!(converter.datagrams() > 10);
        for index in 0..converter.datagrams() {
            let bytes = converter.datagram(index).unwrap();
            assert!(bytes.len() <= 1432 && bytes.ends_with(b"\n"));
        }
    }
}

#[test]
fn samples_are_bounded() {
    let mut converter = Converter::new(&settings(&[]), Start::Zero);
    converter.begin();
    let piece = "a 1\n".repeat(SAMPLES_MAX / 100);
    (0..100).for_each(|_| converter.feed(piece.as_bytes()));
    assert_eq!(converter.finish(None).map(|report| report.counts.samples), Ok(SAMPLES_MAX));
    converter.begin();
    (0..100).for_each(|_| converter.feed(piece.as_bytes()));
    converter.feed(b"a 1");
    assert_eq!(converter.finish(None), Err(Incomplete::TooLong));
}

#[test]
fn lines_are_bounded() {
    let mut converter = Converter::new(&settings(&[]), Start::Zero);
    let piece = "\n".repeat(LINES_MAX / 100);
    let mut convert = |last: &str| {
        converter.begin();
        (0..100).for_each(|_| converter.feed(piece.as_bytes()));
        converter.feed(last.as_bytes());
        converter.finish(None).map(|report| report.counts.samples)
    };
    assert_eq!(convert("a 1"), Err(Incomplete::TooLong));
    assert_eq!(convert(""), Err(Incomplete::Empty));
}

#[test]
fn families_are_bounded_and_no_counter_becomes_a_gauge_for_want_of_room() {
    let mut converter = Converter::new(&settings(&[]), Start::FirstScrape);
    let body = |families: usize, value: &str| {
        let types: String = (1..families).map(|family| format!("# TYPE x{family} gauge\n")).collect();
        format!("{types}{}", counter(value))
    };
    assert_eq!(convert(&mut converter, &body(FAMILIES_MAX, "5")), "");
    let over = body(FAMILIES_MAX + 1, "6");
    assert_eq!(converter.convert(over.as_bytes()), Err(Incomplete::TooLong));
    assert_eq!(convert(&mut converter, &body(FAMILIES_MAX, "7")), "docker.a.count:2|c\n");
}

#[test]
fn what_a_body_becomes_is_bounded() {
    // Twenty thousand bytes on each line, which has a datagram of its own: nothing is shared.
    let tags: Vec<_> = (0..100).map(|tag| format!("t{tag}:{}", "v".repeat(190))).collect();
    let vars = [("TAGS", &*tags.join(",")), ("MAX_PACKET_BYTES", "32768")];
    let mut converter = Converter::new(&settings(&vars), Start::FirstScrape);
    let body = |gauges: usize, value: &str| {
        let gauges: String = (0..gauges).map(|gauge| format!("g{{l=\"{gauge}\"}} 1\n")).collect();
        format!("{gauges}{}", counter(value))
    };
    converter.convert(body(1, "5").as_bytes()).unwrap();
    assert_eq!(converter.convert(body(14_500, "6").as_bytes()), Err(Incomplete::TooLong));
    converter.convert(body(11_000, "7").as_bytes()).unwrap();
    assert!(text(&mut converter).contains("docker.a.count:2|c|#"));
}

#[test]
fn metrics_are_chosen_by_name() {
    let body = "# TYPE go_a_total counter\ngo_a_total 1\ngo_b 2\nc 3\n";
    check(&[("INCLUDE", "go_*")], body, &["docker.go_a.count:1|c", "docker.go_b:2|g"]);
    check(&[("INCLUDE", "go_*,c"), ("EXCLUDE", "*_b")], body, &["docker.go_a.count:1|c", "docker.c:3|g"]);
}

#[test]
fn what_is_not_sent_still_says_where_a_scrape_is_from() {
    let body = |start: &str, value: &str| format!("{}process_start_time_seconds {start}\n", counter(value));
    let vars = &[("INCLUDE", "a")];
    let bodies = [body("100", "5"), body("200", "7"), body("200", "8")];
    let sent = |count: usize| last(vars, Start::FirstScrape, &bodies.each_ref().map(String::as_str)[..count]);
    assert_eq!((sent(2).as_str(), sent(3).as_str()), ("docker.a.count:7|c\n", "docker.a.count:1|c\n"));
}

#[test]
fn counters_that_become_one_add_up_and_each_may_be_reset() {
    let vars = &[("DROP_LABELS", "pod")];
    let body = |first: u32, second: u32| {
        format!("# TYPE a counter\na{{b=\"c\",pod=\"1\"}} {first}\na{{b=\"c\",pod=\"2\"}} {second}\n")
    };
    let bodies = [body(10, 20), body(11, 3)];
    let sent = last(vars, Start::FirstScrape, &bodies.each_ref().map(String::as_str));
    assert_eq!(sent, "docker.a.count:1|c|#b:c\ndocker.a.count:3|c|#b:c\n");
}

#[test]
fn gauges_that_become_one_are_counted() {
    let vars = &[("RENAME_LABELS", "z:a"), ("DROP_LABELS", "pod")];
    let body = "g{pod=\"1\",z=\"y\"} 1\ng{pod=\"2\",z=\"y\"} 2\ng{b=\"1\",z=\"x\"} 3\nplain{b=\"c\"} 4\n";
    let mut converter = Converter::new(&settings(vars), Start::Zero);
    for _ in 0..2 {
        let report = converter.convert(body.as_bytes()).unwrap();
        let expected = "docker.g:1|g|#a:y\ndocker.g:2|g|#a:y\ndocker.g:3|g|#a:x,b:1\ndocker.plain:4|g|#b:c\n";
        assert_eq!((text(&mut converter).as_str(), report.counts.merged), (expected, 1));
    }
}

#[test]
fn gauges_that_cleaning_or_the_settings_make_one_are_counted_in_every_scrape() {
    let collide = "g{l=\"a b\"} 1\ng{l=\"a_b\"} 2\ng{l=\"a|b\"} 3\ng{l=\"other\"} 4\n";
    for (vars, body, merged) in [
        (&[][..], collide, 2),
        (ETSY, collide, 2),
        (&[], "g{l=\"1.5\"} 1\ng{l=\"1_5\"} 2\n", 0),
        (ETSY, "g{l=\"1.5\"} 1\ng{l=\"1_5\"} 2\n", 1),
        (&[], "{\"a:b\"} 1\na_b 2\n", 1),
        (&[], "g{l=\"a_b\"} 1\ng{l=\"c_d\"} 2\n", 0),
        // A server adds counters up, and one that is not sent is no one's.
        (&[], "# TYPE g counter\ng{l=\"a b\"} 1\ng{l=\"a_b\"} 2\n", 0),
        (&[("EXCLUDE", "g")], "g{l=\"a b\"} 1\ng{l=\"a_b\"} 2\nh 1\n", 0),
        (&[("DROP_LABELS", "l")], "g 1\ng{l=\"a\"} 2\ng{l=\"b\",m=\"c d\"} 3\ng{m=\"c_d\"} 4\n", 2),
        (&[("RENAME_LABELS", "l:m")], "g{l=\"a\"} 1\ng{m=\"a\"} 2\ng{l=\"b\"} 3\ng{l=\"b\"} 3\n", 1),
        // What the settings make one is counted once.
        (&[("RENAME_LABELS", "l:m")], "g{l=\"a b\"} 1\ng{l=\"a b\",m=\"x\"} 2\n", 1),
    ] {
        let mut converter = Converter::new(&settings(vars), Start::Zero);
        for scrape in 0..3 {
            let report = converter.convert(body.as_bytes()).unwrap();
            assert_eq!(report.counts.merged, merged, "scrape {scrape} of {body}");
        }
        let report = converter.convert(b"g{l=\"a b\"} 1\nh 1\n").unwrap();
        assert_eq!(report.counts.merged, 0, "of {body}, less one");
    }
}

#[test]
fn what_is_cleaned_is_counted_where_a_line_is_new() {
    let body = "a{l=\"b c\",m=\"d|e\",n=\"f\"} 1\n{\"g:h\",l=\"1\"} 1\n# TYPE c counter\nc{l=\"x=y\"} 3\n";
    for (vars, names, tags) in [(&[][..], 1, 3), (ETSY, 1, 3), (&[("DROP_LABELS", "m,l")], 1, 0)] {
        let mut converter = Converter::new(&settings(vars), Start::FirstScrape);
        let mut check = |body: &str, expected| {
            assert_eq!(converter.convert(body.as_bytes()).unwrap().cleaning, expected, "{body}");
        };
        check(body, Cleaning { names, tags });
        check(body, Cleaning::default());
        check("a{l=\"1\"} 1\n", Cleaning::default());
        check(body, Cleaning { names, tags });
    }
    // The same line as something else is new, and a gauge that was none before can become one with another.
    let mut converter = Converter::new(&settings(&[]), Start::Zero);
    let lines = "a{l=\"b c\"} 1\na{l=\"b_c\"} 1\n";
    for (body, merged) in [(format!("# TYPE a counter\n{lines}"), 0), (lines.to_owned(), 1)] {
        let report = converter.convert(body.as_bytes()).unwrap();
        assert_eq!((report.counts.merged, report.cleaning.tags), (merged, 1), "{body}");
    }
    // A name of Datadog's is not cleaned, but another one.
    let mut converter = Converter::new(&settings(&[]), Start::Zero);
    let report = converter.convert(b"go_info{version=\"1\"} 1\nh_bucket{le=\"1\"} 1\n").unwrap();
    assert_eq!(report.cleaning, Cleaning::default());
}

#[test]
fn what_ends_a_name_is_never_taken_from_the_prefix() {
    for (prefix, name, expected) in [
        ("docker_", "total", "docker_total.count"),
        ("docker_t", "otal", "docker_total.count"),
        ("docker_", "_total", "docker_.count"),
        ("docker_", "a_total", "docker_a.count"),
        ("docker_total_", "total", "docker_total_total.count"),
        ("docker.", "total", "docker.total.count"),
    ] {
        // Once plain, and once through the encoder.
        let body = format!("# TYPE {name} counter\n{name}{{a=\"b\"}} 5\n{name}{{a=\"é\"}} 5\n");
        let lines = [format!("{expected}:5|c|#a:b"), format!("{expected}:5|c|#a:é")];
        check(&[("METRIC_PREFIX", prefix)], &body, &lines.each_ref().map(String::as_str));
    }
}
