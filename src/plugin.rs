//! The engine's side: the plugin protocol on a unix socket.
//!
//! The engine starts the plugin, connects to its socket 0.5 seconds later and posts
//! `MetricsCollector.StartMetrics`; at its own shutdown it posts `MetricsCollector.StopMetrics`
//! (Docker's document "Metrics collector plugins"; engines 20.10 to 29). This module accepts
//! connections and answers; what a call means to the collector is its caller's business.

mod protocol;

use std::cell::Cell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_net::unix::UnixListener;
use smol::channel::Receiver;
use smol::io::{AsyncRead, AsyncWrite};
use smol::{LocalExecutor, Task};

use crate::http::server;
use crate::limit::within;
use crate::timer::Timer;
pub use protocol::Call;

/// Where the engine looks for the plugin's socket, in the plugin's rootfs: `interface.socket` of
/// config.json below `/run/docker/plugins`.
pub const SOCKET: &str = "/run/docker/plugins/plugin.sock";
/// Connections served at once; the engine needs one. For one more the oldest of them is closed.
pub const CONNECTIONS_MAX: usize = 64;
/// How long a connection is served at least, however many others wait: long enough for a request that is on its
/// way, and a thousand that say nothing hold the engine up for less than two seconds.
pub const SERVED_TIME_MIN: Duration = Duration::from_millis(100);
/// Pause after a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket cannot be served.
#[derive(Debug)]
pub struct BindError {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "cannot serve the plugin's socket {}: {}; without arguments this program is a Docker plugin, \
             outside the engine use its command `agent`",
            self.path.display(),
            self.source
        )
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Binds the plugin's socket, in place of one that an earlier process left.
pub fn bind(path: &Path) -> Result<UnixListener, BindError> {
    let error = |source| BindError { path: path.to_owned(), source };
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(error(source)),
        _ => {}
    }
    UnixListener::bind(path).map_err(error)
}

/// Serves the protocol for ever. `handle` is told each call and answers with a message if it failed;
/// the engine repeats a call up to five times, so a call that was made before must succeed again.
pub async fn serve<H>(executor: &LocalExecutor<'static>, listener: UnixListener, handle: H)
where
    H: AsyncFn(Call) -> Result<(), String> + 'static,
{
    let handle = Rc::new(handle);
    let (ended, ends) = smol::channel::bounded(CONNECTIONS_MAX);
    let mut open: Vec<Connection> = Vec::new();
    loop {
        open.retain(|connection| !connection.task.is_finished());
        if open.len() >= CONNECTIONS_MAX {
            make_room(&mut open, &ends).await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let is_called = Rc::new(Cell::new(false));
                let (handle, calls, ended) = (handle.clone(), is_called.clone(), ended.clone());
                let task = executor.spawn(async move {
                    connection(stream, &*handle, &calls).await;
                    let _ = ended.try_send(());
                });
                open.push(Connection { task, since: Instant::now(), is_called });
            }
            Err(_) => Timer::after(ACCEPT_PAUSE).await,
        }
    }
}

/// A connection that is being served.
struct Connection {
    task: Task<()>,
    since: Instant,
    /// It waits for the outcome of a call.
    is_called: Rc<Cell<bool>>,
}

/// Waits until a connection ends, and ends the oldest one when it was served for long enough. One whose call is
/// being handled stays: a call takes no longer than its own limit.
async fn make_room(open: &mut Vec<Connection>, ends: &Receiver<()>) {
    let oldest = open.iter().position(|connection| !connection.is_called.get());
    let Some((index, connection)) = oldest.and_then(|index| Some((index, open.get(index)?))) else {
        let _ = ends.recv().await;
        return;
    };
    let time = SERVED_TIME_MIN.saturating_sub(connection.since.elapsed());
    if within(time, ends.recv()).await.is_none() && !connection.is_called.get() {
        // It is closed when this returns.
        open.remove(index).task.cancel().await;
    }
}

/// Serves one connection, until the peer or a broken rule ends it; `is_called` says whether a call is being handled.
pub async fn connection<S, H>(stream: S, handle: &H, is_called: &Cell<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: AsyncFn(Call) -> Result<(), String>,
{
    server::serve(stream, async |request| {
        let call = request.and_then(|request| protocol::route(&request));
        match call {
            Ok(Call::Activate) => protocol::activated(),
            Ok(call) => {
                is_called.set(true);
                let outcome = handle(call).await;
                is_called.set(false);
                outcome.map_or_else(|message| protocol::failed(500, &message), |()| protocol::done())
            }
            Err(refusal) => protocol::failed(refusal.status, &refusal.reason),
        }
    })
    .await;
}
