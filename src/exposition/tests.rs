use super::*;
use crate::decimal::Number;

fn shown(body: &str) -> String {
    let exposition = parse(body.as_bytes());
    let mut out = String::new();
    for sample in &exposition.samples {
        let value = match sample.value {
            Number::Finite(decimal) => {
                let mut text = Vec::new();
                decimal.write_to(&mut text);
                String::from_utf8(text).unwrap()
            }
            Number::NotFinite => "not finite".to_owned(),
        };
        out += &format!("{:?} {}", sample.role, sample.name);
        for (name, label) in sample.labels.iter() {
            out += &format!(" {name}={label:?}");
        }
        out += &format!(" -> {value}\n");
    }
    if exposition.malformed > 0 {
        let (line, error) = exposition.first_malformed.unwrap();
        out += &format!("{} malformed, line {line}: {error}\n", exposition.malformed);
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
    assert_eq!(parse(b"a{b=\"\xff\"} 1\nc 1\n").first_malformed, Some((1, LineError::NotUtf8)));
}

#[test]
fn a_line_with_a_malformed_value_still_names_its_series() {
    let body = "# TYPE a counter\na{b=\"c\"} 1x\na 1 2 3\na{b=\"c} 1\n";
    let broken = parse(body.as_bytes()).broken;
    let names: Vec<_> = broken.iter().map(|series| (series.role, series.labels.iter().count())).collect();
    assert_eq!(names, [(Role::Counter, 1), (Role::Counter, 0)]);
}

#[test]
fn samples_are_bounded() {
    let body = |samples: usize| "a 1\n".repeat(samples);
    let (most, more) = (body(SAMPLES_MAX), body(SAMPLES_MAX + 1));
    assert!(!parse(most.as_bytes()).is_too_long);
    assert!(parse(more.as_bytes()).is_too_long);
}

#[test]
fn limits_of_a_line_are_exact() {
    let labels = |count: usize| (0..count).map(|label| format!("l{label}=\"\",")).collect::<String>();
    assert_eq!(parse(format!("a{{{}}} 1", labels(LABELS_MAX)).as_bytes()).samples.len(), 1);
    let over = format!("a{{{}}} 1", labels(LABELS_MAX + 1));
    assert_eq!(parse(over.as_bytes()).first_malformed, Some((1, LineError::TooManyLabels)));
    let line = |length: usize| format!("a{{b=\"{}\"}} 1", "x".repeat(length - 9));
    assert_eq!(parse(line(LINE_BYTES_MAX).as_bytes()).samples.len(), 1);
    assert_eq!(parse(line(LINE_BYTES_MAX + 1).as_bytes()).first_malformed, Some((1, LineError::TooLong)));
}

#[test]
fn every_real_scrape_is_read_without_a_malformed_line() {
    for entry in std::fs::read_dir("tests/fixtures/scrapes").unwrap() {
        let path = entry.unwrap().path();
        let body = std::fs::read(&path).unwrap();
        let exposition = parse(&body);
        let samples =
            body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#').count();
        assert_eq!((exposition.samples.len(), exposition.malformed), (samples, 0), "{}", path.display());
    }
}
