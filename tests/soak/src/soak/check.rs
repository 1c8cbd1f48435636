//! What is looked at when the plugin asks for a scrape, and what is told when something is wrong.

use std::time::{Duration, Instant};

use bench::Error;

use super::{Disk, Last, Part, Soak};
use crate::engine::Engine;
use crate::law::Wrong;
use crate::number::{Amount, ONE};
use crate::plugin::{Mode, SCRAPE_TIMEOUT};
use crate::state;
use crate::stretch::Stretch;

/// Beyond this time a delivery may have been given up, because the server here was not given a processor.
pub(super) const DELIVERY_TIME_MAX: Duration = Duration::from_millis(400);
/// How often memory and descriptors are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Scrapes behind a huge one after which its memory should have been given back, and behind a full disk after which
/// the files of the state are open again.
const CALM_SCRAPES: u64 = 100;

impl Part<'_> {
    /// Compares the books, as far as they can be at this moment; says whether everything is settled.
    pub(super) fn check(&mut self) -> Result<bool, Error> {
        let is_lossy = std::mem::take(&mut self.is_lossy);
        let time = self.answered_at.elapsed();
        // Or it had given up waiting before it was looked at.
        let was_engine_gone = std::mem::take(&mut self.was_engine_gone) || time >= SCRAPE_TIMEOUT;
        let is_settled = self.is_clean && self.last == Last::Counted && time < DELIVERY_TIME_MAX;
        let Soak { law, engine, reader, tally, .. } = &mut *self.soak;
        if !is_settled {
            law.check_due().map_err(|wrong| too_much(engine, &wrong))?;
            if is_lossy {
                law.may_be_lost();
            }
            return Ok(false);
        }
        law.check_settled().map_err(|wrong| not_as_due(engine, &wrong))?;
        law.check_gauges(engine).map_err(|wrong| not_as_due(engine, &wrong))?;
        let own = |name: &str| reader.own.get(name).copied().unwrap_or_default();
        let count = |count: u64| Amount::from(count) * ONE;
        let series = count(u64::try_from(law.series()).unwrap_or_default());
        for (name, due) in [
            ("docker.up", (!was_engine_gone).then_some(ONE)),
            ("docker.metrics.series", Some(series)),
            ("docker.metrics.series_owing", Some(0)),
            ("docker.metrics.scrapes", self.counted.map(count)),
        ] {
            if let Some(due) = due.filter(|due| *due != own(name)) {
                let (due, own) = (due / ONE, own(name) / ONE);
                return Err(Error::Wrong(format!("the plugin says {name} {own}, and it is {due}")));
            }
        }
        law.rest();
        tally.settled += 1;
        Ok(true)
    }

    /// The state as it is now was saved behind the last complete scrape, unless the disk was full.
    pub(super) fn note_state(&mut self) -> Result<(), Error> {
        let state = state::number();
        let is_new = std::mem::replace(&mut self.state, state) != state;
        let disk = self.disk;
        if disk == Disk::WasFull {
            self.disk = Disk::HasRoom;
        }
        if self.stretch.mode == Mode::Agent || self.last != Last::Counted {
            return Ok(());
        }
        match (is_new, disk) {
            (true, Disk::IsFull) => Err(Error::Wrong("a state was saved though the disk is full".to_owned())),
            (false, Disk::HasRoom) => Err(Error::Wrong("no state was saved".to_owned())),
            (true, _) => {
                self.soak.law.save();
                Ok(())
            }
            (false, _) => {
                self.soak.tally.unsaved += 1;
                Ok(())
            }
        }
    }

    /// What the process holds, now and then.
    pub(super) fn look(&mut self, is_settled: bool) -> Result<(), Error> {
        if self.looked.elapsed() < LOOK_INTERVAL {
            return Ok(());
        }
        self.looked = Instant::now();
        let figures = self.plugin.figures()?;
        let is_calm = self.is_warm && self.calm > CALM_SCRAPES;
        self.soak.tally.look(figures, is_calm && is_settled && !self.stretch.restarts)
    }

    /// With what the plugin said, and what was done to it.
    pub(super) fn with_story(&mut self, error: &Error) -> Error {
        let Stretch { mode, transport, .. } = self.stretch;
        let diary: String = self.soak.diary.iter().map(|event| format!("{event}\n")).collect();
        let log = self.plugin.log();
        Error::Wrong(format!(
            "{mode:?} over {transport:?}: {error}\n\nWhat happened last:\n{diary}\nWhat it said last:\n{log}"
        ))
    }
}

pub(super) fn too_much(engine: &Engine, wrong: &Wrong) -> Error {
    differs(engine, wrong, "more arrived than was due")
}

pub(super) fn not_as_due(engine: &Engine, wrong: &Wrong) -> Error {
    differs(engine, wrong, "what arrived is not what was due")
}

fn differs(engine: &Engine, wrong: &Wrong, what: &str) -> Error {
    let head = engine.series().get(wrong.number).map_or("", |series| &series.head);
    let Wrong { count, due, received, .. } = wrong;
    Error::Wrong(format!(
        "{what}: {head}: {received} arrived, {due} due, in billionths; {count} series differ"
    ))
}
