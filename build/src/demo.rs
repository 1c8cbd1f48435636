//! `plugin-builder demo-engine`: the plugin at work in a real Docker Engine.
//!
//! Job: create the built plugin in an engine, start the built-in listener where the plugin sends to,
//! keep the engine a little busy, show what arrives, and take everything away again: at the end, on
//! Ctrl-C, and when something fails. The engine is the one that the `docker` client points at, or a
//! private one where none answers.

mod error;
mod host;
mod listener;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lexopt::{Arg, Parser, ValueExt as _};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::arch::Arch;
use crate::engine::EngineError;
use crate::image::{CONFIG_JSON, Image};
use error::DemoError;
use host::Host;
use listener::{Heard, Listener};

/// What the plugin is called in the engine.
const PLUGIN: &str = "docker-metrics-statsd-demo";
/// How often the plugin scrapes: quick enough to watch, slow enough to read.
const INTERVAL: &str = "INTERVAL=1s";
/// Calls that move counters of any engine.
const QUESTIONS: [&[&str]; 3] = [&["info"], &["version"], &["plugin", "ls"]];
/// Between two calls.
const CALL_INTERVAL: Duration = Duration::from_millis(700);
/// How soon a signal is noticed.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How many lines of the engine's log a failure shows.
const LOG_TAIL_LINES: usize = 20;

/// Runs the demo; `args` are those after `demo-engine`. Exit code 0 when metrics arrived, 1 when not,
/// 2 for a wrong command line.
#[must_use]
pub fn run(args: Vec<OsString>) -> ExitCode {
    let (problem, code) = match parse(args) {
        Ok(limit) => match show(limit, &mut io::stdout()) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error.to_string(), 1),
        },
        Err(error) => (format!("{error} (usage: demo-engine [--seconds N])"), 2),
    };
    // Nothing can be done when standard error is closed.
    let _ = writeln!(io::stderr(), "plugin-builder: {problem}");
    ExitCode::from(code)
}

/// How long to show what arrives; without a limit until a signal.
fn parse(args: Vec<OsString>) -> Result<Option<Duration>, lexopt::Error> {
    let mut args = Parser::from_args(args);
    let mut limit = None;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("seconds") => limit = Some(Duration::from_secs(args.value()?.parse()?)),
            other => return Err(other.unexpected()),
        }
    }
    Ok(limit)
}

fn show(limit: Option<Duration>, out: &mut impl Write) -> Result<(), DemoError> {
    let stopped = signals()?;
    let image = built()?;
    let mut host = Host::find(out)?;
    let result = show_on(&host, &image, &stopped, limit, out);
    let log = host.log_tail(LOG_TAIL_LINES);
    let host_stopped = host.stop();
    let seen = result.map_err(|cause| DemoError::During { cause: Box::new(cause), log })?;
    host_stopped?;
    let line = format!("\n{} different engine metrics arrived, in {} lines\n", seen.names.len(), seen.lines);
    say(out, &line)
}

fn show_on(
    host: &Host,
    image: &Image,
    stopped: &AtomicBool,
    limit: Option<Duration>,
    out: &mut impl Write,
) -> Result<Seen, DemoError> {
    // Taken away in reverse.
    let listener = Listener::start(host, &image.binary())?;
    let plugin = Plugin::create(host, &image.directory)?;
    plugin.enable(listener.port())?;
    let address = listener.address();
    say(out, &format!("the plugin scrapes every second and sends to {address}; Ctrl-C ends the demo\n\n"))?;
    let seen = watch(host, image, &listener, stopped, limit, out)?;
    plugin.remove()?;
    if seen.names.is_empty() { Err(DemoError::NothingArrived) } else { Ok(seen) }
}

/// What arrived while it was watched.
#[derive(Debug, Default)]
struct Seen {
    names: BTreeSet<String>,
    lines: usize,
}

