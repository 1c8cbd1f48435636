//! What is written about limits and faults: each number is that of the source, each limit has its row, each test is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::supply::{root, sources};

/// Limits of arithmetic: how many digits a number has, how much room is made for what is written at once.
const OF_ARITHMETIC: [&str; 6] = [
    "src/convert/name.rs",
    "src/convert/plain.rs",
    "src/decimal.rs",
    "src/series/index.rs",
    "src/series/seen.rs",
    "src/statsd/packet/coded.rs",
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text of each constant, by its file and its name.
fn constants() -> BTreeMap<(String, String), String> {
    let mut constants = BTreeMap::new();
    for path in sources(&root().join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(root()).unwrap().display().to_string();
        for line in text.lines() {
            let declared = line.trim_start_matches("pub ").trim_start_matches("pub(super) ");
            let parts = declared.strip_prefix("const ").and_then(|rest| rest.split_once(": "));
            if let Some((name, (_, value))) =
                parts.and_then(|(name, rest)| Some((name, rest.split_once(" = ")?)))
            {
                constants.insert((path.clone(), name.to_owned()), value.trim_end_matches(';').to_owned());
            }
        }
    }
    constants
}

/// Numbers, names and operators from left to right, as far as the source has them.
fn evaluate(constants: &BTreeMap<(String, String), String>, path: &str, text: &str) -> Option<u128> {
    let mut words = text.split(' ');
    let value = |word: &str| {
        let here = constants.get(&(path.to_owned(), word.to_owned())).map(|text| (path, text));
        let anywhere =
            || constants.iter().find(|((_, name), _)| name == word).map(|((path, _), text)| (&**path, text));
        match word.replace('_', "").parse() {
            Ok(number) => Some(number),
            Err(_) => here.or_else(anywhere).and_then(|(path, text)| evaluate(constants, path, text)),
        }
    };
    let mut result = value(words.next()?)?;
    while let (Some(operator), Some(word)) = (words.next(), words.next()) {
        let right = value(word)?;
        result = match operator {
            "*" => result * right,
            "/" => result / right,
            "-" => result - right,
            "<<" => result << right,
            _ => return None,
        };
    }
    Some(result)
}

/// A constant's value as a person writes it.
fn shown(constants: &BTreeMap<(String, String), String>, path: &str, name: &str) -> Option<String> {
    let text = constants.get(&(path.to_owned(), name.to_owned()))?;
    let units = |number: u128, units: &[(u128, &str)]| {
        let (size, unit) = units.iter().find(|(size, _)| number.is_multiple_of(*size)).unwrap();
        format!("{} {unit}", thousands(number / size))
    };
    let time = ["Duration::from_secs(", "Duration::from_millis("];
    for (begin, ms) in time.into_iter().zip([1000, 1]) {
        if let Some(number) = text.strip_prefix(begin) {
            let number = evaluate(constants, path, number.trim_end_matches(')'))? * ms;
            return Some(units(number, &[(3_600_000, "h"), (1000, "s"), (1, "ms")]));
        }
    }
    let number = evaluate(constants, path, text)?;
    let sizes = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")];
    Some(if name.contains("BYTES") { units(number, &sizes) } else { thousands(number) })
}

fn thousands(number: u128) -> String {
    let digits = number.to_string();
    let groups: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_of_limits_has_each_limit_with_its_value() {
    let constants = constants();
    let document = read("docs/limits.md");
    let mut rows: Vec<_> = document.lines().filter(|line| line.starts_with("| ")).collect();
    rows.retain(|row| row.contains("`src/"));
    let mut described = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, constant, value, _, _] = cells[..] else { panic!("five cells: {row}") };
        let [path, name] = quoted(constant).collect::<Vec<_>>()[..] else { continue };
        assert_eq!(shown(&constants, path, name).as_deref(), Some(value), "{path} {name}");
        described.push((path.to_owned(), name.to_owned()));
    }
    assert!(described.len() > 60, "{}", described.len());
    for limit @ (path, name) in constants.keys().filter(|(_, name)| name.ends_with("_MAX")) {
        let is_exempt = OF_ARITHMETIC.contains(&path.as_str());
        assert!(is_exempt || described.contains(limit), "{path} {name} has no row in docs/limits.md");
    }
}

#[test]
fn every_test_that_a_document_names_is_there() {
    for document in ["docs/limits.md", "docs/reliability.md"] {
        let mut tests = 0;
        for line in read(document).lines() {
            let mut text = String::new();
            for word in quoted(line) {
                if Path::new(word).extension().is_some_and(|extension| extension == "rs") {
                    text = read(word);
                }
                let is_test = word.matches('_').count() >= 2
                    && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                if is_test {
                    assert!(text.contains(&format!("fn {word}()")), "{document}: {word}");
                    tests += 1;
                }
            }
        }
        assert!(tests > 20, "{document}: {tests}");
    }
}
