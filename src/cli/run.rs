//! The two commands that scrape: wiring of the parts on one thread.
//!
//! The thread runs tasks and keeps its timers ([`crate::timer`]), and leaves sockets to async-io's own thread:
//! `smol::block_on` would have them take turns at waiting for sockets, and each turn costs switches of
//! threads. That thread is started with the first socket, whoever waits, and sleeps through a usual scrape.

use std::future::Future;
use std::path::Path;

use async_signal::{Signal, Signals};
use smol::LocalExecutor;
use smol::channel::{Sender, bounded};
use smol::future::{or, yield_now};
use smol::stream::StreamExt;

use super::CliError;
use crate::collector::{Collector, Event, LAST_WORDS_TIME_MAX};
use crate::config::{SETTINGS, Settings};
use crate::limit::within;
use crate::log::Log;
use crate::mount;
use crate::plugin::{self, Call};
use crate::privileges::{Confined, Reach, confine};
use crate::state::{self, StateFile};
use crate::timer::block_on;

/// Events that wait for the collector: a call of the engine each, and the engine makes five at most.
pub(super) const EVENTS_MAX: usize = 16;

/// What the plugin changes files in: its socket, the engine's and the state.
const PLUGIN_FOLDER: &str = "/run/docker";

/// Serves the plugin protocol until SIGTERM.
pub(super) fn plugin(settings: &Settings) -> Result<(), CliError> {
    let is_mount_missing = mount::is_missing(&settings.statsd_addr);
    // Before anything that starts a thread.
    let confined = confine(&Reach::of(settings).and_change(PLUGIN_FOLDER));
    let connections = LocalExecutor::new();
    let executor = LocalExecutor::new();
    block_on(in_turn(&executor, async {
        // First of all: the engine gives up on a plugin that does not listen.
        let listener = plugin::bind(Path::new(plugin::SOCKET)).map_err(CliError::Bind)?;
        let (events, queue) = bounded(EVENTS_MAX);
        watch_signals(&executor, events.clone(), &[Signal::Term, Signal::Int])?;
        let log = Log::new(settings);
        log.info(concat!(
            env!("CARGO_PKG_NAME"),
            " ",
            env!("CARGO_PKG_VERSION"),
            " started, waiting for the engine"
        ));
        say(&log, &confined);
        if is_mount_missing {
            log.error(&format!(
                "metrics go to {}, but {}: {}",
                settings.statsd_addr,
                mount::PROBLEM,
                mount::ADVICE
            ));
        }
        let unknown = unknown_settings();
        if !unknown.is_empty() {
            log.warn(&format!("this version has no such settings, and ignores them:{unknown}"));
        }
        let server = plugin::serve(&connections, listener, async move |call| handle(call, &events).await);
        // A task of its own, so that it is looked at only when somebody connects.
        executor.spawn(connections.run(server)).detach();
        let state = StateFile::new(Path::new(state::PATH));
        Box::pin(Collector::under_engine(settings, &log, state).run(queue)).await;
        Ok(())
    }))
}

/// Runs a future and, in turn with it, one task at a time, so that none keeps it waiting: a peer that never pauses keeps
/// the server busy. An executor's own `run` takes two hundred steps of tasks to one of the future, and so does that of the
/// connections within it.
async fn in_turn<T>(executor: &LocalExecutor<'_>, future: impl Future<Output = T>) -> T {
    or(future, async {
        loop {
            executor.tick().await;
            yield_now().await;
        }
    })
    .await
}

/// Scrapes from now until SIGTERM.
pub(super) fn agent(settings: &Settings) -> Result<(), CliError> {
    let confined = confine(&Reach::of(settings));
    let executor = LocalExecutor::new();
    block_on(executor.run(async {
        let (events, queue) = bounded(EVENTS_MAX);
        watch_signals(&executor, events.clone(), &[Signal::Term, Signal::Int])?;
        // The queue is empty and its other end is held below.
        let _ = events.try_send(Event::Start);
        let log = Log::new(settings);
        say(&log, &confined);
        Box::pin(Collector::new(settings, &log).run(queue)).await;
        Ok(())
    }))
}

/// What the engine passes on that this version does not know: settings of an earlier version stay after
/// an upgrade, and a swarm takes any name. Engines add only these two of their own.
fn unknown_settings() -> String {
    let mut unknown = String::new();
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let is_engines = name == "PATH" || name == "HOME";
        if !is_engines && SETTINGS.iter().all(|setting| setting.name != name) {
            unknown.push(' ');
            unknown.push_str(&name);
        }
    }
    unknown
}

/// A kernel that lacks something is no reason to warn anybody; one that refuses is.
fn say(log: &Log, confined: &Confined) {
    if confined.has_failed() { log.warn(&confined.to_string()) } else { log.info(&confined.to_string()) }
}

/// Answers StartMetrics at once and works behind it: engines wait for the answer without a limit when
/// they start. StopMetrics is answered after the last scrape, for the socket closes with the answer.
async fn handle(call: Call, events: &Sender<Event>) -> Result<(), String> {
    let full = "the plugin is busy with earlier calls";
    match call {
        Call::Activate => Ok(()),
        Call::StartMetrics => events.try_send(Event::Start).map_err(|_| full.to_owned()),
        Call::StopMetrics => {
            let (done, finished) = bounded(1);
            events.try_send(Event::Stop(done)).map_err(|_| full.to_owned())?;
            match within(LAST_WORDS_TIME_MAX, finished.recv()).await {
                Some(_) => Ok(()),
                None => Err("the last scrape took too long".to_owned()),
            }
        }
    }
}

/// Ends the collector with the first of `signals`, and the process with the second. A plugin's process is
/// number 1 of its namespace, where a signal without a handler is ignored.
pub(super) fn watch_signals(
    executor: &LocalExecutor<'_>,
    events: Sender<Event>,
    signals: &[Signal],
) -> Result<(), CliError> {
    let mut signals = Signals::new(signals.iter().copied()).map_err(CliError::Signals)?;
    executor
        .spawn(async move {
            let _ = signals.next().await;
            let _ = events.send(Event::Shutdown).await;
            let _ = signals.next().await;
            // Somebody does not want to wait for the last scrape.
            std::process::exit(1);
        })
        .detach();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_wait_are_bounded_and_one_more_is_told() {
        let (events, queue) = bounded(EVENTS_MAX);
        let start = || block_on(handle(Call::StartMetrics, &events));
        assert!((0..EVENTS_MAX).all(|_| start().is_ok()));
        let busy = Err("the plugin is busy with earlier calls".to_owned());
        assert_eq!(start(), busy);
        assert_eq!(block_on(handle(Call::StopMetrics, &events)), busy);
        queue.try_recv().unwrap();
        assert_eq!(start(), Ok(()));
    }

    #[test]
    fn a_stop_that_nobody_answers_is_answered_in_time() {
        let (events, _queue) = bounded(EVENTS_MAX);
        let begin = std::time::Instant::now();
        let stopped = block_on(handle(Call::StopMetrics, &events));
        assert_eq!(stopped, Err("the last scrape took too long".to_owned()));
        assert!(begin.elapsed() >= LAST_WORDS_TIME_MAX);
    }
}
