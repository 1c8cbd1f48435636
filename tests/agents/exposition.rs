//! A reader of Prometheus text, as small as the recorded scrapes allow, so that what the program
//! makes of them can be checked against something that shares no code with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, str};

use crate::support::workspace_root;

/// A sample that a StatsD server should hear of.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    /// In the order of the file; no value is empty.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) kind: Kind,
    /// As written in the file; a finite number.
    pub(crate) value: String,
}

/// What a sample becomes in StatsD.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

impl Sample {
    pub(crate) fn number(&self) -> f64 {
        self.value.parse().expect("a number")
    }
}

/// The recorded scrapes, as paths, in the order of their names.
pub(crate) fn recorded_scrapes() -> Vec<PathBuf> {
    let folder = workspace_root().join("tests/fixtures/scrapes");
    let entries = fs::read_dir(folder).expect("the recorded scrapes");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "prom"));
    paths.sort();
    paths
}

/// The recorded scrapes of engines that had started; there is at least one.
pub(crate) fn complete_scrapes() -> Vec<PathBuf> {
    let mut paths = recorded_scrapes();
    paths.retain(|path| !is_starting(path));
    assert!(!paths.is_empty(), "no recorded scrapes in tests/fixtures/scrapes");
    paths
}

/// Whether the engine was still starting when this scrape was recorded.
pub(crate) fn is_starting(path: &Path) -> bool {
    file_name(path).contains("daemon-starting")
}

pub(crate) fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a file name in UTF-8")
}

/// The samples of an exposition, in its order, without those that nobody is told of: NaN, and the
/// last bucket of a histogram, which is its `_count`.
pub(crate) fn samples(path: &Path) -> Vec<Sample> {
    let text = fs::read_to_string(path).expect("an exposition in UTF-8");
    let mut types = HashMap::new();
    let mut samples = Vec::new();
    for line in text.lines() {
        if let Some(declaration) = line.strip_prefix("# TYPE ") {
            let (family, family_type) = declaration.split_once(' ').expect("name and type");
            types.insert(family, family_type);
        } else if !line.starts_with('#') {
            samples.push(sample(line, &types));
        }
    }
    let infinite = ("le".to_owned(), "+Inf".to_owned());
    samples.retain(|sample| sample.number().is_finite() && !sample.labels.contains(&infinite));
    samples
}

fn sample(line: &str, types: &HashMap<&str, &str>) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("series and value");
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, read_labels(labels)),
        None => (series, Vec::new()),
    };
    Sample { name: name.to_owned(), labels, kind: kind(name, types), value: value.to_owned() }
}

/// The declared type decides; a histogram's and a summary's parts are declared by the family's name.
fn kind(name: &str, types: &HashMap<&str, &str>) -> Kind {
    let parts = ["_bucket", "_count", "_sum"];
    let family = parts.iter().find_map(|part| types.get(name.strip_suffix(part)?));
    match (types.get(name), family) {
        (Some(&"counter"), _) | (None, Some(&("histogram" | "summary"))) => Kind::Counter,
        _ => Kind::Gauge,
    }
}

/// `a="b",c="d"}` with `\\`, `\"` and `\n` in values.
fn read_labels(text: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let mut rest = text;
    while let Some((label, value)) = rest.split_once("=\"") {
        let mut read = String::new();
        let mut characters = value.chars();
        loop {
            match characters.next().expect("a closing quote") {
                '"' => break,
                '\\' => match characters.next().expect("an escaped character") {
                    'n' => read.push('\n'),
                    escaped => read.push(escaped),
                },
                character => read.push(character),
            }
        }
        if !read.is_empty() {
            labels.push((label.trim_start_matches(',').to_owned(), read));
        }
        rest = characters.as_str();
    }
    assert_eq!(rest, "}", "the labels {text}");
    labels
}
