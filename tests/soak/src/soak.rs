//! The loop: one thread that plays everybody but the plugin.

mod check;
mod ends;
mod faults;

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use bench::Error;
use bench::inputs::Random;
use docker_metrics_statsd::config::Settings;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::endpoint::{self, Answer, Endpoint};
use crate::engine::{Engine, Flaw};
use crate::law::Law;
use crate::number::Amount;
use crate::plugin::{Plugin, SCRAPE_TIMEOUT};
use crate::reader::{Line, Reader};
use crate::server::{Packet, Server, Transport};
use crate::state;
use crate::stretch::Stretch;
use crate::tally::Tally;

/// Scrapes with a fault, of a thousand.
const FAULTY_PERMILLE: usize = 50;
/// How long the loop waits for something at most.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// A plugin that was not told to stop scrapes again within this, whatever happened to its server.
const SILENCE_MAX: Duration = Duration::from_secs(20);
const STATUS_INTERVAL: Duration = Duration::from_secs(10);
/// How much of what happened is told with a failure.
const DIARY_LINES_MAX: usize = 60;
/// How long what was sent over TCP may be on its way: the kernel hands it over when it is given a processor, and the
/// plugin may ask for the next scrape before that.
const ARRIVAL_TIME_MAX: Duration = Duration::from_millis(50);
/// How long behind an answer its delivery may be disturbed, in microseconds.
const AMID_US_MAX: usize = 300;

/// What becomes of the last scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// There was none, or the plugin reads it again, or it may have given it up.
    Open,
    Failed,
    Counted,
}

/// Something that is to happen at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    EngineComes,
    ServerGoes,
    ServerComes,
    ServerReads,
    DiskIsFreed,
    Terminate,
    Kill,
    StartMetrics,
}

/// Whether there is room for a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    HasRoom,
    IsFull,
    /// There is room again, but maybe there was none for the last state.
    WasFull,
}

/// What the plugin is doing, as far as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Scraping,
    /// StopMetrics was said and not answered.
    Stopping,
    Stopped,
    /// SIGTERM was sent.
    Ending(Instant),
}

pub(crate) struct Soak {
    program: PathBuf,
    random: Random,
    engine: Engine,
    law: Law,
    reader: Reader,
    endpoint: Endpoint,
    tally: Tally,
    timers: VecDeque<(Instant, Timer)>,
    /// What happened last, for the message about a failure.
    diary: VecDeque<String>,
    status_at: Instant,
}

/// A part of a run in progress.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own: all of them may hold at once")]
struct Part<'a> {
    soak: &'a mut Soak,
    stretch: Stretch,
    end: Instant,
    server: Server,
    plugin: Plugin,
    phase: Phase,
    /// The server is there and does not read.
    is_stalled: bool,
    disk: Disk,
    /// A file whose room is not to be free while the disk is full.
    held: Option<File>,
    /// The engine was gone since the last answer, so that scrapes may have failed which were never seen here.
    was_engine_gone: bool,
    /// Nothing has happened to the server or the process since the last answer.
    is_clean: bool,
    /// What was sent before may still be on its way.
    unclean_until: Instant,
    last: Last,
    /// When the plugin was last heard, and when it had read an answer.
    heard: Instant,
    answered_at: Instant,
    /// When it had asked for no scrape yet, for the last time.
    unasked_at: Instant,
    /// The state file when the last scrape was asked for.
    state: Option<state::Number>,
    /// When the machine was booted, by the process' clocks.
    boot: Amount,
    /// Complete scrapes of this process; `None` when what it says of them may have been lost or repeated.
    counted: Option<u64>,
    /// All of a huge scrape was owed once.
    is_warm: bool,
    /// Scrapes of this process, and since a huge one or a full disk.
    scrapes: u64,
    calm: u64,
    /// Scrapes that are still to be huge.
    huge: u32,
    /// What is to happen amid the next delivery.
    amid: Option<Timer>,
    /// The process is killed in place of an answer.
    is_killed_now: bool,
    /// A server died amid a delivery and took with it what it had not read.
    is_lossy: bool,
    /// The process was told to end for the last time.
    is_last: bool,
    looked: Instant,
}

impl Soak {
    pub(crate) fn new(program: PathBuf, seed: usize) -> Result<Self, Error> {
        let settings =
            Settings::from_vars("", |_| None).map_err(|errors| Error::Wrong(format!("{errors:?}")))?;
        let engine = Engine::new();
        let now = Instant::now();
        Ok(Self {
            program,
            random: Random::new(u64::try_from(seed).unwrap_or_default()),
            law: Law::new(&engine),
            reader: Reader::new(&engine, &settings),
            engine,
            endpoint: Endpoint::default(),
            tally: Tally::new(now),
            timers: VecDeque::new(),
            diary: VecDeque::new(),
            status_at: now + STATUS_INTERVAL,
        })
    }

