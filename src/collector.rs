//! The loop: what happens between StartMetrics and the end of the process.
//!
//! Everything that can happen is one [`Event`]. The collector owns the state (what is known of each
//! series, the sink, whether scraping is on) and runs one scrape at a time, so a slow one never
//! overlaps the next. Ticks come from a steady clock; ticks that were missed, because a scrape was slow
//! or the machine slept, are dropped and not made up for.

mod health;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant, SystemTime};

use async_io::Timer;
use smol::channel::{Receiver, Sender};
use smol::future::FutureExt;

use crate::boot::BootClock;
use crate::config::{ScrapeAddr, Settings};
use crate::convert::{Converter, Incomplete, READINGS_MAX, Report, Start};
use crate::limit::within;
use crate::log::Log;
use crate::scrape::{ScrapeError, scrape};
use crate::sink::{SendError, Sink};
use crate::state::StateFile;
use health::{Health, News};

/// How long StopMetrics is held up for the last scrape and its delivery: the engine waits 15 seconds for
/// all of its shutdown, and kills 10 seconds after SIGTERM.
pub const LAST_WORDS_TIME_MAX: Duration = Duration::from_secs(3);
/// The part of it that the scrape may take.
const LAST_SCRAPE_TIME_MAX: Duration = Duration::from_secs(2);
/// The part of it that the delivery may take.
const LAST_DELIVERY_TIME_MAX: Duration = Duration::from_secs(1);
/// Pauses between bursts of datagrams take this part of an interval, or of the time left, at most.
const PAUSES_PART: u32 = 2;
/// How long the engine's socket may refuse before the process ends to get another one.
const DEAD_SOCKET_TIME_MAX: Duration = Duration::from_secs(4);
/// How long a process lives at least: an engine that finds a young plugin gone disables it.
const LIFE_TIME_MIN: Duration = Duration::from_secs(5);
/// How long delivering any other scrape may take: an interval, within these bounds.
const DELIVERY_TIME: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(10);
/// How long one datagram may take, a look-up and a connection included: nothing interrupts it.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(3);
/// How soon a socket that refuses is tried again.
const DEAD_SOCKET_RETRY: Duration = Duration::from_secs(1);

/// Everything that can happen.
#[derive(Debug)]
pub enum Event {
    /// The metrics socket can be scraped.
    Start,
    /// It no longer can, once this is answered: there is a last scrape before.
    Stop(Sender<()>),
    /// It is time for a scrape.
    Tick,
    /// The process ends.
    Shutdown,
}

/// Scrapes while it is started, and sends what it finds.
#[derive(Debug)]
pub struct Collector<'a> {
    settings: &'a Settings,
    log: &'a Log,
    converter: Converter,
    sink: Sink,
    /// When the next scrape is due; `None` while stopped.
    due: Option<Instant>,
    /// An event that interrupted a scrape.
    waiting: Option<Event>,
    scraping: Health,
    sending: Health,
    /// The clocks of the machine that the endpoint runs on, if that is this one.
    clock: Option<BootClock>,
    /// What there is when an engine started this process, and would start it again.
    engine: Option<UnderEngine>,
}

#[derive(Debug)]
struct UnderEngine {
    state: StateFile,
    saving: Health,
    born: Instant,
    /// Since when nobody listens on the engine's socket.
    refused_since: Option<Instant>,
    /// The engine said StopMetrics to this process.
    said_stop: bool,
}

impl<'a> Collector<'a> {
    /// A collector that is stopped and knows nothing.
    #[must_use]
    pub fn new(settings: &'a Settings, log: &'a Log) -> Self {
        Self {
            settings,
            log,
            converter: Converter::new(settings, Start::FirstScrape),
            sink: Sink::new(settings.statsd_addr.clone()),
            due: None,
            waiting: None,
            scraping: Health::default(),
            sending: Health::default(),
            clock: matches!(settings.scrape_addr, ScrapeAddr::Unix { .. })
                .then(BootClock::of_this_machine)
                .flatten(),
            engine: None,
        }
    }

    /// A collector in a process that an engine started: it goes on where the process before it ended,
    /// keeps its state in `state`, and ends when the engine's socket is dead, to be started with a new
    /// one.
    #[must_use]
    pub fn under_engine(settings: &'a Settings, log: &'a Log, state: StateFile) -> Self {
        let mut collector = Self::new(settings, log);
        match state.load(SystemTime::now()) {
            Ok(Some(baseline)) => collector.converter.resume(baseline),
            Ok(None) => {}
            Err(problem) => log.warn(&format!(
                "the saved state {} was set aside: {problem}; the first scrape is the baseline",
                state.path().display()
            )),
        }
        let (saving, born) = (Health::default(), Instant::now());
        collector.engine = Some(UnderEngine { state, saving, born, refused_since: None, said_stop: false });
        collector
    }

