use super::*;
use crate::decimal::{Number, ShortText};

fn decimal(text: &str) -> Decimal {
    Number::parse(text).and_then(Number::finite).unwrap()
}

fn line(identity: Fingerprint) -> Line {
    Line { head: identity, head_bytes: 1, identity, note: 0, kind: LineKind::Cumulative }
}

/// A series' value in the scrape being read; what it owes.
fn observe(series: &mut Series, identity: Fingerprint, value: &str) -> Decimal {
    let line = line(identity);
    let place = series.find(&line);
    series.observe(place, &line, decimal(value), ShortText::NONE)
}

/// The scrape ends, and everything owed is delivered or not.
fn finish(series: &mut Series, owed: &[(Fingerprint, Decimal)], had_all: bool, refused: bool) -> Decimal {
    let mut all = owed.to_vec();
    all.extend(series.finish(had_all).map(|(identity, debt)| (identity, debt.amount)));
    for (identity, amount) in all.iter().filter(|(_, amount)| !amount.is_zero()) {
        if refused {
            series.owe(*identity, *amount, b"text\n");
        } else {
            series.settle(*identity);
        }
    }
    all.iter().fold(Decimal::ZERO, |sum, (_, amount)| sum.plus(*amount))
}

/// Each step is a scrape of one series, `-` where the scrape lacks it, `!` before it where nothing
/// that was owed could be sent, `R` where the process restarted. Returns what each step sent.
fn sent(steps: &[&str]) -> Vec<String> {
    let mut series = Series::default();
    let mut sent = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let refused = step.starts_with('!');
        let text = step.trim_start_matches('!');
        let continuity = match text.starts_with('R') {
            true => Continuity::Restarted,
            false if number == 0 => Continuity::Baseline,
            false => Continuity::Continued,
        };
        series.begin(continuity);
        let owed: Vec<_> = match text.trim_start_matches('R') {
            "-" => vec![],
            value => vec![(7, observe(&mut series, 7, value))],
        };
        let total = finish(&mut series, &owed, true, refused);
        sent.push(if refused {
            "refused".to_owned()
        } else {
            let mut text = Vec::new();
            total.write_to(&mut text);
            String::from_utf8(text).unwrap()
        });
    }
    sent
}

#[track_caller]
fn check(steps: &[&str], expected: &[&str]) {
    assert_eq!(sent(steps), expected);
}

#[test]
fn the_first_scrape_is_the_baseline() {
    check(&["40", "40", "41"], &["0", "0", "1"]);
}

#[test]
fn fractions_are_exact() {
    check(&["0.25", "0.75", "0.8"], &["0", "0.5", "0.05"]);
}

#[test]
fn reset_counter_sends_new_value() {
    check(&["100", "3", "5"], &["0", "3", "2"]);
}

#[test]
fn restarted_process_sends_new_value_even_if_it_did_not_fall() {
    check(&["100", "R130", "131"], &["0", "130", "1"]);
}

#[test]
fn late_series_has_grown_from_zero() {
    check(&["-", "40", "41"], &["0", "40", "1"]);
}

#[test]
fn series_gone_and_back_has_grown_from_zero() {
    check(&["40", "-", "30", "31"], &["0", "0", "30", "1"]);
    check(&["40", "-", "50"], &["0", "0", "50"]);
}

#[test]
fn refused_growth_stays_owed() {
    check(&["10", "!11", "!13", "14", "14"], &["0", "refused", "refused", "4", "0"]);
}

#[test]
fn growth_before_a_reset_stays_owed_over_it() {
    check(&["10", "!15", "2"], &["0", "refused", "7"]);
}

#[test]
fn a_series_that_goes_while_it_owes_still_pays() {
    check(&["10", "!15", "!-", "-", "-"], &["0", "refused", "refused", "5", "0"]);
    check(&["10", "!15", "!-", "3"], &["0", "refused", "refused", "8"]);
}

#[test]
fn what_a_large_scrape_needed_is_given_back() {
    let mut series = Series::default();
    for count in [10_000, 100, 100] {
        series.begin(Continuity::Continued);
        (0..count).for_each(|identity| {
            observe(&mut series, identity, "1");
        });
        finish(&mut series, &[], true, false);
    }
    assert_eq!(series.len(), 100);
    assert!(series.memory_bytes() <= 150 * size_of::<Known>(), "{}", series.memory_bytes());
    assert_eq!(size_of::<Known>(), 20);
}

#[test]
fn the_first_of_two_equal_lines_counts() {
    let mut series = Series::default();
    for _ in 0..3 {
        series.begin(Continuity::Continued);
        for identity in [1, 2, 3] {
            observe(&mut series, identity, "1");
        }
        for identity in [1, 3] {
            assert_eq!(series.find(&line(identity)), Place::Repeated);
        }
        finish(&mut series, &[], true, false);
    }
}

/// The places of these lines in a scrape that follows one of the lines 0 to 19.
#[track_caller]
fn check_places(identities: &[Fingerprint], expected: &[Place]) {
    let mut series = Series::default();
    series.begin(Continuity::Baseline);
    (0..20).for_each(|identity| {
        observe(&mut series, identity, "1");
    });
    finish(&mut series, &[], true, false);
    series.begin(Continuity::Continued);
    let mut places = Vec::new();
    for identity in identities {
        let line = line(*identity);
        let place = series.find(&line);
        series.observe(place, &line, decimal("2"), ShortText::NONE);
        places.push(place);
    }
    assert_eq!(places, expected);
}

