use super::*;
use crate::decimal::Number;
use crate::fingerprint::Fingerprints;

fn role(families: &mut Families, name: &str, fingerprints: &Fingerprints) -> Role {
    families.standing(name.as_bytes(), fingerprints).role
}

/// The samples of a body, and what is wrong with its other lines.
fn shown(body: &str) -> String {
    let fingerprints = Fingerprints::with_key(1);
    let mut families = Families::default();
    families.begin();
    let mut out = String::new();
    let mut errors = Vec::new();
    for (index, line) in body.split_terminator('\n').enumerate() {
        let error = match parse(line.as_bytes()) {
            Ok(Line::Nothing) => continue,
            Ok(Line::Type { family, kind }) => {
                families.declare(&family, kind, &fingerprints);
                continue;
            }
            Ok(Line::Sample(sample)) => {
                let (name, labels) = (sample.name(), sample.labels());
                let value = match sample.value {
                    Ok(Number::Finite(decimal)) => {
                        let mut text = Vec::new();
                        decimal.write_to(&mut text);
                        String::from_utf8(text).unwrap()
                    }
                    Ok(Number::NotFinite) => "not finite".to_owned(),
                    Err(error) => {
                        errors.push((index + 1, error));
                        continue;
                    }
                };
                out += &format!("{:?} {name}", role(&mut families, &name, &fingerprints));
                for (name, label) in labels.iter() {
                    out += &format!(" {name}={label:?}");
                }
                out += &format!(" -> {value}\n");
                continue;
            }
            Err(error) => error,
        };
        errors.push((index + 1, error));
    }
    if let Some((line, error)) = errors.first() {
        out += &format!("{} malformed, line {line}: {error}\n", errors.len());
    }
    out
}

#[track_caller]
fn check(body: &str, expected: &[&str]) {
    assert_eq!(shown(body).lines().collect::<Vec<_>>(), expected, "{body}");
}

#[test]
fn plain_samples() {
    check("a 1\n", &["Untyped a -> 1"]);
    check("a 1", &["Untyped a -> 1"]);
    check("\n\n  \t\na 1\r\n", &["Untyped a -> 1"]);
    check("  a \t 1\n", &["Untyped a -> 1"]);
    check("job:rate:5m 0.5\n", &["Untyped job:rate:5m -> 0.5"]);
    check("", &[]);
}

#[test]
fn labels_with_blanks_trailing_commas_and_none_at_all() {
    check("a{} 1\n", &["Untyped a -> 1"]);
    check("a{b=\"c\"}1\n", &["Untyped a b=\"c\" -> 1"]);
    check("a { b = \"c\" , d = \"e\" , } 1\n", &["Untyped a b=\"c\" d=\"e\" -> 1"]);
    check("a{b=\"\"} 1\n", &["Untyped a b=\"\" -> 1"]);
}

