//! What a metric's name says of its samples.

use super::Converter;
use crate::exposition::{Sample, Standing};

/// What the name of a sample says of it, as long as no other family is declared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) standing: Standing,
    /// The filter lets the metric through.
    pub(super) is_kept: bool,
    /// The converter looks into samples of this name in every scrape.
    pub(super) is_watched: bool,
    /// That of the families when they were asked.
    generation: u32,
}

/// A sample that was read, from which those that differ in a value alone are read quickly.
#[derive(Debug)]
pub(super) struct Template<'a> {
    pub(super) sample: Sample<'a>,
    pub(super) named: Option<Named>,
}

impl Converter {
    /// What the sample's name says of it; `said` is what it said last, if anything.
    pub(super) fn named(&mut self, sample: &Sample<'_>, said: &mut Option<Named>) -> Named {
        if let Some(named) = said.filter(|named| named.generation == self.families.generation()) {
            return named;
        }
        let standing = self.families.standing(sample.name_bytes(), &self.fingerprints);
        let named = Named {
            standing,
            is_kept: self.filter.keeps_all() || self.filter.keeps(&sample.name(), standing.role),
            is_watched: WATCHED.iter().any(|name| name.as_bytes() == sample.name_bytes()),
            generation: self.families.generation(),
        };
        *said = Some(named);
        named
    }
}

/// An engine's identity; missing while an engine starts (engines 20.10 to 29).
pub(super) const INFO: &str = "engine_daemon_engine_info";
/// There from the first moment of an engine.
pub(super) const CPUS: &str = "engine_daemon_engine_cpus_cpus";
/// When the process was started.
pub(super) const START: &str = "process_start_time_seconds";
const WATCHED: [&str; 3] = [INFO, CPUS, START];
