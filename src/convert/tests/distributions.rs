//! `HISTOGRAMS=distributions`, scrape by scrape.

use super::*;

const MODE: (&str, &str) = ("HISTOGRAMS", "distributions");
const DISTRIBUTIONS: &[(&str, &str)] = &[MODE];
const BUCKETS: &[(&str, &str)] = &[];

/// A histogram whose buckets go up to 1, 2 and infinity.
fn histogram(buckets: [&str; 3]) -> String {
    let lines = ["1", "2", "+Inf"].iter().zip(buckets);
    let lines = lines.map(|(bound, value)| format!("h_bucket{{le=\"{bound}\"}} {value}\n"));
    format!("# TYPE h histogram\n{}", lines.collect::<String>())
}

#[track_caller]
fn check_bodies(bodies: &[String], expected: &[&str]) {
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    assert_eq!(last(DISTRIBUTIONS, Start::FirstScrape, &bodies).lines().collect::<Vec<_>>(), expected);
}

/// What is sent for the last of these.
#[track_caller]
fn check_histograms(scrapes: &[[&str; 3]], expected: &[&str]) {
    check_bodies(&scrapes.iter().copied().map(histogram).collect::<Vec<_>>(), expected);
}

#[test]
fn each_range_that_grew_is_its_middle_with_a_rate() {
    check(
        DISTRIBUTIONS,
        KINDS,
        &[
            "docker.c.count:3|c|#l:v",
            "docker.g:-1.5|g",
            "docker.h.sum:0.75|c|#a:b",
            "docker.h.count:4|c|#a:b",
            "docker.s.quantile:7|g|#quantile:0.5",
            "docker.s.sum:9|c",
            "docker.s.count:2|c",
            "docker.u:1|g",
            "docker.i_info:1|g|#docker_version:1_2",
            "docker.h:2.5|d|@0.5|#a:b",
            "docker.h:5|d|@0.5|#a:b",
        ],
    );
}

#[test]
fn the_first_scrape_is_where_counting_begins() {
    check_histograms(&[["1", "2", "3"]], &[]);
    check_histograms(&[["1", "2", "3"], ["1", "2", "3"]], &[]);
}

#[test]
fn a_range_begins_at_the_bucket_below_also_where_that_did_not_grow() {
    check_histograms(&[["1", "2", "3"], ["1", "3", "4"]], &["docker.h:1.5|d"]);
    check_histograms(&[["1", "2", "3"], ["1", "2", "4"]], &["docker.h:2|d"]);
    check_histograms(
        &[["1", "2", "3"], ["2", "5", "9"]],
        &["docker.h:0.5|d", "docker.h:1.5|d|@0.5", "docker.h:2|d|@0.3333333333333333"],
    );
}

#[test]
fn a_reset_histogram_is_told_whole() {
    check_histograms(&[["5", "7", "9"], ["1", "1", "2"]], &["docker.h:0.5|d", "docker.h:2|d"]);
}

#[test]
fn a_restarted_engine_is_told_whole_also_where_no_bucket_fell() {
    let body = |buckets, start: &str| histogram(buckets) + "process_start_time_seconds " + start + "\n";
    let bodies = [body(["1", "1", "1"], "100"), body(["2", "2", "2"], "200")];
    check_bodies(&bodies, &["docker.process_start_time_seconds:200|g", "docker.h:0.5|d|@0.5"]);
}

#[test]
fn a_histogram_that_appears_later_is_told_whole() {
    check_bodies(&["a 1\n".into(), histogram(["1", "1", "1"])], &["docker.h:0.5|d"]);
}

