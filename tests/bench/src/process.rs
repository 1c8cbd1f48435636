//! `just bench-process`: the plugin's own process, between a stand-in engine and a stand-in server.
//!
//! The process is the one that ships, run as `agent`; everything that a scrape costs is in it: sockets,
//! HTTP, conversion, sending. What arrives is compared with what must arrive before a figure counts.

mod endpoint;
mod receiver;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use docker_metrics_statsd::scrape::BODY_BYTES_MAX;

use crate::Error;
use crate::compare::render;
use crate::expected::Metrics;
use crate::inputs::{Size, samples, scrapes};
use endpoint::Endpoint;
use receiver::{Receiver, Transport};
use usage::{Usage, memory_peak_kib};

/// The most scrapes that are measured.
const SCRAPES_MAX: usize = 40;
/// Scrapes before the first one that counts: the baseline, and one more.
const SCRAPES_BEFORE: usize = 2;
/// The shortest interval between scrapes, in milliseconds.
const INTERVAL_MS_MIN: usize = 20;
/// An interval in which nothing happens.
const INTERVAL_IDLE: &str = "1h";
/// How long a process may take to come to rest, and how long it has to rest.
const REST_TIME_MAX: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_millis(500);

/// What to measure, and how to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The plugin's static binary.
    pub plugin: PathBuf,
    /// The sizes, one after the other.
    pub sizes: Vec<Size>,
    /// How long to watch a plugin that has nothing to do; `None`: not at all.
    pub idle: Option<Duration>,
    /// Tables for a document.
    pub is_markdown: bool,
}

/// Measures everything and returns the table; `note` is told what happens meanwhile.
pub fn measure(options: &Options, note: impl Fn(&str)) -> Result<String, Error> {
    let heading = [
        "",
        "CPU a scrape, us",
        "ns a sample",
        "memory peak, MiB",
        "datagrams a scrape",
        "wake-ups a scrape",
        "page faults a scrape",
    ];
    let mut rows = vec![heading.map(ToOwned::to_owned).to_vec()];
    for size in &options.sizes {
        let transports: &[_] = if *size == Size::Docker {
            &[Transport::Unixgram, Transport::Udp]
        } else {
            &[Transport::Unixgram]
        };
        for transport in transports {
            let title = format!("{size}, {}", format!("{transport:?}").to_lowercase());
            note(&title);
            match figures(&options.plugin, *size, *transport)? {
                Some(figures) => rows.push([title].into_iter().chain(figures).collect()),
                None => note("larger than the plugin reads"),
            }
        }
    }
    let mut text = render(&rows, options.is_markdown);
    if let Some(time) = options.idle {
        note(&format!("a plugin with nothing to do, {time:?}"));
        let usage = idle(&options.plugin, time)?;
        text += &format!("\nidle for {time:?}: {:?} CPU, {} wake-ups\n", usage.cpu, usage.runs);
    }
    Ok(text)
}

/// The cells of a row; `None` if the plugin refuses bodies of this size.
fn figures(plugin: &Path, size: Size, transport: Transport) -> Result<Option<[String; 6]>, Error> {
    let bodies = scrapes(size, SCRAPES_BEFORE + SCRAPES_MAX)?;
    let samples = bodies.first().map_or(0, |body| samples(body));
    if bodies.iter().any(|body| body.len() > BODY_BYTES_MAX) {
        return Ok(None);
    }
    let interval = format!("{}ms", (samples * 3 / 1000).max(INTERVAL_MS_MIN));
    let mut agent = Agent::start(plugin, &interval, transport)?;
    let mut before = Usage::default();
    for (index, body) in bodies.iter().enumerate() {
        let scrape = agent.next_scrape()?;
        if index == SCRAPES_BEFORE {
            before = agent.usage()?;
        }
        scrape.answer(body)?;
    }
    // It asks again once everything is delivered.
    let _scrape = agent.next_scrape()?;
    let usage = agent.usage()?.since(before);
    let memory_kib = memory_peak_kib(agent.process.id())?;
    let received = agent.finish()?;
    let text = String::from_utf8_lossy(&received.bytes);
    let text = without_its_own(&text);
    Metrics::of_scrapes(bodies.iter().map(Vec::as_slice)).check(&Metrics::of_lines(&text)?)?;

    let scrapes = crate::float(bodies.len() - SCRAPES_BEFORE);
    let cpu_us = usage.cpu.as_secs_f64() * 1e6 / scrapes;
    let a_scrape = |count| crate::float(usize::try_from(count).unwrap_or(usize::MAX)) / scrapes;
    Ok(Some([
        format!("{cpu_us:.0}"),
        format!("{:.0}", cpu_us * 1e3 / crate::float(samples)),
        format!("{:.2}", crate::float(memory_kib) / 1024.0),
        format!("{:.0}", crate::float(received.datagrams) / crate::float(bodies.len())),
        format!("{:.1}", a_scrape(usage.runs)),
        format!("{:.1}", a_scrape(usage.page_faults)),
    ]))
}

