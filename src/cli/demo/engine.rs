//! The stand-in engine: a unix socket at which the recording can be scraped.

use std::io;
use std::path::Path;
use std::time::Duration;

use async_net::unix::UnixListener;

use super::recording::Recording;
use crate::http::server::{self, Answer};
use crate::timer::Timer;

/// Pause after a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An engine that can be scraped once it is served.
#[derive(Debug)]
pub(super) struct Engine {
    listener: UnixListener,
    recording: Recording,
}

impl Engine {
    pub(super) fn bind(socket: &Path) -> io::Result<Self> {
        Ok(Self { listener: UnixListener::bind(socket)?, recording: Recording::new() })
    }

    /// Answers one connection after the other, for ever.
    pub(super) async fn serve(mut self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let recording = &mut self.recording;
                    server::serve(stream, async |request| {
                        let (status, body) = match request {
                            Ok(call) if call.path == "/metrics" => (200, recording.scrape()),
                            Ok(_) => (404, "there is only /metrics\n".to_owned()),
                            Err(refusal) => (refusal.status, refusal.reason),
                        };
                        Answer { status, content_type: "text/plain; version=0.0.4", body }
                    })
                    .await;
                }
                Err(_) => Timer::after(ACCEPT_PAUSE).await,
            }
        }
    }
}