#[test]
fn what_a_bucket_without_a_value_holds_lies_between_its_neighbours_and_is_told_once() {
    for nothing in ["NaN", "-1", "+Inf"] {
        check_histograms(&[["0", "0", "0"], ["0", nothing, "3"]], &["docker.h:1|d|@0.3333333333333333"]);
        check_histograms(&[["0", "0", "0"], ["1", nothing, "1"], ["1", "1", "1"]], &[]);
    }
    let (before, after) = (histogram(["0", "0", "0"]), histogram(["0", "3", "3"]));
    let without = after.replace("h_bucket{le=\"2\"} 3\n", "");
    let malformed = after.replace("h_bucket{le=\"2\"} 3\n", "h_bucket{le=\"2\"} 3x\n");
    for odd in [without, malformed] {
        check_bodies(&[before.clone(), odd.clone()], &["docker.h:1|d|@0.3333333333333333"]);
        check_bodies(&[before.clone(), odd, after.clone()], &[]);
    }
}

#[test]
fn buckets_may_stand_in_any_order_and_apart() {
    let lines = [
        "h_bucket{a=\"x\",le=\"+Inf\"} 3\n",
        "h_bucket{a=\"y\",le=\"2\"} 2\n",
        "g 1\n",
        "h_bucket{le=\"1.0\",a=\"x\"} 1\n",
        "h_bucket{a=\"y\",le=\"+Inf\"} 2\n",
        "h_bucket{ a=\"x\", le=\"2e0\", b=\"\"} 3\n",
        "h_bucket{a=\"y\",le=\"1\"} 1\n",
    ];
    let told = [
        "docker.g:1|g",
        "docker.h:0.5|d|#a:x",
        "docker.h:0.5|d|#a:y",
        "docker.h:1.5|d|#a:y",
        "docker.h:1.5|d|@0.5|#a:x",
    ];
    for turn in 0..lines.len() {
        let mut lines = lines;
        lines.rotate_left(turn);
        let body = format!("# TYPE h histogram\n{}", lines.concat());
        let sent = last(DISTRIBUTIONS, Start::Zero, &[&body]);
        let mut sent: Vec<_> = sent.lines().collect();
        sent.sort_unstable();
        assert_eq!(sent, told);
    }
}

