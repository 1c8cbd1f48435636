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
use std::time::Duration;

use async_io::Timer;
use async_net::unix::{UnixListener, UnixStream};
use smol::LocalExecutor;

use crate::http::server;
pub use protocol::Call;

/// Where the engine looks for the plugin's socket, in the plugin's rootfs: `interface.socket` of
/// config.json below `/run/docker/plugins`.
pub const SOCKET: &str = "/run/docker/plugins/plugin.sock";
/// Connections served at once; the engine needs one. Others wait until one of these ends, which each
/// does within its own limits.
const CONNECTIONS_MAX: usize = 16;
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
    let open = Rc::new(Cell::new(0_usize));
    loop {
        while open.get() >= CONNECTIONS_MAX {
            let _ = ends.recv().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                open.set(open.get() + 1);
                let (handle, open, ended) = (handle.clone(), open.clone(), ended.clone());
                executor
                    .spawn(async move {
                        connection(stream, &*handle).await;
                        open.set(open.get() - 1);
                        let _ = ended.try_send(());
                    })
                    .detach();
            }
            Err(_) => {
                Timer::after(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection<H: AsyncFn(Call) -> Result<(), String>>(stream: UnixStream, handle: &H) {
    server::serve(stream, async |request| {
        let call = request.and_then(|request| protocol::route(&request));
        match call {
            Ok(Call::Activate) => protocol::activated(),
            Ok(call) => match handle(call).await {
                Ok(()) => protocol::done(),
                Err(message) => protocol::failed(500, &message),
            },
            Err(refusal) => protocol::failed(refusal.status, &refusal.reason),
        }
    })
    .await;
}
