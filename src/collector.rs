//! The loop: what happens between StartMetrics and the end of the process.
//!
//! Everything that can happen is one [`Event`]. The collector owns the state (what is known of each
//! series, the sink, whether scraping is on) and runs one scrape at a time, so a slow one never
//! overlaps the next. Ticks come from a steady clock; ticks that were missed, because a scrape was slow
//! or the machine slept, are dropped and not made up for.

mod health;

use std::time::{Duration, Instant};

use async_io::Timer;
use smol::channel::{Receiver, Sender};
use smol::future::FutureExt;

use crate::config::Settings;
use crate::convert::{Conversion, Converter, Start};
use crate::log::Log;
use crate::scrape::scrape;
use crate::series::SeriesId;
use crate::sink::{SendError, Sink};
use health::{Change, Health};

/// How long the last scrape may take, at StopMetrics and at the end: the engine waits 15 seconds for
/// all of its shutdown, and kills 10 seconds after SIGTERM.
pub const LAST_SCRAPE_TIME_MAX: Duration = Duration::from_secs(3);
/// Datagrams sent without a pause: about a third of what fits a default receive buffer (212,992 bytes,
/// in which a datagram takes more than its length).
const BURST_DATAGRAMS: usize = 32;
/// The pause between bursts, in which a server reads what it has.
const BURST_PAUSE: Duration = Duration::from_millis(10);

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
    scraping: Health,
    sending: Health,
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
            scraping: Health::default(),
            sending: Health::default(),
        }
    }

    /// Handles events until [`Event::Shutdown`], or until nobody can send one.
    pub async fn run(mut self, events: Receiver<Event>) {
        loop {
            let event = async { events.recv().await.unwrap_or(Event::Shutdown) };
            match event.or(tick(self.due)).await {
                Event::Start => self.start(),
                Event::Tick => self.scrape_on_tick().await,
                Event::Stop(done) => {
                    self.stop().await;
                    // Whoever asked may have stopped waiting.
                    let _ = done.try_send(());
                }
                Event::Shutdown => return self.stop().await,
            }
        }
    }

    /// The engine repeats StartMetrics when it is unsure; only the first one starts.
    fn start(&mut self) {
        if self.due.is_none() {
            self.due = Some(Instant::now());
            self.scraping = Health::default();
        }
    }

    async fn stop(&mut self) {
        if self.due.take().is_some() {
            self.scrape(self.settings.scrape_timeout.min(LAST_SCRAPE_TIME_MAX)).await;
            self.log.info("scraping stopped");
        }
    }

    async fn scrape_on_tick(&mut self) {
        self.scrape(self.settings.scrape_timeout).await;
        let now = Instant::now();
        let interval = self.settings.interval;
        self.due = self.due.map(|due| if due + interval > now { due + interval } else { now + interval });
    }

    async fn scrape(&mut self, limit: Duration) {
        let begin = Instant::now();
        let (address, log) = (&self.settings.scrape_addr, self.log);
        let scraped = scrape(address, limit).await;
        let converted = scraped
            .map_err(|error| error.to_string())
            .and_then(|body| self.converter.convert(&body).map_err(|error| error.to_string()));
        match converted {
            Ok(conversion) => {
                match self.scraping.works() {
                    Change::First => log.info(&format!(
                        "scraping {address} every {:?}, sending to {}",
                        self.settings.interval, self.settings.statsd_addr
                    )),
                    Change::Recovered(failures) => {
                        log.info(&format!("scraping {address} works again after {failures} failures"));
                    }
                    Change::Same => {}
                }
                self.deliver(&conversion).await;
                log.debug(&format!("scraped in {:?}: {:?}", begin.elapsed(), conversion.counts));
            }
            Err(problem) => {
                if self.scraping.fails(&problem) {
                    log.error(&format!(
                        "cannot scrape {address}: {problem}; nothing is sent until it works, and counts go on \
                         from the last complete scrape"
                    ));
                }
            }
        }
    }

    async fn deliver(&mut self, conversion: &Conversion) {
        let (address, log) = (&self.settings.statsd_addr, self.log);
        match self.send(conversion).await {
            Ok(()) => {
                if let Change::Recovered(failures) = self.sending.works() {
                    log.info(&format!("sending to {address} works again after {failures} scrapes"));
                }
            }
            Err(error) => {
                if self.sending.fails(&error.to_string()) {
                    log.error(&format!(
                        "cannot send to {address}: {error}; is a StatsD server listening there (STATSD_ADDR)? \
                         Counts are kept and sent when it does"
                    ));
                }
            }
        }
    }

    /// Sends until a datagram is refused: those behind it would be refused too.
    ///
    /// What a datagram carries is settled once the next one was sent without a refusal coming back, so
    /// that the last one and the first are asked about: the first is the probe of a server that may be
    /// away, before anything else is risked.
    async fn send(&mut self, conversion: &Conversion) -> Result<(), SendError> {
        let bursts = u32::try_from(conversion.datagrams().len() / BURST_DATAGRAMS).unwrap_or(u32::MAX);
        let pause = BURST_PAUSE.min(self.settings.interval / 2 / bursts.max(1));
        let refusal_time = self.settings.interval / 4;
        let mut unconfirmed: &[SeriesId] = &[];
        for (index, (datagram, carried)) in conversion.datagrams().enumerate() {
            if index > 0 && index % BURST_DATAGRAMS == 0 {
                Timer::after(pause).await;
            }
            self.sink.send(datagram).await?;
            self.converter.taken(unconfirmed);
            unconfirmed = carried;
            if index == 0 {
                self.sink.confirm(refusal_time).await?;
            }
        }
        self.sink.confirm(refusal_time).await?;
        self.converter.taken(unconfirmed);
        Ok(())
    }
}

async fn tick(due: Option<Instant>) -> Event {
    match due {
        Some(due) => Timer::at(due).await,
        None => Timer::never().await,
    };
    Event::Tick
}