#[test]
fn fractions_are_told_when_they_are_whole() {
    let told = |values: &[&str]| {
        let bodies: Vec<_> = values.iter().map(|value| histogram([value; 3])).collect();
        last(DISTRIBUTIONS, Start::FirstScrape, &bodies.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(told(&["0.25", "0.75"]), "");
    assert_eq!(told(&["0.25", "0.75", "1.25"]), "docker.h:0.5|d\n");
    assert_eq!(told(&["1.5", "1.25", "2"]), "docker.h:0.5|d\n", "reset in between");
}

#[test]
fn what_one_line_cannot_say_is_said_in_several_and_the_rest_later() {
    let mut converter = Converter::new(&settings(DISTRIBUTIONS), Start::FirstScrape);
    convert(&mut converter, &histogram(["0"; 3]));
    let full = "docker.h:0.5|d|@0.0000049999999999999996\n";
    let some = convert(&mut converter, &histogram(["400002"; 3]));
    assert_eq!(some, format!("{full}{full}docker.h:0.5|d|@0.5\n"));
    take_all(&mut converter);
    let many = histogram(["20400005"; 3]);
    for (expected, owing) in
        [(full.repeat(50), 1), (full.repeat(50), 1), ("docker.h:0.5|d|@0.3333333333333333\n".into(), 0)]
    {
        assert_eq!(convert(&mut converter, &many), expected);
        take_all(&mut converter);
        assert_eq!(converter.owing(), owing);
        converter = restarted(converter, DISTRIBUTIONS);
    }
    assert_eq!(convert(&mut converter, &many), "");
}

#[test]
fn shares_of_very_many_values_are_bounded_and_the_rest_is_owed() {
    // Ten thousand bytes on each line, so that few take all the room.
    let tags: Vec<_> = (0..100).map(|tag| format!("t{tag}:{}", "v".repeat(95))).collect();
    let vars = [("HISTOGRAMS", "distributions"), ("TAGS", &*tags.join(",")), ("MAX_PACKET_BYTES", "65507")];
    let mut converter = Converter::new(&settings(&vars), Start::Zero);
    let series: String =
        (0..200).map(|series| format!("h_bucket{{s=\"{series}\",le=\"1\"}} 1e7\n")).collect();
    let body = format!("# TYPE h histogram\n{series}");
    converter.convert(body.as_bytes()).unwrap();
    let told = |converter: &mut Converter| {
        let lines = text(converter);
        take_all(converter);
        lines.lines().count()
    };
    let (first, owing) = (told(&mut converter), converter.owing());
    assert!((6000..8000).contains(&first) && (50..70).contains(&owing), "{first} lines, {owing} owe");
    converter.convert(body.as_bytes()).unwrap();
    assert_eq!((first + told(&mut converter), converter.owing()), (200 * 50, 0));
}

#[test]
fn observations_of_more_bytes_than_there_is_room_for_do_not_count() {
    let tags: Vec<_> = (0..100).map(|tag| format!("t{tag}:{}", "v".repeat(190))).collect();
    let vars = [("HISTOGRAMS", "distributions"), ("TAGS", &*tags.join(",")), ("MAX_PACKET_BYTES", "65507")];
    let mut converter = Converter::new(&settings(&vars), Start::FirstScrape);
    // One histogram, whose line is written for each of its buckets.
    let body = |value: &str, buckets: usize| {
        let buckets: String =
            (0..buckets).map(|le| format!("h_bucket{{le=\"{le}\"}} {value}{le:05}\n")).collect();
        format!("# TYPE h histogram\n{buckets}")
    };
    converter.convert(body("1", 15_000).as_bytes()).unwrap();
    take_all(&mut converter);
    assert_eq!(converter.convert(body("2", 15_000).as_bytes()), Err(Incomplete::TooLong));
    converter.convert(body("3", 3).as_bytes()).unwrap();
    let lines = text(&mut converter);
    assert!(lines.starts_with("docker.h:0|d|@0.0000049999999999999996|#t0:"), "{}", &lines[..60]);
}

#[test]
fn a_number_beyond_all_counts_is_told_as_far_as_it_goes() {
    let mut converter = Converter::new(&settings(DISTRIBUTIONS), Start::FirstScrape);
    convert(&mut converter, &histogram(["0"; 3]));
    assert_eq!(convert(&mut converter, &histogram(["1e300"; 3])).lines().count(), 50);
    let owed = |converter: &mut Converter| {
        converter.end_delivery();
        converter.series.debts().map(|(_, debt)| debt.amount.whole()).sum::<u64>()
    };
    take_all(&mut converter);
    assert_eq!(owed(&mut converter), 999_999_999_999_999_999 - 10_000_000);
    convert(&mut converter, "g 1\n");
    take_all(&mut converter);
    assert_eq!(owed(&mut converter), 999_999_999_999_999_999 - 20_000_000);
}

#[test]
fn refused_observations_are_told_with_later_ones_or_late() {
    let mut converter = Converter::new(&settings(DISTRIBUTIONS), Start::FirstScrape);
    convert(&mut converter, &histogram(["0"; 3]));
    assert_eq!(convert(&mut converter, &histogram(["1", "2", "2"])), "docker.h:0.5|d\ndocker.h:1.5|d\n");
    assert_eq!(converter.owing(), 2);
    let both = "docker.h:0.5|d|@0.3333333333333333\ndocker.h:1.5|d\n";
    assert_eq!(convert(&mut converter, &histogram(["3", "4", "4"])), both);
    converter = restarted(converter, DISTRIBUTIONS);
    assert_eq!(convert(&mut converter, &histogram(["3", "4", "4"])), both);
    assert_eq!(convert(&mut converter, "g 1\n"), format!("docker.g:1|g\n{both}"), "the histogram is gone");
    take_all(&mut converter);
    assert_eq!(convert(&mut converter, "g 1\n"), "docker.g:1|g\n");
    assert_eq!(converter.owing(), 0);
}

#[test]
fn of_several_lines_only_those_that_were_refused_are_owed() {
    let vars = &[MODE, ("MAX_PACKET_BYTES", "256")];
    let mut converter = Converter::new(&settings(vars), Start::FirstScrape);
    convert(&mut converter, &histogram(["0"; 3]));
    convert(&mut converter, &histogram(["10000001"; 3]));
    assert_eq!(converter.datagrams(), 9, "of six lines each, fifty in all");
    converter.taken(3);
    converter.taken(7);
    assert_eq!(converter.owing(), 1);
    assert_eq!(convert(&mut converter, "g 1\n").lines().count(), 1 + 39);
    take_all(&mut converter);
    assert_eq!(converter.owing(), 0);
}

#[test]
fn histograms_that_become_one_are_told_as_one() {
    let body = "# TYPE h histogram\nh_bucket{a=\"1\",b=\"2\",le=\"1\"} 1\nh_bucket{a=\"2\",b=\"2\",le=\"1\"} 2\n\
                h_bucket{a=\"1\",b=\"3\",le=\"1\"} 4\nh_bucket{b=\"3\",a=\"2\",le=\"1\"} 1\n";
    check(
        &[MODE, ("DROP_LABELS", "a")],
        body,
        &["docker.h:0.5|d|@0.3333333333333333|#b:2", "docker.h:0.5|d|@0.2|#b:3"],
    );
    check(
        &[MODE, ("RENAME_LABELS", "a:b")],
        body,
        &["docker.h:0.5|d|@0.2|#b:1", "docker.h:0.5|d|@0.3333333333333333|#b:2"],
    );
}

#[test]
fn settings_and_cleaning_are_those_of_other_lines() {
    let body = "# TYPE h histogram\nh_bucket{host=\"a|b\",le=\"1\"} 1\n# TYPE i histogram\ni_bucket{le=\"1\"} 1\ni_count 1\n";
    let tags = ("TAGS", "team:core");
    check(&[MODE, tags, ("EXCLUDE", "i")], body, &["docker.h:0.5|d|#docker_host:a_b,team:core"]);
    check(
        &[MODE, tags, ("INCLUDE", "i")],
        body,
        &["docker.i.count:1|c|#team:core", "docker.i:0.5|d|#team:core"],
    );
}

#[test]
fn a_bucket_without_a_bound_says_nothing() {
    let body = "# TYPE h histogram\nh_bucket 3\nh_bucket{le=\"NaN\"} 3\nh_bucket{le=\"-Inf\"} 3\nh_bucket{le=\"x\"} 3\nh_bucket{le=\"+Inf\"} 3\n";
    check(DISTRIBUTIONS, body, &[]);
}

#[test]
fn what_is_larger_than_a_datagram_is_counted_once_and_not_owed() {
    let labels: String = (0..20).map(|label| format!("l{label}=\"{}\",", "v".repeat(30))).collect();
    let body = format!("# TYPE h histogram\nh_bucket{{{labels}le=\"1\"}} 1000000\n");
    let mut converter = Converter::new(&settings(&[MODE, ("MAX_PACKET_BYTES", "256")]), Start::Zero);
    assert_eq!(converter.convert(body.as_bytes()).unwrap().counts.too_large, 1);
    assert_eq!((converter.datagrams(), converter.owing()), (0, 0));
}

#[test]
fn a_scrape_that_breaks_off_tells_of_nothing() {
    let mut converter = Converter::new(&settings(DISTRIBUTIONS), Start::FirstScrape);
    convert(&mut converter, &histogram(["0"; 3]));
    converter.begin();
    converter.feed(histogram(["1"; 3]).as_bytes());
    assert_eq!(convert(&mut converter, &histogram(["2"; 3])), "docker.h:0.5|d|@0.5\n");
}

/// Two runs of the plugin with different settings: what the second sends, scrape by scrape, when something was
/// owed and all series had counted before.
fn after_another_mode(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<String> {
    let counted = |buckets: [&str; 3]| format!("{}h_count {}\n", histogram(buckets), buckets[2]);
    let mut converter = Converter::new(&settings(before), Start::FirstScrape);
    convert(&mut converter, &counted(["100", "200", "300"]));
    let _refused = convert(&mut converter, &counted(["100", "201", "301"]));
    let mut converter = restarted(converter, after);
    [["100", "203", "304"], ["100", "204", "306"]]
        .map(|buckets| {
            let sent = convert(&mut converter, &counted(buckets));
            take_all(&mut converter);
            sent.replace('\n', " ")
        })
        .to_vec()
}

#[test]
fn no_total_is_sent_as_growth_when_the_mode_changes() {
    const COUNTS: &[(&str, &str)] = &[("HISTOGRAMS", "counts")];
    const ETSY_BUCKETS: &[(&str, &str)] = &[("STATSD_FORMAT", "etsy")];
    for (before, after, expected) in [
        // The bucket without end is new: what lies above the last bound is not known yet.
        (
            BUCKETS,
            DISTRIBUTIONS,
            [
                "docker.h.count:4|c docker.h:1.5|d|@0.5 docker.h.bucket:1|c|#upper_bound:2.0 ",
                "docker.h.count:2|c docker.h:1.5|d docker.h:2|d ",
            ],
        ),
        (COUNTS, DISTRIBUTIONS, ["docker.h.count:4|c ", "docker.h.count:2|c docker.h:1.5|d docker.h:2|d "]),
        (
            DISTRIBUTIONS,
            DISTRIBUTIONS,
            [
                "docker.h.count:4|c docker.h:1.5|d|@0.3333333333333333 docker.h:2|d ",
                "docker.h.count:2|c docker.h:1.5|d docker.h:2|d ",
            ],
        ),
        (
            DISTRIBUTIONS,
            BUCKETS,
            [
                "docker.h.bucket:2|c|#upper_bound:2.0 docker.h.count:4|c docker.h:1.5|d ",
                "docker.h.bucket:1|c|#upper_bound:2.0 docker.h.count:2|c ",
            ],
        ),
        (DISTRIBUTIONS, COUNTS, ["docker.h.count:4|c docker.h:1.5|d ", "docker.h.count:2|c "]),
        // A server that would take a distribution for a counter is told of none.
        (
            DISTRIBUTIONS,
            ETSY_BUCKETS,
            ["docker.h_bucket.le.2:2|c docker.h_count:4|c ", "docker.h_bucket.le.2:1|c docker.h_count:2|c "],
        ),
    ] {
        assert_eq!(after_another_mode(before, after), expected, "{before:?} {after:?}");
    }
}

#[test]
fn a_series_that_was_not_counted_before_begins_where_it_is_found() {
    let body = |value: &str| format!("{}# TYPE b counter\nb {value}\n", counter(value));
    let mut converter = Converter::new(&settings(&[("EXCLUDE", "a")]), Start::FirstScrape);
    convert(&mut converter, &body("100"));
    // The first process under the new settings ends before it has scraped.
    let mut converter = restarted(restarted(converter, &[]), &[]);
    assert_eq!(convert(&mut converter, &body("101")), "docker.b.count:1|c\n");
    take_all(&mut converter);
    let later = format!("{}c 1\n", body("102").replace("# TYPE b", "# TYPE c counter\n# TYPE b"));
    let sent = "docker.a.count:1|c\ndocker.b.count:1|c\ndocker.c.count:1|c\n";
    assert_eq!(convert(&mut converter, &later), sent, "from then on a new series counts from zero");
}

#[test]
fn another_choice_does_not_hide_that_the_engine_was_restarted() {
    let body = |value: &str, start: &str| format!("{}process_start_time_seconds {start}\n", counter(value));
    let mut converter = Converter::new(&settings(&[("EXCLUDE", "a")]), Start::FirstScrape);
    convert(&mut converter, &body("100", "1000"));
    let mut converter = restarted(converter, &[]);
    assert!(convert(&mut converter, &body("7", "2000")).starts_with("docker.a.count:7|c\n"));
}
