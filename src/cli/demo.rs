//! The command `demo`: an engine's metrics arriving, with nothing else installed.
//!
//! A stand-in engine, the collector and the listener's live table in one process, over real sockets in a
//! temporary folder: what is scraped is a recording that moves, all else is what the plugin does.

mod engine;
mod recording;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use async_signal::Signal;
use smol::LocalExecutor;
use smol::channel::bounded;
use smol::future::FutureExt;

use super::run::{EVENTS_MAX, watch_signals};
use super::{CliError, print, settings_from, variable};
use crate::collector::{Collector, Event};
use crate::config::{INTERVAL, LOG_LEVEL, SCRAPE_ADDR, STATSD_ADDR};
use crate::listen::{Bound, ListenAddr, Listener, Watch};
use crate::log::Log;
use crate::privileges::{Reach, confine};
use crate::timer::{Timer, block_on};
use engine::Engine;

/// Between scrapes, unless it is set: something is to be seen at once.
const DEMO_INTERVAL: &str = "1s";
/// Folders that other demos may have left when they were killed.
const FOLDERS_MAX: u32 = 100;

/// Runs until it is told to end, or for `limit`.
pub(super) fn demo(limit: Option<Duration>) -> Result<(), CliError> {
    let folder = Folder::create().map_err(failed("make a temporary folder"))?;
    let (scraped, statsd) = (folder.socket("metrics"), folder.socket("statsd"));
    let settings = settings_from(&|name| match name {
        _ if name == SCRAPE_ADDR.name => Some(format!("unix://{}", scraped.display())),
        _ if name == STATSD_ADDR.name => Some(format!("unixgram://{}", statsd.display())),
        // What the collector says of itself would be written over.
        _ if name == LOG_LEVEL.name => Some("error".to_owned()),
        _ if name == INTERVAL.name => {
            variable(name).filter(|value| !value.trim().is_empty()).or_else(|| Some(DEMO_INTERVAL.to_owned()))
        }
        _ => variable(name),
    })?;
    let heading = format!(
        "demo: a recorded Docker Engine, scraped and sent every {:?}; Ctrl-C ends it (sockets in {})",
        settings.interval,
        folder.0.display()
    );
    // A person who looks at a table is not told of it.
    let _ = confine(&Reach::of(&settings).and_change(std::env::temp_dir()));
    let log = Log::new(&settings);
    let executor = LocalExecutor::new();
    let metrics = block_on(executor.run(async {
        let engine = Engine::bind(&scraped).map_err(failed("serve the stand-in engine"))?;
        let listener =
            Bound::at(&ListenAddr::Unixgram(statsd)).and_then(Listener::new).map_err(failed("listen"))?;
        let (events, queue) = bounded(EVENTS_MAX);
        watch_signals(&executor, events.clone(), &[Signal::Term, Signal::Int, Signal::Hup])?;
        // The queue is empty and its other end is held below.
        let _ = events.try_send(Event::Start);
        executor.spawn(engine.serve()).detach();
        if let Some(limit) = limit {
            let end = async move {
                Timer::after(limit).await;
                let _ = events.send(Event::Shutdown).await;
            };
            executor.spawn(end).detach();
        }
        let collector = Collector::new(&settings, &log);
        let mut watch = Watch::new(listener, heading);
        // Whichever ends first: the collector when it is told to, the watch when nobody reads.
        let collected = async {
            Box::pin(collector.run(queue)).await;
            Ok(())
        };
        collected
            .or(async { watch.run().await.map(|never| match never {}) })
            .await
            .map_err(CliError::Output)?;
        watch.finish().map_err(CliError::Output)
    }))?;
    if metrics == 0 {
        return Err(CliError::NothingArrived);
    }
    print(
        "the demo has ended and removed its folder; `docker-metrics-statsd --help` says what else there is\n",
    )
}

fn failed(attempt: &'static str) -> impl FnOnce(io::Error) -> CliError {
    move |source| CliError::Demo { attempt, source }
}

/// A folder of our own, removed at the end with the sockets in it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Self> {
        for number in 0..FOLDERS_MAX {
            let name = format!("{}-demo-{}-{number}", env!("CARGO_PKG_NAME"), std::process::id());
            let path = std::env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map(|()| Self(path)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.sock"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
