//! Just enough of the exposition format to say what the engine itself claims, apart from the
//! plugin's own parser.

use std::collections::BTreeMap;

/// The samples of the families whose names begin with `prefix` and whose kind is one of `kinds`, by
/// the names that they have at a StatsD server without tags.
pub(crate) fn samples(exposition: &str, prefix: &str, kinds: &[&str]) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut family = ("", "");
    for line in exposition.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            family = kind.split_once(' ').expect("# TYPE NAME KIND");
        } else if !line.starts_with('#') && family.0.starts_with(prefix) && kinds.contains(&family.1) {
            let (series, value) = line.rsplit_once(' ').expect("SERIES VALUE");
            samples.insert(folded(series), value.parse().expect("a number"));
        }
    }
    samples
}

/// `a{b="c",d="1.5"}` is `docker.a.b.c.d.1_5`.
fn folded(series: &str) -> String {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let mut folded = format!("docker.{name}");
    for label in labels.trim_end_matches('}').split_terminator("\",") {
        let (key, value) = label.split_once("=\"").expect("KEY=\"VALUE\"");
        let allowed = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let value = value.trim_end_matches('"').replace(|character| !allowed(character), "_");
        folded.push_str(&format!(".{key}.{value}"));
    }
    folded
}

#[test]
fn a_series_is_folded_into_a_name() {
    assert_eq!(folded("a"), "docker.a");
    assert_eq!(folded(r#"a{b="c",d="1.5"}"#), "docker.a.b.c.d.1_5");
    let exposition = "# TYPE a counter\na{b=\"c, d\"} 2\n# TYPE e gauge\ne 1e3\n";
    assert_eq!(samples(exposition, "", &["counter"]), [("docker.a.b.c__d".to_owned(), 2.0)].into());
    assert_eq!(samples(exposition, "e", &["gauge"]), [("docker.e".to_owned(), 1000.0)].into());
}
