//! The command `check`: tries what the settings say, and says what works, what does not and what to do.
//!
//! It uses what the collector uses, the sink and the scrape, with the rights that the collector has, so that
//! what works here works there. What it sends is an empty line, which is no metric to any server.

use std::borrow::Cow;
use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

use super::{CliError, print, variable};
use crate::config::{SCRAPE_ADDR, SETTINGS, Settings, StatsdAddr};
use crate::convert::{Converter, Incomplete, Start};
use crate::exposition::{self, Line};
use crate::http::client::GetError;
use crate::mount;
use crate::privileges::{Reach, confine};
use crate::resolve::resolve;
use crate::scrape::{ScrapeError, scrape};
use crate::sink::{REFUSAL_TIME_MAX, SendError, Sink};
use crate::timer::block_on;

/// A line that is no metric: what a server skips.
const EMPTY_LINE: &[u8] = b"\n";
/// How many addresses of a name are tried. The collector tries another one after each failure.
const ADDRESSES_MAX: usize = 8;

/// Something that does not work.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    problem: String,
    /// What a person can do; may be empty.
    advice: &'static str,
}

/// Tries the settings; their reading was the first of three checks.
pub(super) fn check(settings: &Settings) -> Result<(), CliError> {
    let Settings { statsd_addr, scrape_addr, .. } = settings;
    let is_mount_missing = mount::is_missing(statsd_addr);
    let confined = confine(&Reach::of(settings));
    block_on(async {
        report("settings", Ok(in_force()))?;
        if is_mount_missing {
            report("mount", Err(Wrong { problem: mount::PROBLEM.to_owned(), advice: mount::ADVICE }))?;
        }
        report("rights", Ok(confined.to_string()))?;
        let target = report(&format!("sending to {statsd_addr}"), target(settings).await)?;
        let source = report(&format!("scraping {scrape_addr}"), source(settings).await)?;
        if target && source { Ok(()) } else { Err(CliError::Check) }
    })
}

/// Whether it is well.
fn report(what: &str, outcome: Result<String, Wrong>) -> Result<bool, CliError> {
    let is_ok = outcome.is_ok();
    let (mark, words, advice) = match outcome {
        Ok(words) => ("ok   ", words, ""),
        Err(Wrong { problem, advice }) => ("WRONG", problem, advice),
    };
    // Parts of it come from the environment and from sockets.
    let line = format!("{mark}  {what}: {words}").replace(char::is_control, "?");
    let advice = if advice.is_empty() { String::new() } else { format!("       {advice}\n") };
    print(&format!("{line}\n{advice}")).map(|()| is_ok)
}

fn in_force() -> String {
    let set = SETTINGS.iter().filter_map(|setting| {
        let value = variable(setting.name).filter(|value| !value.trim().is_empty())?;
        Some(format!("{}={value}", setting.name))
    });
    let set: Vec<_> = set.collect();
    if set.is_empty() { "all have their defaults".to_owned() } else { set.join(" ") }
}

async fn target(settings: &Settings) -> Result<String, Wrong> {
    let address = &settings.statsd_addr;
    if *address == StatsdAddr::Stdout {
        return Ok("standard output takes every line, so nothing is tried".to_owned());
    }
    let mut words = String::new();
    let mut addresses = 1;
    if let StatsdAddr::Udp(target) | StatsdAddr::Tcp(target) = address {
        let wrong = |error: io::Error| Wrong {
            problem: format!("cannot look up {}: {error}", target.host),
            advice: "is the name right? An IP address needs no look-up",
        };
        let found: Vec<_> = resolve(target).await.map_err(wrong)?.iter().map(ToString::to_string).collect();
        addresses = found.len().min(ADDRESSES_MAX);
        if found.as_slice() != [target.to_string()] {
            words = format!("it is {}; ", found.join(" or "));
        }
    }
    let mut sink = Sink::new(address.clone());
    let mut sent = try_to_send(&mut sink).await;
    for _ in 1..addresses {
        if sent.is_err() {
            sent = try_to_send(&mut sink).await;
        }
    }
    sent.map_err(|error| {
        let kind = error.source().and_then(|source| source.downcast_ref()).map(io::Error::kind);
        Wrong { problem: error.to_string(), advice: target_advice(address, kind) }
    })?;
    words += match address {
        StatsdAddr::Udp(_) => {
            "a datagram was sent and not refused. UDP tells no more than that: look for the metrics at the server"
        }
        _ => "it takes what is sent",
    };
    Ok(words)
}

async fn try_to_send(sink: &mut Sink) -> Result<(), SendError> {
    sink.send(EMPTY_LINE).await?;
    sink.confirm(REFUSAL_TIME_MAX).await
}

