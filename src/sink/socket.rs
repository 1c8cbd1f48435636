//! The sockets, and what each of them tells. The facts are measured on Linux 6.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::time::Duration;

use async_io::Async;
use smol::io::AsyncWriteExt;

use super::stdout;
use crate::config::{HostPort, StatsdAddr};
use crate::limit::within;
use crate::resolve::resolve;

/// A connection to a StatsD server.
#[derive(Debug)]
pub(super) enum Socket {
    Udp {
        socket: Async<UdpSocket>,
        /// What [`is_this_host`] found.
        is_local: bool,
    },
    Unixgram(Async<UnixDatagram>),
    /// Lines, one behind the other.
    Tcp(Async<TcpStream>),
    /// Datagrams, each behind its length: 4 bytes, little-endian, as the Datadog Agent reads them.
    Unixstream(Async<UnixStream>),
    Stdout,
}

/// A datagram was not sent.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) source: io::Error,
    /// What failed is the datagram before this one.
    pub(super) is_earlier: bool,
}

impl From<io::Error> for Failure {
    fn from(source: io::Error) -> Self {
        Self { source, is_earlier: false }
    }
}

impl Socket {
    /// Connects to the first address that works, beginning with number `begin` of them.
    pub(super) async fn connect(address: &StatsdAddr, limit: Duration, begin: usize) -> io::Result<Self> {
        match address {
            StatsdAddr::Udp(target) => {
                first_that_works(target, begin, async |address| connect_udp(address)).await
            }
            StatsdAddr::Tcp(target) => {
                first_that_works(target, begin, async |address| {
                    in_time(limit, Async::<TcpStream>::connect(address)).await.map(Self::Tcp)
                })
                .await
            }
            StatsdAddr::Unix(path) => match connect_unixgram(path) {
                // The file is a stream socket: EPROTOTYPE, which has no kind of its own.
                Err(error) if error.raw_os_error() == Some(EPROTOTYPE) => {
                    connect_unixstream(path, limit).await
                }
                connected => connected,
            },
            StatsdAddr::Unixgram(path) => connect_unixgram(path),
            StatsdAddr::Unixstream(path) => connect_unixstream(path, limit).await,
            StatsdAddr::Stdout => Ok(Self::Stdout),
        }
    }

    /// Sends a datagram, or all of what stands for one on a stream. A stream that fails may have sent a
    /// part of it, so it must not be used again.
    pub(super) async fn send(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Udp { socket, .. } => {
                // A refusal that is there before the datagram was sent is that of the one before.
                let is_earlier = |source: &io::Error| source.kind() == io::ErrorKind::ConnectionRefused;
                let sent = socket.send(datagram).await;
                sent.map_err(|source| Failure { is_earlier: is_earlier(&source), source })?;
                // On one host a refusal comes back while the datagram is being sent, and the socket holds
                // it for whoever asks: without asking, the next datagram would pay for this one.
                socket.get_ref().take_error()?.map_or(Ok(()), |source| Err(source.into()))
            }
            Self::Unixgram(socket) => Ok(socket.send(datagram).await.map(drop)?),
            Self::Tcp(stream) => Ok(stream.write_all(datagram).await?),
            Self::Unixstream(stream) => {
                let length = u32::try_from(datagram.len()).map_err(io::Error::other)?;
                let prefix = length.to_le_bytes();
                let sent = stream.write_vectored(&[IoSlice::new(&prefix), IoSlice::new(datagram)]).await?;
                stream.write_all(prefix.get(sent..).unwrap_or_default()).await?;
                let sent = sent.saturating_sub(prefix.len());
                Ok(stream.write_all(datagram.get(sent..).unwrap_or_default()).await?)
            }
            Self::Stdout => Ok(stdout::send(rustix::stdio::stdout(), datagram).await?),
        }
    }

    /// Whether a failure means that the datagram was not sent at all, so that it can be sent again.
    pub(super) fn fails_whole(&self) -> bool {
        matches!(self, Self::Unixgram(_))
    }

    /// Whether the server has closed the connection: what is written then is taken, and lost.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Udp { .. } | Self::Unixgram(_) | Self::Stdout => false,
            Self::Tcp(stream) => has_ended(stream.get_ref()),
            Self::Unixstream(stream) => has_ended(stream.get_ref()),
        }
    }

    /// Waits for a refusal of what was sent, where it does not come back at once: from another host.
    pub(super) async fn late_refusal(&self, limit: Duration) -> io::Result<()> {
        match self {
            // A refusal makes the socket readable; a server that answers does too, and has not refused.
            Self::Udp { socket, is_local: false } => {
                let _ = within(limit, socket.readable()).await;
                socket.get_ref().take_error()?.map_or(Ok(()), Err)
            }
            // Each datagram was asked about when it was sent.
            Self::Udp { is_local: true, .. } | Self::Unixgram(_) | Self::Stdout => Ok(()),
            Self::Tcp(stream) => {
                let tcp = stream.get_ref();
                if !is_this_host(tcp.local_addr(), tcp.peer_addr()) {
                    let _ = within(limit, stream.readable()).await;
                }
                self.still_open()
            }
            Self::Unixstream(_) => self.still_open(),
        }
    }

    fn still_open(&self) -> io::Result<()> {
        if !self.is_closed() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "the server closed the connection"))
    }
}

/// "Protocol wrong type for socket" (errno(3)).
const EPROTOTYPE: i32 = rustix::io::Errno::PROTOTYPE.raw_os_error();

/// Whether both ends of a connection are on one host. There a refusal is back before the sender's call has
/// returned: a million datagrams to a closed port were each refused at once, on a busy machine too.
fn is_this_host(local: io::Result<SocketAddr>, peer: io::Result<SocketAddr>) -> bool {
    let (Ok(local), Ok(peer)) = (local, peer) else { return false };
    peer.ip().is_loopback() || peer.ip() == local.ip()
}

/// StatsD servers answer nothing, so what can be read from one is its end; a few answer, and are read.
fn has_ended(mut stream: impl io::Read) -> bool {
    match stream.read(&mut [0; 512]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

async fn first_that_works(
    target: &HostPort,
    begin: usize,
    connect: impl AsyncFn(SocketAddr) -> io::Result<Socket>,
) -> io::Result<Socket> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    let mut addresses = resolve(target).await?;
    let begin = begin % addresses.len().max(1);
    addresses.rotate_left(begin);
    for address in addresses {
        match connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    within(limit, work).await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

fn connect_udp(address: SocketAddr) -> io::Result<Socket> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    let is_local = is_this_host(socket.local_addr(), socket.peer_addr());
    Async::new(socket).map(|socket| Socket::Udp { socket, is_local })
}

fn connect_unixgram(path: &Path) -> io::Result<Socket> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    Async::new(socket).map(Socket::Unixgram)
}

async fn connect_unixstream(path: &Path, limit: Duration) -> io::Result<Socket> {
    in_time(limit, Async::<UnixStream>::connect(path)).await.map(Socket::Unixstream)
}
