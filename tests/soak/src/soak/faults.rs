//! Faults as they happen while a process runs.

use std::time::{Duration, Instant};

use bench::Error;
use rustix::process::Signal;

use super::{Disk, Last, Part, Phase, Timer};
use crate::endpoint::Answer;
use crate::engine::Flaw;
use crate::fault::Fault;
use crate::plugin::{Call, Mode};
use crate::server::Transport;
use crate::state;

/// How long things last, in milliseconds: from one, to below the other.
const GONE_MS: (usize, usize) = (20, 200);
/// A process that is to live long is warmed up behind this many scrapes, and then the server is gone for longer.
const WARM_UP_SCRAPES: u64 = 50;
const WARM_UP_GONE_MS: (usize, usize) = (1000, 1500);
const STALLED_MS: (usize, usize) = (20, 800);
const FULL_MS: (usize, usize) = (50, 500);
const STOPPED_MS: (usize, usize) = (0, 100);
/// How long what the plugin's own kernel buffer holds may take over TCP once the server reads again.
const CATCH_UP_TIME: Duration = Duration::from_millis(500);
const HUGE_SCRAPES: u32 = 3;

impl Part<'_> {
    /// How the next scrape is answered: with a fault, now and then.
    pub(super) fn draw(&mut self) -> Result<(Answer, Flaw), Error> {
        let answer = if self.soak.random.chance(500) { Answer::Chunked } else { Answer::Whole };
        let is_faulty = self.soak.random.chance(super::FAULTY_PERMILLE);
        let drawn = self.soak.random.below(usize::MAX);
        let fault = if self.is_last || Instant::now() >= self.end {
            None
        } else if self.is_to_warm_up() {
            self.soak.tally.faults.add(Fault::ServerGone);
            self.server_goes(WARM_UP_GONE_MS)?;
            Some(Fault::HugeScrapes)
        } else {
            Fault::while_running(drawn, |fault| self.can_happen(fault)).filter(|_| is_faulty)
        };
        let Some(fault) = fault else { return Ok((answer, Flaw::None)) };
        self.soak.tally.faults.add(fault);
        self.note(format!("{fault:?}"));
        let cut = self.soak.random.below(1000);
        let answer = match fault {
            Fault::OtherStatus => Answer::Status,
            Fault::CutShort => Answer::Cut(cut),
            Fault::CutShortInChunks => Answer::CutChunked(cut),
            Fault::NoAnswer => Answer::Nothing,
            Fault::EmptyBody => Answer::Empty,
            Fault::OtherText => Answer::OtherText,
            Fault::LateAnswer => Answer::Late,
            Fault::SlowAnswer => Answer::Slow,
            _ => answer,
        };
        let flaw = match fault {
            Fault::EngineStarting => Flaw::Starting,
            Fault::BrokenLine => {
                let number = self.soak.engine.any_counter(&mut self.soak.random);
                number.map_or(Flaw::None, Flaw::Broken)
            }
            _ => Flaw::None,
        };
        self.begin(fault)?;
        Ok((answer, flaw))
    }

    /// A process has had the most memory that it can need when all of a huge scrape was owed.
    fn is_to_warm_up(&self) -> bool {
        let is_long =
            !self.stretch.restarts && self.scrapes >= WARM_UP_SCRAPES && self.phase == Phase::Scraping;
        is_long && !self.is_warm && self.huge == 0 && self.server.is_there() && !self.is_stalled
    }

    /// Whether a fault makes sense now, and what it may cost can be told from what others may.
    fn can_happen(&self, fault: Fault) -> bool {
        let is_plugin = self.stretch.mode == Mode::Plugin;
        let is_scraping = self.phase == Phase::Scraping;
        // What had arrived is not known of a server that did not read, until it has caught up.
        let has_read = !self.is_stalled && self.unclean_until <= Instant::now();
        let has_server = self.server.is_there() && has_read;
        // What a server takes with it, and what arrives twice, is accounted for with the next state that is saved.
        let is_saved = self.disk == Disk::HasRoom;
        let is_stream = self.stretch.transport.is_stream();
        match fault {
            _ if fault.ends_process() => {
                self.stretch.restarts && is_scraping && has_read && self.amid.is_none()
            }
            Fault::StopAndStart => is_plugin && is_scraping,
            Fault::DiskFull => {
                let is_whole = self.last == Last::Counted && !self.soak.law.has_allowance() && !self.is_lossy;
                is_plugin && is_saved && is_whole && has_server
            }
            Fault::ServerGone => has_server,
            Fault::ServerGoneAmid => has_server && (is_saved || !is_stream),
            Fault::ServerStalls => {
                has_server && is_scraping && (is_saved || self.stretch.transport != Transport::Tcp)
            }
            Fault::EngineGone | Fault::SocketStale => self.soak.endpoint.is_there(),
            _ => true,
        }
    }

    fn begin(&mut self, fault: Fault) -> Result<(), Error> {
        let random = &mut self.soak.random;
        let engine = &mut self.soak.engine;
        match fault {
            Fault::EngineRestarts => engine.restart(random),
            Fault::CounterReset => engine.reset(random),
            Fault::SeriesComeAndGo => engine.come_and_go(random),
            Fault::OrderChanges => engine.reorder(random),
            Fault::StartWanders => engine.wander(random),
            Fault::HugeScrapes => {
                engine.widen(random);
                self.huge = HUGE_SCRAPES;
            }
            Fault::EngineGone | Fault::SocketStale => {
                self.soak.endpoint.go(fault == Fault::SocketStale)?;
                self.in_ms(GONE_MS, Timer::EngineComes);
            }
            Fault::StopAndStart => {
                self.plugin.call(Call::Stop)?;
                self.phase = Phase::Stopping;
            }
            Fault::ServerGone => self.server_goes(GONE_MS)?,
            Fault::ServerGoneAmid => self.amid = Some(Timer::ServerGoes),
            Fault::ServerStalls => {
                self.is_stalled = true;
                self.in_ms(STALLED_MS, Timer::ServerReads);
            }
            Fault::DiskFull => {
                self.held = state::fill()?;
                self.disk = Disk::IsFull;
                self.in_ms(FULL_MS, Timer::DiskIsFreed);
            }
            Fault::Terminated => self.terminate()?,
            Fault::TerminatedAmid => self.amid = Some(Timer::Terminate),
            Fault::Killed => self.is_killed_now = true,
            Fault::KilledAmid => self.amid = Some(Timer::Kill),
            _ => {}
        }
        Ok(())
    }

    fn in_ms(&mut self, (least, below): (usize, usize), timer: Timer) {
        let ms = least + self.soak.random.below(below - least);
        self.at(Duration::from_millis(u64::try_from(ms).unwrap_or_default()), timer);
    }

    /// What is due happens.
    pub(super) fn happen(&mut self, timer: Timer) -> Result<(), Error> {
        self.note(format!("{timer:?}"));
        match timer {
            Timer::EngineComes => {
                (self.heard, self.was_engine_gone) = (Instant::now(), true);
                self.soak.endpoint.come()
            }
            Timer::ServerGoes if !self.server.is_there() => Ok(()),
            Timer::ServerGoes => {
                self.is_lossy |= self.stretch.transport.is_stream();
                self.server_goes(GONE_MS)
            }
            Timer::ServerComes => self.server.come(),
            Timer::ServerReads => {
                self.is_stalled = false;
                if self.stretch.transport == Transport::Tcp {
                    self.unclean_until = Instant::now() + CATCH_UP_TIME;
                }
                Ok(())
            }
            Timer::DiskIsFreed => {
                (self.disk, self.held) = (Disk::WasFull, None);
                state::free()
            }
            // It is stopped or told to end already.
            Timer::Terminate | Timer::Kill if self.phase != Phase::Scraping => Ok(()),
            Timer::Terminate => self.terminate(),
            Timer::Kill => self.kill(),
            Timer::StartMetrics => {
                (self.phase, self.heard) = (Phase::Scraping, Instant::now());
                self.plugin.call(Call::Start)
            }
        }
    }

    fn server_goes(&mut self, time_ms: (usize, usize)) -> Result<(), Error> {
        let leaves_path = self.soak.random.chance(500);
        self.is_clean = false;
        if self.is_lossy {
            self.counted = None;
        }
        let Self { soak, server, counted, is_lossy, .. } = self;
        server.go(leaves_path, *is_lossy, &mut |packet| soak.take(packet, counted))?;
        self.in_ms(time_ms, Timer::ServerComes);
        Ok(())
    }

    pub(super) fn terminate(&mut self) -> Result<(), Error> {
        (self.phase, self.is_clean) = (Phase::Ending(Instant::now()), false);
        self.plugin.signal(Signal::TERM)
    }

    /// StopMetrics was answered.
    pub(super) fn stopped(&mut self) {
        self.phase = Phase::Stopped;
        self.in_ms(STOPPED_MS, Timer::StartMetrics);
    }
}
