//! What the names in a sample's head say of it: the metric's, and those of its labels.

use super::Converter;
use crate::exposition::{Pattern, Sample, Standing};
use crate::statsd::Format;

/// What the names of a sample say of it, as long as no other family is declared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) standing: Standing,
    /// The filter lets the metric through.
    pub(super) is_kept: bool,
    /// The converter looks into samples of this name in every scrape.
    pub(super) is_watched: bool,
    /// Lines with these names are plain, as far as their values are.
    pub(super) is_plain: bool,
    /// That of the families when they were asked.
    generation: u32,
}

/// Samples that were read last, from which those that are much alike are read quickly.
#[derive(Debug, Default)]
pub(super) struct Templates<'a> {
    /// Those of a histogram or a summary have three names.
    list: [Option<Template<'a>>; 3],
    /// Which one was of use last.
    last: usize,
}

/// A sample that was read.
#[derive(Debug)]
pub(super) struct Template<'a> {
    pub(super) pattern: Pattern<'a>,
    pub(super) named: Option<Named>,
}

impl<'a> Templates<'a> {
    /// The template that says what the head is with which a text begins; `None` if that is not a usual one.
    pub(super) fn of(&mut self, text: &'a [u8]) -> Option<&mut Template<'a>> {
        let mut place = self.last;
        for _ in 0..self.list.len() {
            if let Some(template) = self.list.get_mut(place)?
                && let Some(same) = template.pattern.same_bytes(text)
            {
                self.last = place;
                if template.pattern.advance(text, same) {
                    // Borrowed anew: the list is needed below.
                    return self.list.get_mut(place)?.as_mut();
                }
                return self.insert(text);
            }
            place = self.behind(place);
        }
        self.last = self.behind(place);
        self.insert(text)
    }

    fn behind(&self, place: usize) -> usize {
        if place + 1 < self.list.len() { place + 1 } else { 0 }
    }

    fn insert(&mut self, text: &'a [u8]) -> Option<&mut Template<'a>> {
        let pattern = Pattern::leading(text)?;
        Some(self.list.get_mut(self.last)?.insert(Template { pattern, named: None }))
    }
}

impl Converter {
    /// What the sample's names say of it; `said` is what they said last, if anything.
    #[inline]
    pub(super) fn named(&mut self, sample: &Sample<'_>, said: &mut Option<Named>) -> Named {
        match *said {
            Some(named) if named.generation == self.families.generation() => named,
            _ => *said.insert(self.named_anew(sample)),
        }
    }

    #[inline(never)]
    fn named_anew(&mut self, sample: &Sample<'_>) -> Named {
        let standing = self.families.standing(sample.name_bytes(), &self.fingerprints);
        Named {
            standing,
            is_kept: self.filter.keeps_all() || self.filter.keeps(&sample.name(), standing.role),
            is_watched: WATCHED.iter().any(|name| name.as_bytes() == sample.name_bytes()),
            is_plain: self.format == Format::Datadog
                && self.labeling.leaves(sample)
                && self.plain.covers_names(sample),
            generation: self.families.generation(),
        }
    }
}

/// An engine's identity; missing while an engine starts (engines 20.10 to 29).
pub(super) const INFO: &str = "engine_daemon_engine_info";
/// There from the first moment of an engine.
pub(super) const CPUS: &str = "engine_daemon_engine_cpus_cpus";
/// When the process was started.
pub(super) const START: &str = "process_start_time_seconds";
const WATCHED: [&str; 3] = [INFO, CPUS, START];
