//! The engine that the demo uses: the machine's, or a private one.

use std::ffi::OsStr;
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{DemoError, say};
use crate::engine::{CALL_LIMIT, Engine, EngineError, EngineOptions, limited, output, tail};

/// How long an engine that is there may take to say its version.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// In place of a log that only the machine knows where to find.
const MACHINE_LOG: &str = "(it is this machine's own engine: try `journalctl --unit docker`. One that runs in a \
                           virtual machine or a container has another 127.0.0.1 than the listener)";

/// An engine for the demo.
#[derive(Debug)]
pub(super) enum Host {
    /// The one that the `docker` client points at, on this machine.
    Machine,
    /// One that was started for the demo.
    Private(Box<Engine>),
}

impl Host {
    /// The engine that the client points at if it answers and is on this machine, else a private one.
    pub(super) fn find(out: &mut impl Write) -> Result<Self, DemoError> {
        let ask = |arguments: &[&str]| {
            let answer = output(limited(ANSWER_LIMIT, "docker").args(arguments)).ok()?;
            Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty())
        };
        let version = ask(&["version", "--format", "{{.Server.Version}}"]);
        let address = ask(&["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
        let local = address.as_ref().is_none_or(|address| address.starts_with("unix://"));
        if let Some(version) = version.filter(|_| local) {
            say(out, &format!("using the Docker Engine of this machine, version {version}\n"))?;
            return Ok(Self::Machine);
        }
        say(out, "no Docker Engine of this machine answers the docker client: starting a private one\n")?;
        let engine = Engine::start(&EngineOptions::default())?;
        let version = engine.docker(&["version", "--format", "{{.Server.Version}}"])?;
        let folder = engine.folder().display();
        say(
            out,
            &format!("private Docker Engine {} runs in {folder}, removed at the end\n", version.trim()),
        )?;
        Ok(Self::Private(Box::new(engine)))
    }

    /// Runs the docker client against the engine.
    pub(super) fn docker<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String, EngineError> {
        match self {
            Self::Machine => output(limited(CALL_LIMIT, "docker").args(arguments)),
            Self::Private(engine) => engine.docker(arguments),
        }
    }

    /// A command that shares the engine's loopback address, and ends with a private engine.
    pub(super) fn beside(&self, program: &Path) -> Command {
        match self {
            Self::Machine => Command::new(program),
            // Not in the engine's process namespace: that one could not end before whoever adopts the
            // listener has taken note of its end.
            Self::Private(engine) => engine.netns_command(program),
        }
    }

    /// A UDP port of that loopback address that was free a moment ago.
    pub(super) fn free_port(&self) -> Result<u16, DemoError> {
        let find = || Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port());
        let found = match self {
            Self::Machine => find(),
            Self::Private(engine) => engine.enter(find)?,
        };
        found.map_err(|source| DemoError::Listener { source })
    }

    /// The end of the engine's log, where it can be known.
    pub(super) fn log_tail(&self, lines: usize) -> String {
        match self {
            Self::Machine => MACHINE_LOG.to_owned(),
            Self::Private(engine) => tail(&engine.log(), lines),
        }
    }

    /// Stops a private engine and leaves the machine's as it is.
    pub(super) fn stop(&mut self) -> Result<(), EngineError> {
        match self {
            Self::Machine => Ok(()),
            Self::Private(engine) => engine.stop(),
        }
    }
}