#[test]
fn label_values_with_everything_in_them() {
    check(r#"a{b="x,y}z{ #|"} 1"#, &[r#"Untyped a b="x,y}z{ #|" -> 1"#]);
    check(r#"a{b="q\"q",c="n\nn",d="s\\"} 1"#, &[r#"Untyped a b="q\"q" c="n\nn" d="s\\" -> 1"#]);
    check(r#"a{b="C:\dir\\"} 1"#, &[r#"Untyped a b="C:\\dir\\" -> 1"#]);
    check("a{b=\"é日\"} 1", &["Untyped a b=\"é日\" -> 1"]);
}

#[test]
fn timestamps_exemplars_and_openmetrics_comments_are_tolerated() {
    check("a 1 1395066363000\n", &["Untyped a -> 1"]);
    check("a 1 -3982045\n", &["Untyped a -> 1"]);
    check("a 1 1520879607.789\n", &["Untyped a -> 1"]);
    check("a 1 # {trace_id=\"x\"} 0.5 1520879607.789\n", &["Untyped a -> 1"]);
    check("a{b=\"c\"} 1 2 # {} 0.5\n", &["Untyped a b=\"c\" -> 1"]);
    check("# UNIT a seconds\n# HELP a {\"\na 1\n# EOF\n#\n#x\n", &["Untyped a -> 1"]);
}

#[test]
fn quoted_names() {
    check("{\"a.b\",c=\"d\"} 1\n", &["Untyped a.b c=\"d\" -> 1"]);
    check("{\"a.b\"} 1\n", &["Untyped a.b -> 1"]);
    check("{c=\"d\",\"a b\"} 1\n", &["Untyped a b c=\"d\" -> 1"]);
    check("a{\"x.y\"=\"z\"} 1\n", &["Untyped a x.y=\"z\" -> 1"]);
    check("# TYPE \"a.b\" counter\n{\"a.b\"} 1\n", &["Counter a.b -> 1"]);
}

#[test]
fn values_that_are_not_finite() {
    check(
        "a NaN\nb +Inf\nc -Inf\n",
        &["Untyped a -> not finite", "Untyped b -> not finite", "Untyped c -> not finite"],
    );
}

#[test]
fn the_type_line_decides_and_never_the_suffix() {
    check("# TYPE a_total gauge\na_total 1\n", &["Gauge a_total -> 1"]);
    check("# TYPE a counter\na 1\nb_total 2\n", &["Counter a -> 1", "Untyped b_total -> 2"]);
    check("# TYPE a unknown\na 1\n# TYPE b strange\nb 1\n", &["Untyped a -> 1", "Untyped b -> 1"]);
    check("# TYPE a untyped\na 1\n", &["Untyped a -> 1"]);
    check("#\tTYPE\ta\tcounter\na 1\n", &["Counter a -> 1"]);
    check("# TYPE a counter\n# HELP a after the type\na 1\n", &["Counter a -> 1"]);
}

#[test]
fn histograms_and_summaries() {
    let body = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 0.5\nh_count 2\nh_created 9\n\
                # TYPE s summary\ns{quantile=\"0.5\"} 3\ns_sum 4\ns_count 5\n";
    check(
        body,
        &[
            "HistogramBucket h_bucket le=\"1\" -> 1",
            "HistogramBucket h_bucket le=\"+Inf\" -> 2",
            "HistogramSum h_sum -> 0.5",
            "HistogramCount h_count -> 2",
            "Created h_created -> 9",
            "SummaryQuantile s quantile=\"0.5\" -> 3",
            "SummarySum s_sum -> 4",
            "SummaryCount s_count -> 5",
        ],
    );
}

#[test]
fn a_family_of_its_own_wins_over_a_suffix() {
    let body = "# TYPE h histogram\n# TYPE h_count gauge\nh_count 1\nh_sum 2\n";
    check(body, &["Gauge h_count -> 1", "HistogramSum h_sum -> 2"]);
}

#[test]
fn openmetrics_families() {
    let body = "# TYPE c counter\nc_total 1\nc_created 2\n# TYPE i info\ni_info{v=\"1\"} 1\n\
                # TYPE g gaugehistogram\ng_bucket{le=\"1\"} 3\ng_gcount 4\n# TYPE t stateset\nt{t=\"a\"} 1\n";
    check(
        body,
        &[
            "Counter c_total -> 1",
            "Created c_created -> 2",
            "Gauge i_info v=\"1\" -> 1",
            "Gauge g_bucket le=\"1\" -> 3",
            "Gauge g_gcount -> 4",
            "Gauge t t=\"a\" -> 1",
        ],
    );
}

#[test]
fn a_malformed_line_is_skipped_and_counted() {
    for (line, error) in [
        ("a", LineError::Name),
        ("a ", LineError::Value),
        ("a x", LineError::Value),
        ("a 0x10", LineError::Value),
        ("1a 1", LineError::Name),
        ("a.b 1", LineError::Name),
        ("{} 1", LineError::Name),
        ("a{\"b\"} 1", LineError::Name),
        ("a{b} 1", LineError::Labels),
        ("a{b=c} 1", LineError::Labels),
        ("a{b=\"c} 1", LineError::Labels),
        ("a{b=\"c\" 1", LineError::Labels),
        ("a{b=\"c\"d=\"e\"} 1", LineError::Labels),
        ("a{,} 1", LineError::Labels),
        ("a{b:c=\"d\"} 1", LineError::Labels),
        ("a{1b=\"d\"} 1", LineError::Labels),
        ("a{\"\"=\"d\"} 1", LineError::Labels),
        ("a{b=\"c\",b=\"d\"} 1", LineError::DuplicateLabel),
        ("a 1 x", LineError::Timestamp),
        ("a 1 2 3", LineError::Timestamp),
        ("a 1 NaN", LineError::Timestamp),
        ("# TYPE a", LineError::Type),
        ("# TYPE a counter more", LineError::Type),
    ] {
        let error = format!("1 malformed, line 2: {error}");
        check(
            &format!("before 1\n{line}\nafter 2\n"),
            &["Untyped before -> 1", "Untyped after -> 2", &error],
        );
    }
    assert_eq!(error(b"a{b=\"\xff\"} 1"), Some(LineError::NotUtf8));
    assert_eq!(error(b"a 1\xff"), Some(LineError::NotUtf8));
}

fn error(line: &[u8]) -> Option<LineError> {
    parse(line).err()
}

#[test]
fn a_line_with_a_malformed_value_still_names_its_series() {
    for (line, labels) in [("a{b=\"c\"} 1x", 1), ("a{b=\"c\",} 1x", 1), ("a 1 2 3", 0)] {
        let Ok(Line::Sample(sample)) = parse(line.as_bytes()) else { panic!("{line}") };
        assert_eq!((sample.name().as_ref(), sample.labels().iter().count()), ("a", labels), "{line}");
        assert!(sample.value.is_err());
    }
}

#[test]
fn limits_of_a_line_are_exact() {
    let labels = |count: usize| (0..count).map(|label| format!("l{label}=\"\",")).collect::<String>();
    assert_eq!(error(format!("a{{{}}} 1", labels(LABELS_MAX)).as_bytes()), None);
    let over = format!("a{{{}}} 1", labels(LABELS_MAX + 1));
    assert_eq!(error(over.as_bytes()), Some(LineError::TooManyLabels));
    let line = |length: usize| format!("a{{b=\"{}\"}} 1", "x".repeat(length - 9));
    assert_eq!(error(line(LINE_BYTES_MAX).as_bytes()), None);
    assert_eq!(error(line(LINE_BYTES_MAX + 1).as_bytes()), Some(LineError::TooLong));
}

#[test]
fn a_scrape_in_the_order_of_the_last_has_the_same_roles() {
    let fingerprints = Fingerprints::with_key(1);
    let mut families = Families::default();
    families.begin();
    families.declare("a", Kind::Counter, &fingerprints);
    families.declare("b", Kind::Histogram, &fingerprints);
    families.finish();
    families.begin();
    assert_eq!(role(&mut families, "a", &fingerprints), Role::Untyped);
    families.pass(1);
    assert_eq!(role(&mut families, "a", &fingerprints), Role::Counter);
    assert_eq!(role(&mut families, "b_sum", &fingerprints), Role::Untyped);
    families.declare("b", Kind::Summary, &fingerprints);
    assert!(!families.is_in_step());
    assert_eq!(role(&mut families, "b_sum", &fingerprints), Role::SummarySum);
    assert_eq!(role(&mut families, "a", &fingerprints), Role::Counter);
}

#[test]
fn families_that_claim_one_sample_are_disputed_in_either_order() {
    let fingerprints = Fingerprints::with_key(1);
    let check = |declared: &[(&str, Kind)], expected: bool| {
        let mut families = Families::default();
        families.begin();
        declared.iter().for_each(|(family, kind)| families.declare(family, *kind, &fingerprints));
        assert_eq!(families.are_disputed(), expected, "{declared:?}");
    };
    for (left, right, expected) in [
        (("a", Kind::Histogram), ("a_sum", Kind::Gauge), true),
        (("a", Kind::Counter), ("a_total", Kind::Counter), true),
        (("a", Kind::Gauge), ("a_total", Kind::Counter), false),
        (("a", Kind::Untyped), ("a_count", Kind::Gauge), false),
        (("a", Kind::Summary), ("a_sum_count", Kind::Gauge), false),
    ] {
        check(&[left, right], expected);
        check(&[right, left], expected);
    }
    check(&[("a", Kind::Histogram), ("a", Kind::Summary), ("b", Kind::Gauge)], false);
}

#[test]
fn a_sample_follows_the_family_that_decides_if_that_was_declared_last() {
    let fingerprints = Fingerprints::with_key(1);
    let mut families = Families::default();
    families.begin();
    families.declare("a", Kind::Histogram, &fingerprints);
    let follows =
        |families: &mut Families, name: &str| families.standing(name.as_bytes(), &fingerprints).follows_type;
    assert!(follows(&mut families, "a_bucket") && follows(&mut families, "a"));
    assert!(!follows(&mut families, "a_total") && !follows(&mut families, "b"));
    families.declare("b", Kind::Counter, &fingerprints);
    assert!(!follows(&mut families, "a_bucket") && follows(&mut families, "b"));
    families.finish();
    families.begin();
    families.pass(1);
    assert!(follows(&mut families, "a_bucket"));
    families.pass(1);
    assert!(!follows(&mut families, "a_bucket") && follows(&mut families, "b_total"));
}

#[test]
fn families_are_bounded() {
    let fingerprints = Fingerprints::with_key(1);
    let mut families = Families::default();
    for passed in [0, FAMILIES_MAX - 1] {
        families.begin();
        families.pass(passed);
        (passed..FAMILIES_MAX).for_each(|_| families.declare("a", Kind::Counter, &fingerprints));
        assert!(!families.are_too_many(), "{passed} as before");
        families.declare("b", Kind::Counter, &fingerprints);
        assert!(families.are_too_many(), "{passed} as before");
        families.declare("c", Kind::Counter, &fingerprints);
        assert_eq!(role(&mut families, "c", &fingerprints), Role::Untyped, "more are not kept");
        families.begin();
        (0..FAMILIES_MAX).for_each(|_| families.declare("a", Kind::Counter, &fingerprints));
        families.finish();
    }
}

#[test]
fn a_scrape_that_was_not_finished_leaves_the_families_as_they_were() {
    let fingerprints = Fingerprints::with_key(1);
    let mut families = Families::default();
    families.begin();
    families.declare("a", Kind::Counter, &fingerprints);
    families.finish();
    families.begin();
    families.declare("a", Kind::Gauge, &fingerprints);
    families.begin();
    families.pass(1);
    assert_eq!(role(&mut families, "a", &fingerprints), Role::Counter);
}

#[test]
fn every_real_scrape_is_read_without_a_malformed_line() {
    for entry in std::fs::read_dir("tests/fixtures/scrapes").unwrap() {
        let path = entry.unwrap().path();
        let body = std::fs::read(&path).unwrap();
        let lines = || body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let samples = lines().filter(|line| line[0] != b'#').count();
        let usual = |line: &&[u8]| match parse(line).unwrap() {
            Line::Sample(sample) => sample.usual().is_some() && sample.value.is_ok(),
            Line::Nothing | Line::Type { .. } => false,
        };
        // Engines write nothing that needs the whole grammar, but for escapes in their build tags.
        assert!(lines().filter(usual).count() + 2 >= samples, "{}", path.display());
    }
}
