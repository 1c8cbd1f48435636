//! The loop: what happens between StartMetrics and the end of the process.
//!
//! Everything that can happen is one [`Event`]. The collector owns the state (what is known of each
//! series, the sink, whether scraping is on) and runs one scrape at a time, so a slow one never
//! overlaps the next. Ticks come from a steady clock; ticks that were missed, because a scrape was slow
//! or the machine slept, are dropped and not made up for.

mod delivery;
mod health;

use std::fmt;
use std::future::pending;
use std::time::{Duration, Instant, SystemTime};

use smol::channel::{Receiver, Sender};
use smol::future::FutureExt;

use crate::boot::BootClock;
use crate::config::{ScrapeAddr, Settings};
use crate::convert::{Converter, Incomplete, READINGS_MAX, Report, Start};
use crate::log::Log;
use crate::scrape::{ScrapeError, Scraper};
use crate::series::OWED_BYTES_MAX;
use crate::sink::{SendError, Sink};
use crate::state::StateFile;
use crate::timer::Timer;
use crate::vitals::{Attempt, Count, Now, Status, Vitals};
use delivery::{Bounds, Traffic, send};
use health::{Health, News};

/// How long StopMetrics is held up for the last scrape and its delivery: the engine waits 15 seconds for
/// all of its shutdown, and kills 10 seconds after SIGTERM.
pub const LAST_WORDS_TIME_MAX: Duration = Duration::from_secs(3);
/// The part of it that the scrape may take.
const LAST_SCRAPE_TIME_MAX: Duration = Duration::from_secs(2);
/// The part of it that the delivery may take.
const LAST_DELIVERY_TIME_MAX: Duration = Duration::from_secs(1);
/// How long the engine's socket may refuse before the process ends to get another one.
const DEAD_SOCKET_TIME_MAX: Duration = Duration::from_secs(4);
/// How long a process lives at least: an engine that finds a young plugin gone disables it.
const LIFE_TIME_MIN: Duration = Duration::from_secs(5);
/// How long delivering any other scrape may take: an interval, but not less than this and not more.
const DELIVERY_TIME_MIN: Duration = Duration::from_secs(1);
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(10);
/// How soon a socket that refuses is tried again.
const DEAD_SOCKET_RETRY: Duration = Duration::from_secs(1);

