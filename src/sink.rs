//! Sends datagrams to the StatsD server.
//!
//! It knows what a socket tells about a datagram: taken by the kernel, or refused. It knows nothing of
//! lines. A UDP datagram can be taken and refused a moment later, so there are two questions:
//! [`Sink::send`], and [`Sink::confirm`] for what was sent last. The facts about sockets are measured
//! on Linux 6.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use async_io::Async;

use crate::config::StatsdAddr;
use crate::http::within;
use crate::resolve::resolve;

/// How long one datagram may wait for room in the receiver's queue: a unix socket holds ten by
/// default (`net.unix.max_dgram_qlen`), and a server that lives reads on within this.
pub const SEND_TIME_MAX: Duration = Duration::from_millis(500);

/// How long a refusal of a UDP datagram may take to come back. On one host it is there at once; from
/// another it takes a round trip, if that host says anything at all.
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

enum Socket {
    Udp(Async<UdpSocket>),
    Unixgram(Async<UnixDatagram>),
}

/// The way to one StatsD server; connects when there is something to send, and again after a failure.
pub struct Sink {
    address: StatsdAddr,
    socket: Option<Socket>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sink")
            .field("address", &self.address)
            .field("connected", &self.socket.is_some())
            .finish()
    }
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
    /// The datagram was not taken, and over UDP the one before may have been refused, unless it was
    /// confirmed. The next one is sent over a new connection.
    pub async fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        let was_connected = self.socket.is_some();
        match self.try_send(datagram).await {
            // A restarted server has a new socket at the old path: the connection to the old one is
            // dead, and that says nothing about the new one.
            Err(_) if was_connected && matches!(self.address, StatsdAddr::Unixgram(_)) => {
                self.try_send(datagram).await
            }
            sent => sent,
        }
    }

    /// Waits for a late refusal of what was sent last, at most `limit`.
    ///
    /// # Errors
    /// It was refused.
    pub async fn confirm(&mut self, limit: Duration) -> Result<(), SendError> {
        let Some(Socket::Udp(socket)) = &self.socket else { return Ok(()) };
        // A refusal makes the socket readable; a server that answers does too, and has not refused.
        let _ = within(limit.min(REFUSAL_TIME_MAX), socket.readable()).await;
        let refused = socket.get_ref().take_error();
        match refused.and_then(|error| error.map_or(Ok(()), Err)) {
            Ok(()) => Ok(()),
            Err(source) => {
                self.socket = None;
                Err(SendError { attempt: "send", source })
            }
        }
    }

    async fn try_send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                connect(&self.address).await.map_err(|source| SendError { attempt: "connect", source })?
            }
        };
        let sent = within(SEND_TIME_MAX, send(&socket, datagram)).await.unwrap_or_else(|| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the receiver does not read its datagrams"))
        });
        sent.map_err(|source| SendError { attempt: "send", source })?;
        self.socket = Some(socket);
        Ok(())
    }
}

async fn connect(address: &StatsdAddr) -> io::Result<Socket> {
    match address {
        StatsdAddr::Udp(target) => {
            let mut failure = io::Error::from(io::ErrorKind::NotFound);
            for address in resolve(target).await? {
                match connect_udp(address) {
                    Ok(socket) => return Ok(Socket::Udp(socket)),
                    Err(error) => failure = error,
                }
            }
            Err(failure)
        }
        StatsdAddr::Unixgram(path) => connect_unixgram(path).map(Socket::Unixgram),
    }
}

fn connect_udp(address: SocketAddr) -> io::Result<Async<UdpSocket>> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    Async::new(socket)
}

fn connect_unixgram(path: &Path) -> io::Result<Async<UnixDatagram>> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    Async::new(socket)
}

async fn send(socket: &Socket, datagram: &[u8]) -> io::Result<()> {
    match socket {
        Socket::Udp(socket) => {
            socket.send(datagram).await?;
            // On one host a refusal comes back while the datagram is being sent, and the socket holds
            // it for whoever asks: without asking, the next datagram would pay for this one.
            socket.get_ref().take_error()?.map_or(Ok(()), Err)
        }
        Socket::Unixgram(socket) => socket.send(datagram).await.map(drop),
    }
}