/// The lines of what was scraped. What the plugin says of itself costs what it costs, and is in the figures.
fn without_its_own(text: &str) -> String {
    let begins = ["_sc|docker.metrics.", "docker.metrics.", "docker.up:"];
    let is_its_own = |line: &&str| begins.iter().any(|begin| line.starts_with(begin));
    text.split_inclusive('\n').filter(|line| !is_its_own(line)).collect()
}

/// What a plugin uses between two scrapes.
fn idle(plugin: &Path, time: Duration) -> Result<Usage, Error> {
    let bodies = scrapes(Size::Docker, 1)?;
    let mut agent = Agent::start(plugin, INTERVAL_IDLE, Transport::Unixgram)?;
    for body in &bodies {
        agent.next_scrape()?.answer(body)?;
    }
    let deadline = Instant::now() + REST_TIME_MAX;
    let mut before = agent.usage()?;
    loop {
        thread::sleep(REST);
        let now = agent.usage()?;
        if now == before {
            break;
        }
        if Instant::now() > deadline {
            return Err(Error::Wrong("the plugin does not come to rest".to_owned()));
        }
        before = now;
    }
    thread::sleep(time);
    let usage = agent.usage()?.since(before);
    agent.finish()?;
    Ok(usage)
}

/// The plugin's process and the sockets around it; it ends with this value.
#[derive(Debug)]
struct Agent {
    process: Child,
    endpoint: Endpoint,
    receiver: Option<Receiver>,
    /// Of the sockets.
    _directory: tempfile::TempDir,
}

impl Agent {
    fn start(plugin: &Path, interval: &str, transport: Transport) -> Result<Self, Error> {
        let directory = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
        let socket = directory.path().join("metrics.sock");
        let endpoint = Endpoint::bind(&socket)?;
        let receiver = Receiver::start(transport, directory.path())?;
        let plugin = fs::canonicalize(plugin)
            .map_err(Error::io(format!("find {}, which `just build` makes", plugin.display())))?;
        let process = Command::new(&plugin)
            .arg("agent")
            .env_clear()
            .env("SCRAPE_ADDR", format!("unix://{}", socket.display()))
            .env("STATSD_ADDR", &receiver.address)
            .env("INTERVAL", interval)
            .env("SCRAPE_TIMEOUT", "1m")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(Error::io(format!("start {}", plugin.display())))?;
        Ok(Self { process, endpoint, receiver: Some(receiver), _directory: directory })
    }

    fn next_scrape(&mut self) -> Result<endpoint::Scrape, Error> {
        let process = &mut self.process;
        self.endpoint.next(|| matches!(process.try_wait(), Ok(None)))
    }

    fn usage(&self) -> Result<Usage, Error> {
        Usage::of(self.process.id())
    }

    /// Ends the process; everything that it has sent.
    fn finish(mut self) -> Result<receiver::Received, Error> {
        self.end();
        self.receiver.take().map_or_else(|| Ok(receiver::Received::default()), Receiver::finish)
    }

    fn end(&mut self) {
        // Already ended is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
    }
}
