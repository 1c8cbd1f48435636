//! Which process a scrape came from, and whether that is still the one before.

use super::{Converter, Incomplete, Past};
use crate::boot::Boot;
use crate::decimal::Decimal;
use crate::series::Series;

/// Two readings of one process's start time may differ by this much: the kernel derives it from the
/// wall clock, which is adjusted all the time.
const PROCESS_START_JITTER_S: i64 = 1;
/// Two readings of the time from a boot to a process's start: both are rounded.
const SINCE_BOOT_JITTER_S: i64 = 2;

/// Which process a scrape came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The engine's `daemon_id`; `None` for another endpoint.
    pub engine: Option<String>,
    /// `process_start_time_seconds`.
    pub process_start: Option<Decimal>,
    /// The boot of the machine that it runs on, read with it; `None` if that is not known.
    pub boot: Option<Boot>,
}

impl Source {
    /// Notes the engine's identity.
    pub(super) fn note_engine(&mut self, daemon_id: &str) {
        // One line of a saved state.
        let id = daemon_id.replace(char::is_control, " ");
        if self.engine.is_none() && !id.is_empty() {
            self.engine = Some(id);
        }
    }

    /// Whether a scrape came from a process that was started after this one.
    fn has_restarted(&self, now: &Self) -> bool {
        let (Some(before), Some(after)) = (self.process_start, now.process_start) else { return false };
        let is_same = |before, after: Decimal, jitter_s| after.is_within(Decimal::new(jitter_s, 0), before);
        let is_same_since_boot = match (&self.boot, &now.boot) {
            // The start moved because the wall clock was set: the boot moved with it.
            (Some(boot), Some(boot_now)) if boot.id == boot_now.id => {
                is_same(before.minus(boot.time), after.minus(boot_now.time), SINCE_BOOT_JITTER_S)
            }
            _ => false,
        };
        !is_same(before, after, PROCESS_START_JITTER_S) && !is_same_since_boot
    }
}

impl Converter {
    /// Learns where the body comes from; an error if it was read in another belief. A resumed baseline of another engine
    /// is dropped then.
    pub(super) fn recognise(&mut self, boot: Option<Boot>) -> Result<(), Incomplete> {
        let mut source = std::mem::take(&mut self.reading.source);
        source.boot = source.process_start.and(boot);
        if self.past == Past::Resumed && source.engine != self.source.engine {
            self.series = Series::default();
            self.series_count = 0;
            self.source = Source::default();
            self.past = Past::Nothing;
            self.known_choice = self.choice;
            (self.was_foreign, self.expects_restart) = (true, false);
            return Err(Incomplete::OtherProcess);
        }
        let has_restarted = self.past != Past::Nothing && self.source.has_restarted(&source);
        if has_restarted != self.expects_restart {
            self.expects_restart = has_restarted;
            return Err(Incomplete::OtherProcess);
        }
        self.source.engine = source.engine;
        // A scrape without a start time says nothing about it.
        if source.process_start.is_some() {
            (self.source.process_start, self.source.boot) = (source.process_start, source.boot);
        }
        Ok(())
    }
}
