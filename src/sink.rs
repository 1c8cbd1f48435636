//! Sends datagrams to the StatsD server.
//!
//! It knows what a socket tells about a datagram: taken by the kernel, or refused. It knows nothing of
//! lines. A datagram can be taken and refused a moment later, so there are two questions:
//! [`Sink::send`], and [`Sink::confirm`] for what was sent last.

mod socket;

use std::fmt;
use std::io;
use std::time::Duration;

use crate::config::StatsdAddr;
use crate::http::within;
use socket::Socket;

/// How long one datagram may wait for room in the receiver's queue: a unix socket holds ten by
/// default (`net.unix.max_dgram_qlen`), and a server that lives reads on within this.
pub const SEND_TIME_MAX: Duration = Duration::from_millis(500);
/// How long making a connection may take, after any look-up of a name.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// How long a refusal may take to come back. On one host it is there at once; from another it takes a
/// round trip, if that host says anything at all.
pub const REFUSAL_TIME_MAX: Duration = Duration::from_millis(20);

/// A datagram was not taken.
#[derive(Debug)]
pub struct SendError {
    /// What was attempted.
    attempt: &'static str,
    source: io::Error,
}

impl fmt::Display for SendError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {}: {}", self.attempt, self.source)
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The way to one StatsD server; connects when there is something to send, and again after a failure.
#[derive(Debug)]
pub struct Sink {
    address: StatsdAddr,
    socket: Option<Socket>,
}

impl Sink {
    /// A sink that is not connected yet.
    #[must_use]
    pub fn new(address: StatsdAddr) -> Self {
        Self { address, socket: None }
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// The datagram was not taken, and the one before may have been refused, unless it was confirmed.
    /// The next one is sent over a new connection.
    pub async fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        // A restarted server has a new socket at the old address. The connection to the old one is dead
        // before anything is sent over it, and that says nothing about the new one.
        if self.socket.as_ref().is_some_and(Socket::is_closed) {
            self.socket = None;
        }
        let retries = self.socket.as_ref().is_some_and(Socket::fails_whole);
        match self.try_send(datagram).await {
            Err(_) if retries => self.try_send(datagram).await,
            sent => sent,
        }
    }

    /// Waits for a late refusal of what was sent last, at most `limit`.
    ///
    /// # Errors
    /// It was refused.
    pub async fn confirm(&mut self, limit: Duration) -> Result<(), SendError> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let refused = socket.late_refusal(limit.min(REFUSAL_TIME_MAX)).await;
        refused.map_err(|source| {
            self.socket = None;
            SendError { attempt: "send", source }
        })
    }

    /// Without a socket afterwards, unless the datagram was taken.
    async fn try_send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => Socket::connect(&self.address, CONNECT_TIME_MAX)
                .await
                .map_err(|source| SendError { attempt: "connect", source })?,
        };
        let sent = within(SEND_TIME_MAX, socket.send(datagram)).await.unwrap_or_else(|| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the receiver does not read what it is sent"))
        });
        sent.map_err(|source| SendError { attempt: "send", source })?;
        self.socket = Some(socket);
        Ok(())
    }
}