    /// Runs a part of the whole; `say` is told how it goes.
    pub(crate) fn run(&mut self, stretch: Stretch, say: impl Fn(&str)) -> Result<(), Error> {
        let server = Server::start(stretch.transport)?;
        self.endpoint.come()?;
        self.engine.wide_is_quiet = stretch.transport == crate::server::Transport::Udp;
        state::remove();
        self.law.drop_saved();
        self.law.forget();
        self.reader.own.clear();
        let plugin = Plugin::start(&self.program, stretch.mode, &server.address(), self.engine.clock)?;
        let now = Instant::now();
        let mut part = Part {
            boot: self.engine.clock,
            soak: self,
            stretch,
            end: now + stretch.time,
            server,
            plugin,
            phase: Phase::Scraping,
            is_stalled: false,
            disk: Disk::HasRoom,
            held: None,
            was_engine_gone: false,
            is_clean: false,
            unclean_until: now,
            last: Last::Open,
            heard: now,
            answered_at: now,
            unasked_at: now,
            state: None,
            counted: Some(0),
            is_warm: false,
            scrapes: 0,
            calm: 0,
            huge: 0,
            amid: None,
            is_killed_now: false,
            is_lossy: false,
            is_last: false,
            looked: now,
        };
        let run = part.run(say);
        let packets = part.server.packets;
        run.map_err(|error| part.with_story(&error))?;
        self.tally.packets += packets;
        Ok(())
    }

    /// What is said at the end.
    pub(crate) fn summary(&self) -> String {
        self.tally.summary(&self.law, &self.reader)
    }
}

