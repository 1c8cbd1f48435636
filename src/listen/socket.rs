//! The listening socket: what arrives at it, as lines of text.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use async_io::Async;

use super::ListenAddr;
use super::stream::{Framing, Streams};

/// The largest datagram that can arrive.
pub(super) const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A socket that is bound: all that may need more rights than a plain user has.
#[derive(Debug)]
pub enum Bound {
    /// `udp://`
    Udp(UdpSocket),
    /// `unix://`
    Unixgram(UnixDatagram),
    /// `tcp://`
    Tcp(TcpListener),
    /// `unixstream://`
    Unixstream(UnixListener),
}

impl Bound {
    /// Binds `address`, in place of a unix socket that nobody listens on.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn at(address: &ListenAddr) -> io::Result<Self> {
        match address {
            ListenAddr::Udp(address) => UdpSocket::bind(address).map(Self::Udp),
            ListenAddr::Unixgram(path) => {
                remove_dead_socket(path)?;
                UnixDatagram::bind(path).map(Self::Unixgram)
            }
            ListenAddr::Tcp(address) => TcpListener::bind(address).map(Self::Tcp),
            ListenAddr::Unixstream(path) => {
                remove_dead_socket(path)?;
                UnixListener::bind(path).map(Self::Unixstream)
            }
        }
    }
}

/// A socket that StatsD metrics arrive at.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Socket {
    Udp(Async<UdpSocket>),
    Unixgram(Async<UnixDatagram>),
    Streams(Streams),
}

impl Listener {
    /// Listens; this starts a thread that waits for sockets, if there is none yet.
    ///
    /// # Errors
    /// The socket cannot be waited for.
    pub fn new(bound: Bound) -> io::Result<Self> {
        let socket = match bound {
            Bound::Udp(socket) => Socket::Udp(Async::new(socket)?),
            Bound::Unixgram(socket) => Socket::Unixgram(Async::new(socket)?),
            Bound::Tcp(listener) => {
                let listener = async_net::TcpListener::from(Async::new(listener)?);
                let accept = async move || listener.accept().await.map(|(stream, _)| stream);
                Socket::Streams(Streams::new(accept, Framing::Lines))
            }
            Bound::Unixstream(listener) => {
                let listener = async_net::unix::UnixListener::from(Async::new(listener)?);
                let accept = async move || listener.accept().await.map(|(stream, _)| stream);
                Socket::Streams(Streams::new(accept, Framing::Lengths))
            }
        };
        Ok(Self { socket, buffer: vec![0; DATAGRAM_BYTES_MAX] })
    }

    /// The next datagram, or piece of a stream. Dropping the future loses none.
    pub(super) async fn receive(&mut self) -> io::Result<Datagram> {
        let count = match &self.socket {
            Socket::Udp(socket) => socket.recv(&mut self.buffer).await?,
            Socket::Unixgram(socket) => socket.recv(&mut self.buffer).await?,
            Socket::Streams(streams) => return streams.receive().await.map(|piece| Datagram::of(&piece)),
        };
        Ok(self.datagram(count))
    }

    /// A datagram that has arrived already; `None` if none waits.
    pub(super) fn receive_waiting(&mut self) -> Option<Datagram> {
        let received = match &self.socket {
            Socket::Udp(socket) => socket.get_ref().recv(&mut self.buffer),
            Socket::Unixgram(socket) => socket.get_ref().recv(&mut self.buffer),
            Socket::Streams(streams) => return streams.receive_waiting().map(|piece| Datagram::of(&piece)),
        };
        received.ok().map(|count| self.datagram(count))
    }

    fn datagram(&self, count: usize) -> Datagram {
        Datagram::of(self.buffer.get(..count).unwrap_or_default())
    }
}

/// What arrived at once, as text without anything that a terminal would act on.
#[derive(Debug)]
pub(super) struct Datagram(String);

impl Datagram {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let shown = |char: char| if char.is_control() && char != '\n' { '?' } else { char };
        Self(String::from_utf8_lossy(bytes).chars().map(shown).collect())
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.lines().filter(|line| !line.is_empty())
    }
}

/// Removes a socket that nobody listens on. Anything else at that path is somebody's.
fn remove_dead_socket(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_act_on() {
        let datagram = Datagram::of(b"a:1|c\n\n\x1b[2Jb\r:\xff1|g\n");
        assert_eq!(datagram.lines().collect::<Vec<_>>(), ["a:1|c", "?[2Jb?:\u{fffd}1|g"]);
    }

    #[test]
    fn only_a_dead_socket_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "precious").unwrap();
        let live = std::os::unix::net::UnixListener::bind(path("live")).unwrap();
        drop(UnixDatagram::bind(path("dead")).unwrap());
        for (name, stays) in [("file", true), ("live", true), ("dead", false), ("none", false)] {
            remove_dead_socket(&path(name)).unwrap();
            assert_eq!(path(name).exists(), stays, "{name}");
        }
        drop(live);
    }
}