/// Shows what arrives until the limit, a signal or a closed standard output.
fn watch(
    host: &Host,
    image: &Image,
    listener: &Listener,
    stopped: &AtomicBool,
    limit: Option<Duration>,
    out: &mut impl Write,
) -> Result<Seen, DemoError> {
    let start = Instant::now();
    let mut seen = Seen::default();
    let calls = calls(host, image);
    let mut calls = calls.iter().cycle();
    let mut next_call = start;
    while !stopped.load(Ordering::Relaxed) && limit.is_none_or(|limit| start.elapsed() < limit) {
        if Instant::now() >= next_call {
            next_call += CALL_INTERVAL;
            // One that fails moves a counter, too.
            let _ = calls.next().map(|call| host.docker(call));
        }
        match listener.hear(LOOK_INTERVAL) {
            Heard::Line(line) => {
                let name = line.split_whitespace().next().unwrap_or_default();
                if name.starts_with("docker.") {
                    seen.names.insert(name.to_owned());
                    seen.lines += 1;
                }
                if say(out, &format!("{line}\n")).is_err() {
                    break;
                }
            }
            Heard::Nothing => {}
            Heard::End => return Err(DemoError::ListenerEnded),
        }
    }
    Ok(seen)
}

/// What is called in turn to keep the engine busy. Only a private engine gets an image and containers;
/// they hold nothing but the files of the plugin.
fn calls(host: &Host, image: &Image) -> Vec<Vec<OsString>> {
    let call = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let mut calls: Vec<_> = QUESTIONS.map(call).into();
    if matches!(host, Host::Private(_)) {
        let program = format!("/rootfs/{}", crate::NAME);
        calls.push(vec!["import".into(), image.tarball.clone().into(), PLUGIN.into()]);
        calls.push(call(&["run", "--rm", "--network=none", PLUGIN, &program, "--version"]));
        calls.push(call(&["history", PLUGIN]));
        calls.push(call(&["rmi", PLUGIN]));
    }
    calls
}

/// The demo's plugin in the engine. Dropping it removes it.
struct Plugin<'host> {
    host: &'host Host,
}

impl<'host> Plugin<'host> {
    fn create(host: &'host Host, directory: &Path) -> Result<Self, DemoError> {
        // One that a killed demo left; mostly there is none.
        let _ = host.docker(&["plugin", "rm", "--force", PLUGIN]);
        let plugin = Self { host };
        let mut create: Vec<OsString> = ["plugin", "create", PLUGIN].map(OsString::from).into();
        create.push(directory.into());
        match host.docker(&create) {
            Ok(_) => Ok(plugin),
            Err(EngineError::Failed { said, .. }) if said.contains("content sha256") => {
                Err(DemoError::SameRootfs { said })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn enable(&self, port: u16) -> Result<(), DemoError> {
        let target = format!("STATSD_ADDR=udp://127.0.0.1:{port}");
        self.host.docker(&["plugin", "set", PLUGIN, &target, INTERVAL])?;
        self.host.docker(&["plugin", "enable", PLUGIN])?;
        Ok(())
    }

    fn remove(&self) -> Result<(), DemoError> {
        self.host.docker(&["plugin", "disable", PLUGIN])?;
        self.host.docker(&["plugin", "rm", PLUGIN])?;
        Ok(())
    }
}

impl Drop for Plugin<'_> {
    fn drop(&mut self) {
        // After `remove` there is none; after an error there may be none.
        let _ = self.host.docker(&["plugin", "rm", "--force", PLUGIN]);
    }
}

/// A flag that is set by Ctrl-C and by the signals that end a program.
fn signals() -> Result<Arc<AtomicBool>, DemoError> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stopped))
            .map_err(|source| DemoError::Signals { source })?;
    }
    Ok(stopped)
}

/// The built plugin for this machine.
fn built() -> Result<Image, DemoError> {
    let image = Image::at(Path::new("target/plugin"), Arch::host().unwrap_or(Arch::Amd64));
    let config = image.directory.join(CONFIG_JSON);
    match [config, image.binary(), image.tarball.clone()].into_iter().find(|path| !path.exists()) {
        None => Ok(image),
        Some(path) => Err(DemoError::NotBuilt { path }),
    }
}

fn say(out: &mut impl Write, text: &str) -> Result<(), DemoError> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|source| DemoError::Output { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Option<Duration>, String> {
        parse(args.iter().map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn seconds_limit_the_demo() {
        assert_eq!(parsed(&[]), Ok(None));
        assert_eq!(parsed(&["--seconds", "20"]), Ok(Some(Duration::from_secs(20))));
        assert_eq!(parsed(&["--seconds=0"]), Ok(Some(Duration::ZERO)));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let message = parsed(&["--seconds", "long"]).unwrap_err();
        assert!(message.contains("\"long\""), "{message}");
        assert_eq!(parsed(&["20"]), Err("unexpected argument \"20\"".to_owned()));
    }
}