/// Why there is nothing to scrape.
const NOT_STARTED: &str = "the engine has not said StartMetrics";
const STOPPED: &str = "the engine has said StopMetrics";
const ENDING: &str = "the plugin was told to end";

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
    scraper: Scraper,
    converter: Converter,
    vitals: Vitals,
    sink: Sink,
    /// There is something to scrape.
    is_started: bool,
    /// Why there is not, if there is not.
    rest: &'static str,
    /// When it is time to scrape, or to say that there is nothing to scrape.
    due: Option<Instant>,
    /// When an engine's socket that refuses is tried again: before that.
    retry: Option<Instant>,
    /// An event that interrupted a scrape.
    waiting: Option<Event>,
    scraping: Health,
    /// Whether all of a scrape is of use.
    reading: Health,
    sending: Health,
    /// Whether what was not taken can be kept owed.
    owing: Health,
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
        let mut collector = Self {
            settings,
            log,
            scraper: Scraper::new(settings.scrape_addr.clone()),
            converter: Converter::new(settings, Start::FirstScrape),
            vitals: Vitals::new(settings),
            sink: Sink::new(settings.statsd_addr.clone()),
            is_started: false,
            rest: NOT_STARTED,
            due: None,
            retry: None,
            waiting: None,
            scraping: Health::default(),
            reading: Health::default(),
            sending: Health::default(),
            owing: Health::default(),
            clock: matches!(settings.scrape_addr, ScrapeAddr::Unix { .. })
                .then(BootClock::of_this_machine)
                .flatten(),
            engine: None,
        };
        collector.due = collector.next_sign();
        collector
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
                None => next(&events).or(tick(self.retry.or(self.due))).await,
            };
            match event {
                Event::Start => self.start(),
                Event::Tick => self.tick(&events).await,
                Event::Stop(done) => {
                    self.stop(STOPPED).await;
                    // Whoever asked may have stopped waiting.
                    let _ = done.try_send(());
                }
                Event::Shutdown => return self.stop(ENDING).await,
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
        if !self.is_started {
            self.is_started = true;
            self.due = Some(Instant::now());
            self.scraping = Health::default();
        } else if self.is_refused() {
            self.log.error(
                "the engine was killed and is back, but the socket it gave this plugin is dead: run \
                 `docker plugin disable` and `docker plugin enable`",
            );
        }
    }

    /// A last scrape, and a last word: a server that keeps gauges is not to say for ever that all is well.
    async fn stop(&mut self, why: &'static str) {
        if std::mem::take(&mut self.is_started) {
            let limit = self.settings.scrape_timeout.min(LAST_SCRAPE_TIME_MAX);
            let scraped = self.scrape(limit).await;
            self.scraper.hang_up();
            self.handle(scraped, Telling::Last(why), self.bounds(LAST_DELIVERY_TIME_MAX, None)).await;
            self.log.info("scraping stopped");
            (self.due, self.retry, self.rest) = (self.next_sign(), None, why);
        }
        if let Some(engine) = &mut self.engine {
            engine.said_stop = true;
            // The socket that the next StartMetrics speaks of is another one.
            engine.refused_since = None;
        }
    }

    /// Whatever happens meanwhile interrupts: the tick is then still due.
    async fn tick(&mut self, events: &Receiver<Event>) {
        let begin = Instant::now();
        let is_retry = self.retry.is_some();
        let interval = self.settings.interval;
        if self.is_started {
            let limit = self.settings.scrape_timeout;
            let scraped = async { Ok(self.scrape(limit).await) };
            match scraped.or(async { Err(next(events).await) }).await {
                Ok(scraped) => {
                    let bounds = self.bounds(delivery_time(interval), Some(events));
                    self.handle(scraped, if is_retry { Telling::OfSuccess } else { Telling::Always }, bounds)
                        .await;
                }
                Err(event) => {
                    self.waiting = Some(event);
                    return;
                }
            }
        } else {
            let bounds = self.bounds(delivery_time(interval), Some(events));
            let told = self.tell(Status::Waiting(self.rest), None, bounds).await;
            self.say_of_sending(told);
        }
        let now = Instant::now();
        if !is_retry {
            self.due = self.due.map(|due| if due + interval > now { due + interval } else { now + interval });
        }
        let retry = begin + DEAD_SOCKET_RETRY;
        self.retry = (self.is_refused() && self.due.is_some_and(|due| retry < due)).then_some(retry);
    }

    fn bounds<'e>(&self, limit: Duration, events: Option<&'e Receiver<Event>>) -> Bounds<'e> {
        Bounds { deadline: Instant::now() + limit, interval: self.settings.interval, events }
    }

    /// When there is something to say while there is nothing to scrape.
    fn next_sign(&self) -> Option<Instant> {
        self.settings.self_metrics.then(|| Instant::now() + self.settings.interval)
    }

    /// Whether nobody listens on the engine's socket.
    fn is_refused(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.refused_since.is_some())
    }

    /// Scrapes and converts, within `limit`. Dropping the future leaves no trace.
    async fn scrape(&mut self, limit: Duration) -> Scraped {
        let begin = Instant::now();
        let result = self.read(begin, limit).await;
        Scraped { time: begin.elapsed(), result }
    }

    /// What the body became, and its length.
    async fn read(&mut self, begin: Instant, limit: Duration) -> Result<(Report, usize), Failure> {
        let Self { scraper, converter, clock, .. } = self;
        let mut converted = Err(Incomplete::OtherProcess);
        let mut bytes = 0;
        for _ in 0..READINGS_MAX {
            converter.begin();
            bytes = 0;
            let left = limit.saturating_sub(begin.elapsed());
            let feed = |piece: &[u8]| {
                bytes += piece.len();
                converter.feed(piece);
            };
            scraper.scrape(left, feed).await.map_err(Failure::Scrape)?;
            converted = converter.finish(clock.as_ref().map(BootClock::read));
            if converted.is_err() {
                // Whoever answers once more is to be asked anew.
                scraper.hang_up();
            }
            if converted != Err(Incomplete::OtherProcess) {
                break;
            }
        }
        converted.map(|report| (report, bytes)).map_err(Failure::Incomplete)
    }

    /// Delivers a scrape, and says how it went, within `bounds`.
    async fn handle(&mut self, scraped: Scraped, telling: Telling, bounds: Bounds<'_>) {
        let Scraped { time, result } = scraped;
        self.note_refusal(&result);
        let mut attempt = Attempt { time, body: None };
        let (mut sent, failure) = match result {
            Ok((report, bytes)) => {
                attempt.body = Some((bytes, report.counts.samples));
                (Some(self.deliver(&report, bounds).await), None)
            }
            Err(problem) => {
                self.vitals.add(Count::ScrapesFailed, 1);
                let text = problem.to_string();
                let news = self.scraping.fails(&text, Instant::now());
                self.say_of_scraping(news);
                (None, Some((problem, text)))
            }
        };
        let status = match (telling, &failure) {
            (Telling::Last(why), _) => Status::Waiting(why),
            (_, None) => Status::Up,
            (_, Some((Failure::Incomplete(Incomplete::EngineStarting), text))) => Status::Waiting(text),
            (_, Some((_, text))) => Status::Failing(text),
        };
        let is_due = telling != Telling::OfSuccess || failure.is_none();
        // A server that refused would refuse this too.
        if self.settings.self_metrics && is_due && !matches!(sent, Some(Err(_))) {
            sent = Some(self.tell(status, Some(attempt), bounds).await);
        }
        if let Some(sent) = sent {
            self.say_of_sending(sent);
        }
    }

    async fn deliver(&mut self, report: &Report, bounds: Bounds<'_>) -> Result<(), SendError> {
        let begin = Instant::now();
        if report.is_foreign {
            self.log
                .warn("the saved state is of another engine and was set aside: this scrape is the baseline");
        }
        let news = self.scraping.works(Instant::now());
        self.say_of_scraping(news);
        self.vitals.add_scrape(report);
        self.say_of_losses(report);
        let (traffic, sent) = send(&mut self.sink, &mut self.converter, bounds).await;
        self.count(traffic);
        self.note_lost();
        self.save();
        let converter = &mut self.converter;
        self.log.debug(|| {
            let (owing, series) = (converter.owing(), converter.series_count());
            let (time, counts) = (begin.elapsed(), report.counts);
            format!("delivered in {time:?}: {counts:?}, {owing} of {series} series owe")
        });
        sent
    }

    /// What could not be sent and is more than can be kept owed, which is lost for good.
    fn note_lost(&mut self) {
        let lost = self.converter.take_lost();
        self.vitals.add(Count::SeriesLost, lost);
        let news = match lost {
            0 => self.owing.works(Instant::now()),
            _ => self.owing.fails("no room", Instant::now()),
        };
        match news {
            News::Fails(_) => self.log.error(&format!(
                "more is owed than is kept, {OWED_BYTES_MAX} bytes: {lost} series have lost what they grew by, and more \
                 will until the StatsD server takes what is sent"
            )),
            News::Recovered(scrapes) => {
                self.log.info(&format!("all that is owed is kept again after {scrapes} scrapes"));
            }
            News::Folded(folded) => self.log.error(&format!("keeping all that is owed {folded}")),
            News::Works | News::Nothing => {}
        }
    }

    /// What of a scrape is lost for good, as long as it is.
    fn say_of_losses(&mut self, report: &Report) {
        let news = match report.losses() {
            Some(losses) => self.reading.fails(&losses, Instant::now()),
            None => self.reading.works(Instant::now()),
        };
        match news {
            News::Fails(losses) => self.log.warn(&format!(
                "not all of a scrape can be sent: {losses}; the rest is, and docs/mapping.md says what each means"
            )),
            News::Recovered(scrapes) => {
                self.log.info(&format!("all of a scrape can be sent again after {scrapes} scrapes"));
            }
            News::Folded(folded) => self.log.warn(&format!("sending all of a scrape {folded}")),
            News::Works | News::Nothing => {}
        }
    }

    fn note_refusal(&mut self, scraped: &Result<(Report, usize), Failure>) {
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
                "cannot scrape {scrape_addr}: {problem}; none of its metrics are sent until it works, and counts go on \
                 from the last complete scrape"
            )),
            News::Folded(folded) => self.log.error(&format!("scraping {scrape_addr} {folded}")),
            News::Nothing => {}
        }
    }

    /// Says how we are, within `bounds`.
    async fn tell(
        &mut self,
        status: Status<'_>,
        attempt: Option<Attempt>,
        bounds: Bounds<'_>,
    ) -> Result<(), SendError> {
        let (series, owing) = (self.converter.series_count(), self.converter.owing());
        self.vitals.write(Now { status, attempt, series, owing });
        let (traffic, sent) = send(&mut self.sink, &mut self.vitals, bounds).await;
        self.count(traffic);
        sent
    }

    fn count(&mut self, traffic: Traffic) {
        let Traffic { packets, bytes, lines, refused } = traffic;
        for (count, amount) in [
            (Count::PacketsSent, packets),
            (Count::BytesSent, bytes),
            (Count::LinesSent, lines),
            (Count::PacketsRefused, refused),
        ] {
            self.vitals.add(count, amount);
        }
    }

    fn say_of_sending(&mut self, sent: Result<(), SendError>) {
        let news = match sent {
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

/// An attempt to scrape.
#[derive(Debug)]
struct Scraped {
    time: Duration,
    /// What the body became, and its length in bytes.
    result: Result<(Report, usize), Failure>,
}

/// When to say how an attempt to scrape went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// However it went.
    Always,
    /// Only if it worked: it is one more between those that are due.
    OfSuccess,
    /// It was the last one, for this reason.
    Last(&'static str),
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

fn delivery_time(interval: Duration) -> Duration {
    interval.clamp(DELIVERY_TIME_MIN, DELIVERY_TIME_MAX)
}

async fn tick(due: Option<Instant>) -> Event {
    match due {
        Some(due) => Timer::at(due).await,
        None => pending().await,
    }
    Event::Tick
}