impl Part<'_> {
    fn run(&mut self, say: impl Fn(&str)) -> Result<(), Error> {
        while !self.step()? {
            let now = Instant::now();
            if now >= self.soak.status_at {
                self.soak.status_at = now + STATUS_INTERVAL;
                let figures = self.plugin.figures()?;
                say(&self.soak.tally.status(self.stretch, figures));
            }
        }
        Ok(())
    }

    /// One thing after the other; says whether the part is over.
    fn step(&mut self) -> Result<bool, Error> {
        while let Some(timer) = self.due() {
            self.happen(timer)?;
        }
        self.receive()?;
        self.plugin.listen()?;
        if self.plugin.answer()? && self.phase == Phase::Stopping {
            self.stopped();
        }
        if let Some(is_well) = self.plugin.ended()? {
            return self.ended(is_well);
        }
        let now = Instant::now();
        if let Some(scrape) = self.soak.endpoint.accept()? {
            self.scrape(scrape)?;
        } else {
            self.unasked_at = now;
            self.wait()?;
        }
        self.check_silence()?;
        Ok(false)
    }

    fn due(&mut self) -> Option<Timer> {
        let now = Instant::now();
        let place = self.soak.timers.iter().position(|(at, _)| *at <= now)?;
        self.soak.timers.remove(place).map(|(_, timer)| timer)
    }

    fn at(&mut self, delay: Duration, timer: Timer) {
        self.soak.timers.push_back((Instant::now() + delay, timer));
    }

    fn wait(&self) -> Result<(), Error> {
        let next = self.soak.timers.iter().map(|(at, _)| *at).min();
        let time = next.map_or(WAIT_MAX, |at| at.saturating_duration_since(Instant::now())).min(WAIT_MAX);
        let server = self.server.sources().filter(|_| !self.is_stalled);
        let sources = server.chain(self.plugin.sources()).chain(self.soak.endpoint.source());
        let mut sources: Vec<_> = sources.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let time = Timespec::try_from(time).map_err(|error| Error::Wrong(error.to_string()))?;
        match poll(&mut sources, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(Error::io("wait")(error.into())),
        }
    }

    fn check_silence(&mut self) -> Result<(), Error> {
        let is_silent = self.heard.elapsed() > SILENCE_MAX;
        if is_silent && self.phase != Phase::Stopped && self.soak.endpoint.is_there() {
            return Err(Error::Wrong(format!("no scrape within {SILENCE_MAX:?}, {:?}", self.phase)));
        }
        Ok(())
    }

    /// Takes what has arrived, unless the server does not read.
    fn receive(&mut self) -> Result<(), Error> {
        if self.is_stalled {
            return Ok(());
        }
        let Self { soak, server, counted, .. } = self;
        server.read(&mut |packet| soak.take(packet, counted))
    }

    /// Takes what has arrived, or is about to.
    fn receive_all(&mut self) -> Result<(), Error> {
        self.receive()?;
        let end = Instant::now() + ARRIVAL_TIME_MAX;
        while self.stretch.transport == Transport::Tcp
            && self.is_clean
            && self.last == Last::Counted
            && Instant::now() < end
            && self.soak.law.check_arrived().is_err()
        {
            thread::sleep(Duration::from_millis(1));
            self.receive()?;
        }
        Ok(())
    }

    /// The plugin asks for a scrape: what it sent before has arrived, and its state is saved.
    fn scrape(&mut self, scrape: UnixStream) -> Result<(), Error> {
        self.receive_all()?;
        self.heard = Instant::now();
        let is_settled = self.check()?;
        self.note_state()?;
        self.look(is_settled)?;
        if is_settled && self.is_over() {
            self.end()?;
        }
        let (answer, flaw) = self.draw()?;
        if std::mem::take(&mut self.is_killed_now) {
            return self.kill();
        }
        // Behind a fault, so that a process that was just started says when that was.
        self.soak.engine.work(&mut self.soak.random);
        let body = self.soak.engine.body(flaw);
        let was_read = endpoint::answer(scrape, answer, &body)?;
        self.answered(answer, flaw, was_read);
        if let Some(timer) = self.amid.take() {
            let delay = self.soak.random.below(AMID_US_MAX);
            self.at(Duration::from_micros(u64::try_from(delay).unwrap_or_default()), timer);
        }
        Ok(())
    }

    /// Enters a scrape into the books.
    fn answered(&mut self, answer: Answer, flaw: Flaw, was_read: bool) {
        let time = self.answered_at.elapsed();
        self.answered_at = Instant::now();
        let has_server = self.server.is_there() && !self.is_stalled && self.unclean_until <= self.answered_at;
        self.is_clean = has_server && self.phase == Phase::Scraping;
        let is_whole = was_read && answer.is_good() && flaw != Flaw::Starting;
        // All of it was read, but the time may have been up before its end was seen.
        let is_late = is_whole && self.unasked_at.elapsed() >= SCRAPE_TIMEOUT;
        if is_late {
            self.counted = None;
        }
        let Soak { law, engine, reader, tally, .. } = &mut *self.soak;
        self.last = match is_whole {
            true if law.scraped(engine, &reader.sent, flaw, self.boot) && !is_late => Last::Counted,
            true => Last::Open,
            false => Last::Failed,
        };
        tally.scrapes += 1;
        tally.complete += u64::from(self.last == Last::Counted);
        tally.series_max = tally.series_max.max(law.series());
        self.scrapes += 1;
        // Without room for a state no file of one is open.
        self.calm = if self.disk == Disk::HasRoom { self.calm + 1 } else { 0 };
        if let (Last::Counted, Some(counted)) = (self.last, &mut self.counted) {
            *counted += 1;
        }
        if engine.is_wide {
            self.is_warm |= self.last == Last::Counted && !self.server.is_there();
            self.calm = 0;
            self.huge = self.huge.saturating_sub(1);
            engine.is_wide = self.huge > 0;
        }
        let (number, packets, last) = (tally.scrapes, self.server.packets, self.last);
        self.note(format!(
            "scrape {number} after {time:?}, {packets} packets: {answer:?}, {flaw:?}, read {was_read}, {last:?}"
        ));
    }

    /// Remembers what happened, for a while.
    fn note(&mut self, event: String) {
        let diary = &mut self.soak.diary;
        diary.push_back(event);
        if diary.len() > DIARY_LINES_MAX {
            diary.pop_front();
        }
    }
}

impl Soak {
    /// A packet arrived.
    fn take(&mut self, packet: Packet<'_>, counted: &mut Option<u64>) -> Result<(), Error> {
        let Self { law, reader, .. } = self;
        match packet {
            Packet::Lines(text) => {
                let taken = reader.read(text, |line| match line {
                    Line::Count(number, amount) => law.counted(number, amount),
                    Line::Gauge(number, value) => law.gauged(number, value),
                    Line::Other => {}
                });
                taken.map_err(Error::Wrong)
            }
            Packet::Unconfirmed([]) => Ok(()),
            Packet::Unconfirmed(text) => {
                *counted = None;
                reader.counters(text).into_iter().for_each(|(number, amount)| law.may_repeat(number, amount));
                Ok(())
            }
        }
    }
}