fn target_advice(address: &StatsdAddr, kind: Option<ErrorKind>) -> &'static str {
    let is_network = matches!(address, StatsdAddr::Udp(_) | StatsdAddr::Tcp(_));
    match kind {
        Some(ErrorKind::ConnectionRefused) if is_network => {
            "nobody listens there: start the StatsD server, or set STATSD_ADDR to where it is; \
             `docker-metrics-statsd listen` is one to try with"
        }
        Some(ErrorKind::TimedOut) if is_network => "is the address right, and no firewall in between?",
        Some(ErrorKind::NotFound) => {
            "there is no such socket: start the server that makes it; for the plugin, mount its folder with \
             `docker plugin set docker-metrics-statsd datadog_socket.source=FOLDER`"
        }
        // A folder, or the file of something else.
        Some(ErrorKind::ConnectionRefused) if !is_socket(address) => {
            "this is no socket: STATSD_ADDR is the path of the server's socket itself, as of \
             /var/run/datadog/dsd.socket"
        }
        Some(ErrorKind::ConnectionRefused) => {
            "the socket is left from a server that has ended: start it again"
        }
        _ => "",
    }
}

fn is_socket(address: &StatsdAddr) -> bool {
    let metadata = address.path().and_then(|path| std::fs::metadata(path).ok());
    metadata.is_some_and(|metadata| metadata.file_type().is_socket())
}

async fn source(settings: &Settings) -> Result<String, Wrong> {
    let mut body = Vec::new();
    let begin = Instant::now();
    let scraped =
        scrape(&settings.scrape_addr, settings.scrape_timeout, |piece| body.extend_from_slice(piece));
    let is_default = settings.scrape_addr.to_string() == SCRAPE_ADDR.default;
    scraped
        .await
        .map_err(|error| Wrong { problem: error.to_string(), advice: scrape_advice(&error, is_default) })?;
    describe(settings, &body, begin.elapsed())
}

fn scrape_advice(error: &ScrapeError, is_default: bool) -> &'static str {
    match error {
        error if error.is_refused() && is_default => {
            "an engine puts this socket into its plugin, and nowhere else. Outside of one set SCRAPE_ADDR, as \
             to http://127.0.0.1:9323/metrics of an engine with \"metrics-addr\": \"127.0.0.1:9323\" in its \
             daemon.json"
        }
        error if error.is_refused() => "nobody listens there: is SCRAPE_ADDR right?",
        ScrapeError::TimedOut(_) => "SCRAPE_TIMEOUT sets how long it may take",
        ScrapeError::Get(GetError::Unframed) => {
            "a whole answer cannot be told from one that was cut: its server has to send a Content-Length, or \
             chunks of HTTP/1.1"
        }
        ScrapeError::Get(_) => "is this the path of Prometheus metrics (SCRAPE_ADDR)?",
        ScrapeError::Connect { .. } | ScrapeError::TooLarge => "",
    }
}

/// What a body is, and the most that would be sent for it.
fn describe(settings: &Settings, body: &[u8], time: Duration) -> Result<String, Wrong> {
    let wrong = |error: Incomplete| Wrong {
        problem: error.to_string(),
        advice: match error {
            Incomplete::EngineStarting => "try again when it has started",
            Incomplete::Empty | Incomplete::Malformed { .. } => {
                "is this the path of Prometheus metrics (SCRAPE_ADDR)?"
            }
            Incomplete::TooLong | Incomplete::OtherProcess => "",
        },
    };
    let mut converter = Converter::new(settings, Start::Zero);
    let counts = converter.convert(body).map_err(wrong)?.counts;
    let who = match engine_version(body) {
        Some(version) => format!("a Docker Engine, version {version}"),
        None => "not a Docker Engine, but its metrics can be read".to_owned(),
    };
    let mut words = format!(
        "{who}; complete, {} samples in {} bytes, after {} ms; at most {} metrics in {} datagrams a scrape",
        counts.samples,
        body.len(),
        time.as_millis(),
        counts.metrics,
        converter.datagrams(),
    );
    if counts.metrics + counts.too_large == 0 {
        // No reason to fail: counters that are zero have nothing to send either.
        words += "; nothing of it is sent now: do INCLUDE, EXCLUDE and HISTOGRAMS leave what they should?";
    }
    if counts.malformed > 0 {
        words += &format!("; {} malformed lines are skipped", counts.malformed);
    }
    if counts.too_large > 0 {
        words += &format!("; {} metrics are larger than MAX_PACKET_BYTES and are not sent", counts.too_large);
    }
    Ok(words)
}

fn engine_version(body: &[u8]) -> Option<String> {
    body.split(|byte| *byte == b'\n').find_map(|line| match exposition::parse(line) {
        Ok(Line::Sample(sample)) if sample.name() == "engine_daemon_engine_info" => {
            sample.labels().get("version").map(Cow::into_owned)
        }
        _ => None,
    })
}
