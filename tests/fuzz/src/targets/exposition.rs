//! The parser: *of every line it says what a slow reader says: nothing, a type, a sample with its labels and its value, or
//! the same error. What is read from where a line begins, or from the line before it, is the same.*

use std::collections::BTreeMap;

use docker_metrics_statsd::decimal::{Decimal, Number};
use docker_metrics_statsd::exposition::{Kind, Line, Pattern, Sample, parse};

use crate::reference::exposition as slow;
use crate::reference::number::{self, Value};

/// A body.
pub fn exposition(input: &[u8]) {
    usual_lines(input);
    for (line, expected) in input.split(|byte| *byte == b'\n').zip(slow::lines(input)) {
        match (parse(line), expected) {
            (Ok(Line::Nothing), Ok(slow::Line::Nothing)) => {}
            (Ok(Line::Type { family, kind }), Ok(slow::Line::Type { family: expected, kind: word })) => {
                assert_eq!((&*family, kind), (&*expected, kind_of(&word)));
            }
            (Ok(Line::Sample(sample)), Ok(slow::Line::Sample(expected))) => {
                assert_eq!(sample.name(), expected.name);
                let all: Vec<_> = sample.labels().iter().collect();
                let labels: BTreeMap<_, _> =
                    all.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
                let labels: BTreeMap<_, _> =
                    labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
                assert_eq!(labels, expected.labels);
                for (name, value) in &labels {
                    assert_eq!(sample.labels().get(name).as_deref(), Some(value.as_str()));
                }
                let (value, expected) = (sample.value.map(text), expected.value.map(slow_text));
                assert_eq!(value, expected);
                assert!(line.starts_with(sample.head));
            }
            (Err(error), Err(expected)) => assert_eq!(error, expected),
            (found, expected) => {
                panic!(
                    "{:?}: {found:?}, expected an error: {:?}",
                    line.escape_ascii().to_string(),
                    expected.err()
                )
            }
        }
    }
}

/// The usual lines once more, each from where it begins in the body, and from one before it.
fn usual_lines(input: &[u8]) {
    let mut before: Option<Pattern<'_>> = None;
    let mut begin = 0;
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let text = input.get(begin..).unwrap_or_default();
        begin += line.len();
        let like = before.take().and_then(|mut pattern| {
            let same = pattern.same_bytes(text)?;
            pattern.advance(text, same).then_some(pattern)
        });
        let Some(pattern) = Pattern::leading(text) else {
            assert!(like.is_none());
            continue;
        };
        if let Some((sample, bytes)) = Sample::leading(&pattern) {
            assert_eq!(bytes, line.len());
            if let Some((like, _)) = like.as_ref().and_then(Sample::leading) {
                assert_eq!(shown(&like), shown(&sample));
            }
            let Ok(Line::Sample(parsed)) = parse(line.strip_suffix(b"\n").unwrap_or(line)) else {
                panic!("{:?} is no sample", line.escape_ascii().to_string());
            };
            assert_eq!(shown(&sample), shown(&parsed));
        }
        before = like.or(Some(pattern));
    }
}

fn shown(sample: &Sample<'_>) -> String {
    let labels: Vec<_> = sample.labels().iter().collect();
    let Sample { head, value, .. } = sample;
    format!("{:?} {labels:?} {:?} {value:?} {head:?}", sample.name(), sample.usual())
}

fn kind_of(word: &str) -> Kind {
    match word {
        "counter" => Kind::Counter,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "gauge" | "info" | "stateset" | "gaugehistogram" => Kind::Gauge,
        _ => Kind::Untyped,
    }
}

/// As it is sent.
pub(super) fn plain(decimal: Decimal) -> String {
    let mut text = Vec::new();
    decimal.write_to(&mut text);
    String::from_utf8(text).unwrap()
}

/// `None` if it is not finite.
pub(super) fn text(number: Number) -> Option<String> {
    number.finite().map(plain)
}

/// The same, slowly.
pub(super) fn slow_text(value: Value) -> Option<String> {
    value.finite().map(number::Number::text)
}