#[test]
fn lines_are_found_wherever_they_stand() {
    use Place::{Expected, Moved, New, Repeated};
    check_places(&[0, 1, 2], &[Expected, Expected, Expected]);
    check_places(&[0, 2, 3, 1, 2], &[Expected, Moved(2), Expected, Moved(1), Repeated]);
    check_places(
        &[19, 18, 0, 1, 30, 2, 30],
        &[Moved(19), Moved(18), Moved(0), Expected, New, Expected, Repeated],
    );
    check_places(&[0, 30, 1, 0], &[Expected, New, Expected, Repeated]);
}

#[test]
fn a_scrape_that_was_not_finished_leaves_no_trace() {
    let mut series = Series::default();
    series.begin(Continuity::Baseline);
    (0..20).for_each(|identity| {
        observe(&mut series, identity, "1");
    });
    finish(&mut series, &[], true, false);
    let before: Vec<_> = series.records().collect();
    for identities in [&[0, 1, 2][..], &[5, 30, 4, 19], &[30, 31]] {
        series.begin(Continuity::Continued);
        identities.iter().for_each(|identity| {
            observe(&mut series, *identity, "9");
        });
        series.begin(Continuity::Continued);
        assert!(series.records().eq(before.iter().copied()));
        assert_eq!(observe(&mut series, 0, "3"), decimal("2"));
        series.begin(Continuity::Continued);
    }
}

/// Each step is a value, `?` where it is of no use, or `-` where the scrape lacks the series; what
/// each step adds to what is owed.
#[track_caller]
fn check_growth(steps: &[&str], had_all: bool, expected: &[&str]) {
    let mut series = Series::default();
    let mut growth = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let continuity = if number == 0 { Continuity::Baseline } else { Continuity::Continued };
        series.begin(continuity);
        let owed = match *step {
            "-" => Decimal::ZERO,
            "?" => {
                let place = series.find(&line(7));
                series.keep(place, &line(7));
                Decimal::ZERO
            }
            value => observe(&mut series, 7, value),
        };
        finish(&mut series, &[], had_all, false);
        growth.push(owed);
    }
    assert_eq!(growth, expected.iter().map(|text| decimal(text)).collect::<Vec<_>>());
}

#[test]
fn a_value_of_no_use_changes_nothing() {
    check_growth(&["5", "?", "7"], true, &["0", "0", "2"]);
    check_growth(&["?", "5", "7"], true, &["0", "0", "2"]);
    check_growth(&["-", "?", "7"], true, &["0", "0", "7"]);
}

#[test]
fn a_series_missing_beside_a_malformed_line_is_not_forgotten() {
    check_growth(&["5", "-", "7"], true, &["0", "0", "7"]);
    check_growth(&["5", "-", "7"], false, &["0", "0", "2"]);
}

#[test]
fn each_record_has_the_value_of_its_own_series() {
    let large = ["999999999999999998", "999999999999999999"];
    let values = ["0", "0", "?", "?", large[0], large[1], large[1], "7.5", "7.5", "0"];
    let seen = values.map(|text| Number::parse(text).and_then(Number::finite));
    let mut series = Series::default();
    (1..).zip(seen).for_each(|(identity, seen)| series.resume(Record { identity, seen }));
    assert_eq!(series.records().map(|record| record.seen).collect::<Vec<_>>(), seen);
}

#[test]
fn numbers_that_need_more_room_are_exact_too() {
    check(
        &["999999999999999990", "999999999999999999", "3e22", "4e22", "5e299"],
        &["0", "9", "29999000000000000000000", "10000000000000000000000", &format!("5{}", "0".repeat(299))],
    );
}

#[test]
fn what_is_kept_beside_malformed_lines_is_bounded() {
    let mut series = Series::default();
    // As far apart as fingerprints are.
    let identity = |number: usize| (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..LINES_MAX).for_each(|number| series.resume(Record { identity: identity(number), seen: None }));
    series.begin(Continuity::Continued);
    let other = Line { kind: LineKind::Passing, ..line(7) };
    (0..5).for_each(|_| series.pass(Place::New, &other));
    finish(&mut series, &[], false, false);
    assert_eq!(series.len(), LINES_MAX - 5);
    // What came back was there all the time, as far as anybody knows.
    for (value, grown, had_all) in [("5", "0", true), ("7", "2", true)] {
        series.begin(Continuity::Continued);
        assert_eq!(observe(&mut series, identity(LINES_MAX - 1), value), decimal(grown));
        finish(&mut series, &[], had_all, false);
    }
    series.begin(Continuity::Continued);
    assert_eq!(
        observe(&mut series, identity(0), "9"),
        decimal("9"),
        "a scrape that could be read did not have it"
    );
}

#[test]
fn what_is_owed_is_bounded_and_what_finds_no_room_is_counted() {
    let mut series = Series::default();
    let text = vec![b'x'; OWED_BYTES_MAX / 4 - DEBT_BYTES];
    let one = decimal("1");
    let check = |series: &mut Series, owing: usize, lost: usize| {
        assert_eq!(series.debts().len(), owing);
        assert_eq!(series.take_lost(), lost);
    };
    // What fits exactly is kept.
    (0..4).for_each(|identity| series.owe(identity, one, &text));
    check(&mut series, 4, 0);
    (4..7).for_each(|identity| series.owe(identity, one, b""));
    check(&mut series, 4, 3);
    // One that owes already may owe more.
    series.owe_more(0, one, &text);
    check(&mut series, 4, 0);
    assert_eq!(series.debt(0).map(|debt| debt.amount), Some(decimal("2")));
    series.settle(1);
    series.owe(4, one, &text);
    series.owe(5, one, b"");
    check(&mut series, 4, 1);
    (0..7).for_each(|identity| series.settle(identity));
    series.begin(Continuity::Continued);
    assert_eq!((series.owed_bytes, series.debts.capacity()), (0, 0));
}