    /// Handles events until [`Event::Shutdown`], until nobody can send one, or until the engine's socket
    /// is dead.
    pub async fn run(mut self, events: Receiver<Event>) {
        while !self.has_dead_socket() {
            let event = match self.waiting.take() {
                Some(event) => event,
                None => next(&events).or(tick(self.due)).await,
            };
            match event {
                Event::Start => self.start(),
                Event::Tick => self.scrape_on_tick(&events).await,
                Event::Stop(done) => {
                    self.stop().await;
                    // Whoever asked may have stopped waiting.
                    let _ = done.try_send(());
                }
                Event::Shutdown => return self.stop().await,
            }
        }
        self.log.info("nobody listens on the engine's socket any more: ending, to be started with a new one");
    }

    /// An engine that keeps plugins alive over its own restart (live-restore) makes a new socket, but
    /// the one in this process' rootfs stays the old one: only a new process gets the new one (engines
    /// 20.10 to 29). An engine that said StopMetrics has also unmounted what would keep it from starting
    /// a new process; one that was killed has not, and a plugin that ends then is gone for good (engines
    /// 20.10 to 28, with the propagated mount `/run/docker`).
    fn has_dead_socket(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| {
            engine.said_stop
                && engine.born.elapsed() >= LIFE_TIME_MIN
                && engine.refused_since.is_some_and(|since| since.elapsed() >= DEAD_SOCKET_TIME_MAX)
        })
    }

    /// The engine repeats StartMetrics when it is unsure; only the first one starts.
    fn start(&mut self) {
        if self.due.is_none() {
            self.due = Some(Instant::now());
            self.scraping = Health::default();
        } else if self.is_refused() {
            self.log.error(
                "the engine was killed and is back, but the socket it gave this plugin is dead: run \
                 `docker plugin disable` and `docker plugin enable`",
            );
        }
    }

    async fn stop(&mut self) {
        if self.due.take().is_some() {
            let limit = self.settings.scrape_timeout.min(LAST_SCRAPE_TIME_MAX);
            let scraped = self.scrape(limit).await;
            self.handle(scraped, LAST_DELIVERY_TIME_MAX, None).await;
            self.log.info("scraping stopped");
        }
        if let Some(engine) = &mut self.engine {
            engine.said_stop = true;
            // The socket that the next StartMetrics speaks of is another one.
            engine.refused_since = None;
        }
    }

    /// Whatever happens meanwhile interrupts: the tick is then still due.
    async fn scrape_on_tick(&mut self, events: &Receiver<Event>) {
        let begin = Instant::now();
        let limit = self.settings.scrape_timeout;
        let scraped = async { Ok(self.scrape(limit).await) };
        match scraped.or(async { Err(next(events).await) }).await {
            Ok(scraped) => {
                let limit = self.settings.interval.clamp(*DELIVERY_TIME.start(), *DELIVERY_TIME.end());
                self.handle(scraped, limit, Some(events)).await;
            }
            Err(event) => {
                self.waiting = Some(event);
                return;
            }
        }
        let interval = self.settings.interval;
        let now = Instant::now();
        self.due = match self.due {
            Some(_) if self.is_refused() => Some(begin + interval.min(DEAD_SOCKET_RETRY)),
            Some(due) if due + interval > now => Some(due + interval),
            Some(_) => Some(now + interval),
            None => None,
        };
    }

    /// Whether nobody listens on the engine's socket.
    fn is_refused(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.refused_since.is_some())
    }

    /// Scrapes and converts, within `limit`. Dropping the future leaves no trace.
    async fn scrape(&mut self, limit: Duration) -> Result<Report, Failure> {
        let Self { settings, converter, clock, .. } = self;
        let begin = Instant::now();
        let mut converted = Err(Incomplete::OtherProcess);
        for _ in 0..READINGS_MAX {
            converter.begin();
            let left = limit.saturating_sub(begin.elapsed());
            scrape(&settings.scrape_addr, left, |piece| converter.feed(piece))
                .await
                .map_err(Failure::Scrape)?;
            converted = converter.finish(clock.as_ref().map(BootClock::read));
            if converted != Err(Incomplete::OtherProcess) {
                break;
            }
        }
        converted.map_err(Failure::Incomplete)
    }

    /// Delivers a scrape within `limit`, or until an event waits that is to interrupt.
    async fn handle(
        &mut self,
        scraped: Result<Report, Failure>,
        limit: Duration,
        events: Option<&Receiver<Event>>,
    ) {
        let begin = Instant::now();
        self.note_refusal(&scraped);
        match scraped {
            Ok(report) => {
                if report.is_foreign {
                    self.log.warn(
                        "the saved state is of another engine and was set aside: this scrape is the baseline",
                    );
                }
                let news = self.scraping.works(Instant::now());
                self.say_of_scraping(news);
                self.deliver(begin + limit, events).await;
                self.save();
                let converter = &mut self.converter;
                self.log.debug(|| {
                    let (owing, series) = (converter.owing(), converter.series());
                    let (time, counts) = (begin.elapsed(), report.counts);
                    format!("delivered in {time:?}: {counts:?}, {owing} of {series} series owe")
                });
            }
            Err(problem) => {
                let news = self.scraping.fails(&problem.to_string(), Instant::now());
                self.say_of_scraping(news);
            }
        }
    }

    fn note_refusal(&mut self, scraped: &Result<Report, Failure>) {
        if let Some(engine) = &mut self.engine {
            engine.refused_since = match scraped {
                Err(Failure::Scrape(error)) if error.is_refused() => {
                    engine.refused_since.or_else(|| Some(Instant::now()))
                }
                _ => None,
            };
        }
    }

    fn say_of_scraping(&self, news: News) {
        let Settings { scrape_addr, statsd_addr, interval, .. } = self.settings;
        match news {
            News::Works => {
                self.log.info(&format!("scraping {scrape_addr} every {interval:?}, sending to {statsd_addr}"));
            }
            News::Recovered(failures) => {
                self.log.info(&format!("scraping {scrape_addr} works again after {failures} failures"));
            }
            News::Fails(problem) => self.log.error(&format!(
                "cannot scrape {scrape_addr}: {problem}; nothing is sent until it works, and counts go on from \
                 the last complete scrape"
            )),
            News::Folded(folded) => self.log.error(&format!("scraping {scrape_addr} {folded}")),
            News::Nothing => {}
        }
    }

    async fn deliver(&mut self, deadline: Instant, events: Option<&Receiver<Event>>) {
        let news = match self.send(deadline, events).await {
            Ok(()) => self.sending.works(Instant::now()),
            Err(error) => self.sending.fails(&error.to_string(), Instant::now()),
        };
        let address = &self.settings.statsd_addr;
        match news {
            News::Recovered(failures) => {
                self.log.info(&format!("sending to {address} works again after {failures} scrapes"));
            }
            News::Fails(problem) => self.log.error(&format!(
                "cannot send to {address}: {problem}; is a StatsD server listening there (STATSD_ADDR)? \
                 The counts of {} series are owed, kept, and sent when it does",
                self.converter.owing()
            )),
            News::Folded(folded) => self.log.error(&format!("sending to {address} {folded}")),
            News::Works | News::Nothing => {}
        }
    }

    /// Sends until a datagram is refused: those behind it would be refused too.
    ///
    /// What a datagram carries is settled once the next one was sent without a refusal coming back, so
    /// that the last one and the first are asked about: the first is the probe of a server that may be
    /// away, before anything else is risked.
    async fn send(&mut self, deadline: Instant, events: Option<&Receiver<Event>>) -> Result<(), SendError> {
        let lengths = (0..self.converter.datagrams()).filter_map(|index| self.converter.datagram(index));
        let time = deadline.saturating_duration_since(Instant::now()).min(self.settings.interval);
        let mut pace = self.sink.pace(lengths.map(<[u8]>::len), time / PAUSES_PART);
        let refusal_time = self.settings.interval / 4;
        let mut unconfirmed = None;
        for index in 0..self.converter.datagrams() {
            if events.is_some_and(|events| !events.is_empty()) {
                // The rest stays owed, for the last scrape.
                break;
            }
            let datagram = self.converter.datagram(index).unwrap_or_default();
            if let Some(pause) = pace.before(datagram.len()) {
                Timer::after(pause).await;
            }
            let time = deadline.saturating_duration_since(Instant::now()).min(ATTEMPT_TIME_MAX);
            let sent = within(time, self.sink.send(datagram)).await.unwrap_or_else(|| Err(SendError::late()));
            if let Some(before) = unconfirmed
                && sent.as_ref().err().is_none_or(|error| !error.is_earlier)
            {
                self.converter.taken(before);
            }
            sent?;
            unconfirmed = Some(index);
            if index == 0 {
                self.sink.confirm(refusal_time).await?;
            }
        }
        self.sink.confirm(refusal_time).await?;
        unconfirmed.into_iter().for_each(|index| self.converter.taken(index));
        Ok(())
    }

    /// After each delivery, so that whatever ends this process, the next one knows what is owed.
    fn save(&mut self) {
        let (Some(engine), Some(snapshot)) = (&mut self.engine, self.converter.snapshot()) else { return };
        let news = match engine.state.save(&snapshot, SystemTime::now()) {
            Ok(()) => engine.saving.works(Instant::now()),
            Err(problem) => engine.saving.fails(&problem.to_string(), Instant::now()),
        };
        let path = engine.state.path().display();
        match news {
            News::Fails(problem) => self.log.error(&format!(
                "cannot save the state {path}: {problem}; a restart of the plugin will lose counts"
            )),
            News::Folded(folded) => self.log.error(&format!("saving the state {path} {folded}")),
            News::Works | News::Recovered(_) | News::Nothing => {}
        }
    }
}

/// Why a scrape sends nothing.
#[derive(Debug)]
enum Failure {
    Scrape(ScrapeError),
    Incomplete(Incomplete),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scrape(error) => error.fmt(out),
            Self::Incomplete(problem) => problem.fmt(out),
        }
    }
}

async fn next(events: &Receiver<Event>) -> Event {
    // Nobody is left who could say anything else.
    events.recv().await.unwrap_or(Event::Shutdown)
}

async fn tick(due: Option<Instant>) -> Event {
    match due {
        Some(due) => Timer::at(due).await,
        None => Timer::never().await,
    };
    Event::Tick
}
