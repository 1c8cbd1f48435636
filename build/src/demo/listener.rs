//! The plugin's built-in listener as a process, and what it prints as lines that can be awaited.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::DemoError;
use super::host::Host;

/// Lines that may wait to be shown; then the listener waits, and UDP drops what it does not read.
const LINES_WAITING_MAX: usize = 10_000;

/// A running listener. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Listener {
    child: Child,
    port: u16,
    lines: Receiver<String>,
}

/// What came of waiting.
#[derive(Debug)]
pub(super) enum Heard {
    /// A line.
    Line(String),
    /// None in time.
    Nothing,
    /// The listener has ended.
    End,
}

impl Listener {
    /// Starts the listener that is part of the plugin's `program`, beside the engine.
    pub(super) fn start(host: &Host, program: &Path) -> Result<Self, DemoError> {
        let listener = |source| DemoError::Listener { source };
        let port = host.free_port()?;
        let program = program.canonicalize().map_err(listener)?;
        let mut child = host
            .beside(&program)
            .args(["listen", &address(port)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Ctrl-C is for us: the plugin goes first.
            .process_group(0)
            .spawn()
            .map_err(listener)?;
        let (sender, lines) = sync_channel(LINES_WAITING_MAX);
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || forward(stdout, &sender));
        }
        Ok(Self { child, port, lines })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn address(&self) -> String {
        address(self.port)
    }

    /// The next line, if one comes within `limit`.
    pub(super) fn hear(&self, limit: Duration) -> Heard {
        match self.lines.recv_timeout(limit) {
            Ok(line) => Heard::Line(line),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It keeps nothing that it would have to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Ends when the listener does, or when nobody wants its lines any more.
fn forward(output: impl std::io::Read, lines: &SyncSender<String>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if lines.send(line).is_err() {
            return;
        }
    }
}
