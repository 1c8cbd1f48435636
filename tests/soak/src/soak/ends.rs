//! The end of a process, and what the next one finds.

use std::thread;
use std::time::{Duration, Instant};

use bench::Error;
use rustix::process::Signal;

use super::check::{DELIVERY_TIME_MAX, not_as_due, too_much};
use super::{Disk, Last, Part, Phase, Timer};
use crate::fault::Fault;
use crate::plugin::{Mode, Plugin};
use crate::state;

/// Whatever runs when the process is told to end is over within 6 seconds; the rest is for a machine that is busy.
const END_TIME_MAX: Duration = Duration::from_secs(10);
/// Ends of a process behind which something happens, of a thousand.
const FAULTY_PERMILLE: usize = 600;
/// How long what a process has sent may take to arrive when it has ended.
const ARRIVAL_TIME_MAX: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// How far the wall clock is set back, in hours.
const CLOCK_HOURS_MAX: usize = 10;
const HOUR: i128 = 3600 * crate::number::ONE;

impl Part<'_> {
    /// Whether the time is up and nothing is under way.
    pub(super) fn is_over(&self) -> bool {
        let is_idle = self.soak.timers.is_empty() && self.amid.is_none() && self.huge == 0;
        Instant::now() >= self.end && is_idle && self.phase == Phase::Scraping
    }

    /// The last process of a part is told to end.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        self.is_last = true;
        self.terminate()
    }

    /// The process ended; says whether the part did, too.
    pub(super) fn ended(&mut self, is_well: bool) -> Result<bool, Error> {
        let Phase::Ending(since) = self.phase else {
            return Err(Error::Wrong("the plugin ended by itself".to_owned()));
        };
        let time = since.elapsed();
        self.soak.tally.end_max = self.soak.tally.end_max.max(time);
        if !is_well || time > END_TIME_MAX {
            return Err(Error::Wrong(format!("the plugin ended well: {is_well}, after {time:?}")));
        }
        self.account()?;
        if self.is_last {
            self.check_last()?;
            return Ok(true);
        }
        self.succeed()?;
        Ok(false)
    }

    pub(super) fn kill(&mut self) -> Result<(), Error> {
        self.plugin.signal(Signal::KILL)?;
        self.plugin.wait()?;
        self.account()?;
        self.succeed()
    }

    /// What it sent has arrived.
    fn account(&mut self) -> Result<(), Error> {
        // It reads what its queue holds.
        self.is_stalled = false;
        self.receive()?;
        // Over TCP some of it may be on its way still, behind a window that was closed.
        let deadline = Instant::now() + ARRIVAL_TIME_MAX;
        while self.server.is_connected() && Instant::now() < deadline {
            thread::sleep(LOOK_INTERVAL);
            self.receive()?;
        }
        self.plugin.listen()?;
        self.soak.tally.log_lines += self.plugin.log_lines();
        self.soak.tally.processes += 1;
        let law = &mut self.soak.law;
        law.check_due().map_err(|wrong| too_much(&self.soak.engine, &wrong))?;
        if std::mem::take(&mut self.is_lossy) {
            law.may_be_lost();
        }
        Ok(())
    }

    /// Behind the last scrape nothing is owed, and the last word was that there is nothing to scrape.
    fn check_last(&mut self) -> Result<(), Error> {
        if self.last == Last::Counted && self.answered_at.elapsed() < DELIVERY_TIME_MAX {
            let settled = self.soak.law.check_settled();
            settled.map_err(|wrong| not_as_due(&self.soak.engine, &wrong))?;
            if self.soak.reader.own.get("docker.up") != Some(&0) {
                return Err(Error::Wrong("the last word is not docker.up 0".to_owned()));
            }
        }
        self.soak.tally.end_of_life(self.stretch)
    }

    /// Another process takes its place, with the state that it left.
    fn succeed(&mut self) -> Result<(), Error> {
        if self.stretch.mode == Mode::Agent {
            self.soak.law.forget();
        } else {
            let is_saved = state::number() != self.state;
            if is_saved {
                self.soak.law.save();
            }
            self.soak.tally.unsaved_at_end += u64::from(!is_saved && self.last == Last::Counted);
            self.soak.law.resume();
        }
        let is_set_aside = self.between()?;
        let others = [Timer::Terminate, Timer::Kill, Timer::StartMetrics];
        self.soak.timers.retain(|(_, timer)| !others.contains(timer));
        self.amid = None;
        self.soak.reader.own.clear();
        self.state = state::number();
        self.boot = self.soak.engine.clock;
        let mode = self.plugin.mode();
        self.plugin = Plugin::start(&self.soak.program, mode, &self.server.address(), self.boot)?;
        if is_set_aside && !state::was_set_aside() {
            return Err(Error::Wrong("a state of no use was not set aside".to_owned()));
        }
        if is_set_aside {
            self.state = None;
        }
        (self.phase, self.is_clean, self.last) = (Phase::Scraping, false, Last::Open);
        (self.counted, self.scrapes, self.calm) = (Some(0), 0, 0);
        self.heard = Instant::now();
        Ok(())
    }

    /// What may happen while there is no process; says whether the state is of no use then.
    fn between(&mut self) -> Result<bool, Error> {
        let has_state =
            self.stretch.mode == Mode::Plugin && self.disk != Disk::IsFull && state::number().is_some();
        let can_happen = |fault| match fault {
            Fault::StateTorn | Fault::StateOld | Fault::StateOfTomorrow => has_state,
            _ => true,
        };
        let random = &mut self.soak.random;
        let is_faulty = random.chance(FAULTY_PERMILLE);
        let fault = Fault::between(random.below(usize::MAX), can_happen).filter(|_| is_faulty);
        let Some(fault) = fault else { return Ok(false) };
        self.soak.tally.faults.add(fault);
        self.note(format!("{fault:?}"));
        let (engine, random) = (&mut self.soak.engine, &mut self.soak.random);
        let is_set_aside = match fault {
            Fault::StateTorn => state::tear(random)?,
            Fault::StateOld => state::date(state::long_ago())?,
            Fault::StateOfTomorrow => !state::date(state::tomorrow())?,
            Fault::ClockSet => {
                let hours = i128::try_from(1 + random.below(CLOCK_HOURS_MAX)).unwrap_or(1);
                engine.clock = if engine.clock == 0 { -hours * HOUR } else { 0 };
                false
            }
            Fault::OtherEngine => {
                engine.daemon = 1 - engine.daemon;
                false
            }
            Fault::EngineRestartsMeanwhile => {
                engine.restart(random);
                false
            }
            _ => false,
        };
        if is_set_aside {
            self.soak.law.forget();
            self.soak.law.drop_saved();
        }
        Ok(is_set_aside)
    }
}
