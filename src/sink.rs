//! Sends datagrams to the StatsD server.
//!
//! It knows what a socket tells about a datagram: taken by the kernel, or refused. It knows nothing of
//! lines. A datagram can be taken and refused a moment later, so there are two questions:
//! [`Sink::send`], and [`Sink::confirm`] for what was sent last.

mod pace;
mod socket;
mod stdout;

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::config::StatsdAddr;
use crate::limit::within;
use crate::privileges;
pub use pace::Pace;
use socket::{Failure, Socket};

/// How long one datagram may wait for room in the receiver's queue: a unix socket holds ten by
/// default (`net.unix.max_dgram_qlen`), and a server that lives reads on within this.
pub const SEND_TIME_MAX: Duration = Duration::from_millis(500);
/// How long making a connection may take, after any look-up of a name.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a UDP socket is used before the name of its server is looked up again.
pub const LOOKUP_AGE_MAX: Duration = Duration::from_secs(60);
/// How long a refusal may take to come back. On one host it is there at once; from another it takes a
/// round trip, if that host says anything at all.
pub const REFUSAL_TIME_MAX: Duration = Duration::from_millis(20);

/// A datagram was not taken.
#[derive(Debug)]
pub struct SendError {
    /// What was attempted.
    attempt: &'static str,
    source: io::Error,
    /// What a person can do; may be empty.
    advice: &'static str,
    /// What failed is the datagram before this one; this one was not tried.
    pub is_earlier: bool,
}

impl SendError {
    fn new(attempt: &'static str, source: io::Error) -> Self {
        Self { attempt, source, advice: "", is_earlier: false }
    }

    /// There is no more time to send in.
    #[must_use]
    pub fn late() -> Self {
        Self::new("send", io::Error::new(io::ErrorKind::TimedOut, "sending takes too long"))
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {}: {}{}", self.attempt, self.source, self.advice)
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
    /// When the socket was connected.
    connected_at: Instant,
    /// How often sending failed. A name may have addresses on which nobody listens, so after each
    /// failure another one of them is tried first.
    refusals: usize,
}

impl Sink {
    /// A sink that is not connected yet.
    #[must_use]
    pub fn new(address: StatsdAddr) -> Self {
        Self { address, socket: None, connected_at: Instant::now(), refusals: 0 }
    }

    /// The pauses to make between datagrams of these lengths, at most `time` together.
    #[must_use]
    pub fn pace(&self, lengths: impl Iterator<Item = usize>, time: Duration) -> Pace {
        match self.address {
            StatsdAddr::Udp(_) => Pace::new(lengths, time),
            _ => Pace::unbroken(),
        }
    }

    /// Sends one datagram.
    ///
    /// Dropping the future is safe: a datagram is sent whole or not at all, and a stream that may have
    /// sent a part is not used again.
    ///
    /// # Errors
    /// The datagram was not taken. The next one is sent over a new connection.
    pub async fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        if matches!(self.address, StatsdAddr::Udp(_)) && self.connected_at.elapsed() > LOOKUP_AGE_MAX {
            self.look_up_again().await;
        }
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
            self.refusals += 1;
            SendError::new("send", source)
        })
    }

    /// Sends to where the name leads now. While it leads nowhere, because no name server answers, the server is
    /// most likely where it was.
    async fn look_up_again(&mut self) {
        self.connected_at = Instant::now();
        if self.socket.is_some()
            && let Ok(socket) = Socket::connect(&self.address, CONNECT_TIME_MAX, self.refusals).await
        {
            self.socket = Some(socket);
        }
    }

    /// Without a socket afterwards, unless the datagram was taken.
    async fn try_send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        let mut socket = if let Some(socket) = self.socket.take() {
            socket
        } else {
            self.connected_at = Instant::now();
            let connected = Socket::connect(&self.address, CONNECT_TIME_MAX, self.refusals).await;
            connected.map_err(|source| {
                let advice = privileges::advice(&source, self.address.is_path());
                SendError { advice, ..SendError::new("connect", source) }
            })?
        };
        let sent = within(SEND_TIME_MAX, socket.send(datagram)).await.unwrap_or_else(|| {
            let late = io::Error::new(io::ErrorKind::TimedOut, "the receiver does not read what it is sent");
            Err(Failure { source: late, is_earlier: false })
        });
        match sent {
            Ok(()) => {
                self.socket = Some(socket);
                Ok(())
            }
            Err(Failure { source, is_earlier }) => {
                self.refusals += 1;
                Err(SendError { is_earlier, ..SendError::new("send", source) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::config::HostPort;

    #[test]
    fn a_name_that_stops_resolving_still_leads_to_where_it_led() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let named = |host: &str| StatsdAddr::Udp(HostPort { host: host.to_owned(), port });
        let mut sink = Sink::new(named("127.0.0.1"));
        let mut sends = |text: &[u8], host: &str| {
            crate::timer::block_on(sink.send(text)).unwrap();
            let mut buffer = [0; 10];
            assert_eq!(server.recv(&mut buffer).unwrap(), text.len());
            let long_ago = Instant::now().checked_sub(LOOKUP_AGE_MAX * 2).unwrap();
            (sink.address, sink.connected_at) = (named(host), long_ago);
        };
        sends(b"1", "no name");
        sends(b"22", "no name");
        sends(b"333", "127.0.0.1");
        sends(b"4444", "127.0.0.1");
    }
}
