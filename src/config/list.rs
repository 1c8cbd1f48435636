//! Readers of settings that are lists: items between commas, each trimmed, empty ones left out.

use crate::glob::Glob;
use crate::statsd::is_tag_char;

/// The most items of a list: each is compared with every metric.
pub(super) const ITEMS_MAX: usize = 100;
/// The longest name of a label, in characters.
const LABEL_CHARS_MAX: usize = 200;
/// Labels that say what a sample is: without them, or under another name, a histogram's buckets would
/// be one.
const STRUCTURAL: [&str; 2] = ["le", "quantile"];

pub(super) fn globs(text: &str) -> Option<Vec<Glob>> {
    items(text, Glob::parse)
}

pub(super) fn labels(text: &str) -> Option<Vec<String>> {
    items(text, label)
}

/// `old:new` pairs; no label gets two names.
pub(super) fn renames(text: &str) -> Option<Vec<(String, String)>> {
    let renames = items(text, |item| {
        let (old, new) = item.split_once(':')?;
        Some((label(old.trim())?, label(new.trim())?))
    })?;
    let mut names: Vec<_> = renames.iter().map(|(old, _)| old).collect();
    names.sort_unstable();
    names.dedup();
    (names.len() == renames.len()).then_some(renames)
}

fn label(text: &str) -> Option<String> {
    let allowed = text.chars().all(|char| is_tag_char(char) && char != ':');
    let fits = (1..=LABEL_CHARS_MAX).contains(&text.chars().count());
    (allowed && fits && !STRUCTURAL.contains(&text)).then(|| text.to_owned())
}

pub(super) fn items<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let items: Option<Vec<T>> =
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(parse).collect();
    items.filter(|items| items.len() <= ITEMS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stand_between_commas() {
        let shown =
            |text: &str| globs(text).map(|globs| globs.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(shown(""), Some(vec![]));
        assert_eq!(shown("go_*, ,process_?"), Some(vec!["go_*".to_owned(), "process_?".to_owned()]));
        assert_eq!(shown("go_*,a b"), None);
        assert_eq!(shown(&"a,".repeat(ITEMS_MAX)).map(|globs| globs.len()), Some(ITEMS_MAX));
        assert_eq!(shown(&"a,".repeat(ITEMS_MAX + 1)), None);
    }

    #[test]
    fn labels_that_say_what_a_sample_is_stay() {
        assert_eq!(labels("a,service.name"), Some(vec!["a".to_owned(), "service.name".to_owned()]));
        for wrong in ["le", "a,quantile", "a:b", "a b", &"x".repeat(201)] {
            assert_eq!(labels(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_label_is_renamed_to_one_other() {
        let pair = |old: &str, new: &str| (old.to_owned(), new.to_owned());
        assert_eq!(renames("a:b, b : a,c:b"), Some(vec![pair("a", "b"), pair("b", "a"), pair("c", "b")]));
        for wrong in ["a", "a:", ":b", "a:b:c", "a:b,a:c", "le:bound", "a:le"] {
            assert_eq!(renames(wrong), None, "{wrong}");
        }
    }
}
