//! Which labels a series is sent with, and under which names: `DROP_LABELS` and `RENAME_LABELS`.

use super::canonical::{Label, sort};
use crate::config::Settings;
use crate::exposition::Sample;

/// Drops and renames labels.
#[derive(Debug)]
pub(super) struct Labeling {
    drop: Vec<String>,
    rename: Vec<(String, String)>,
}

impl Labeling {
    /// The labeling that these settings ask for.
    pub(super) fn new(settings: &Settings) -> Self {
        Self { drop: settings.drop_labels.clone(), rename: settings.rename_labels.clone() }
    }

    /// Whether the labels of the sample are sent under their own names.
    #[inline]
    pub(super) fn leaves(&self, sample: &Sample<'_>) -> bool {
        let is_changed = |name: &str| {
            self.drop.iter().any(|drop| drop == name)
                || self.rename.iter().any(|(old, new)| old == name || new == name)
        };
        (self.drop.is_empty() && self.rename.is_empty())
            || !sample.labels().iter().any(|(name, _)| is_changed(&name))
    }

    /// The labels to send of these, which are the sample's and in their canonical order, in that order again; and whether
    /// they are others.
    pub(super) fn sent<'a>(&self, sample: &Sample<'_>, labels: Vec<Label<'a>>) -> (Vec<Label<'a>>, bool) {
        if self.leaves(sample) {
            return (labels, false);
        }
        let mut sent = self.apply(labels);
        sort(&mut sent);
        (sent, true)
    }

    /// The labels to send, in the order given, which is no longer that of their names. Both settings go
    /// by Prometheus' names, so two labels can change places. Of labels that get one name, the first
    /// that was renamed stays, as the person who renames it wants that one.
    fn apply<'a>(&self, labels: Vec<Label<'a>>) -> Vec<Label<'a>> {
        let mut renamed: Vec<&str> = Vec::new();
        let mut sent: Vec<Label<'a>> = Vec::with_capacity(labels.len());
        for (name, value) in labels {
            if self.drop.iter().any(|drop| *drop == name) {
                continue;
            }
            match self.rename.iter().find(|(old, _)| *old == name) {
                Some((_, new)) if renamed.contains(&new.as_str()) => {}
                Some((_, new)) => {
                    sent.retain(|(name, _)| name != new);
                    sent.push((new.clone().into(), value));
                    renamed.push(new);
                }
                None if renamed.contains(&name.as_ref()) => {}
                None => sent.push((name, value)),
            }
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(drop: &str, rename: &str, labels: &[(&str, &str)], expected: &[(&str, &str)]) {
        let settings = Settings::from_vars("", |name| match name {
            "DROP_LABELS" => Some(drop.to_owned()),
            "RENAME_LABELS" => Some(rename.to_owned()),
            _ => None,
        });
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let sent = Labeling::new(&settings.unwrap()).apply(labels);
        let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        assert_eq!(sent, expected, "{drop} {rename}");
    }

    const LABELS: &[(&str, &str)] = &[("a", "1"), ("b", "2"), ("c", "3")];

    #[test]
    fn labels_are_dropped_and_renamed_by_their_own_names() {
        check("", "", LABELS, LABELS);
        check("b,z", "", LABELS, &[("a", "1"), ("c", "3")]);
        check("", "b:x,z:y", LABELS, &[("a", "1"), ("x", "2"), ("c", "3")]);
        check("", "a:b,b:a", LABELS, &[("b", "1"), ("a", "2"), ("c", "3")]);
        check("a", "b:a", LABELS, &[("a", "2"), ("c", "3")]);
        check("a", "a:x", LABELS, &[("b", "2"), ("c", "3")]);
    }

    #[test]
    fn a_renamed_label_replaces_one_that_has_its_name() {
        check("", "a:c", LABELS, &[("c", "1"), ("b", "2")]);
        check("", "c:a", LABELS, &[("b", "2"), ("a", "3")]);
        check("", "a:x,c:x", LABELS, &[("x", "1"), ("b", "2")]);
        check("", "a:c,b:c", LABELS, &[("c", "1")]);
    }
}
