//! A stand-in for a StatsD server: it goes away, comes back and stops reading, and loses nothing that it has taken
//! unless it is to.
//!
//! It is read by whoever holds it, never by a thread of its own: so what is in its queues is known exactly when the
//! plugin asks for the next scrape.

use std::fs;
use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use bench::Error;
use docker_metrics_statsd::config::{UDP_PACKET_BYTES_MAX, UNIX_PACKET_BYTES_MAX};

/// Below the folder that the plugin's own sockets are in.
const PATH: &str = "/run/docker/statsd.sock";
/// The largest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 65536;
/// A server that reads slowly over UDP would lose what finds no room; how much it has is not what is tried here.
const UDP_BUFFER_BYTES: usize = 64 * 1024 * 1024;
const LENGTH_BYTES: usize = 4;

/// How lines come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Unixgram,
    Unixstream,
    Tcp,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [Self::Unixgram, Self::Udp, Self::Unixstream, Self::Tcp];

    /// Whether a server that dies takes what it has not read with it.
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Unixstream | Self::Tcp)
    }

    fn packet_bytes_max(self) -> usize {
        if self == Self::Udp { UDP_PACKET_BYTES_MAX } else { UNIX_PACKET_BYTES_MAX }
    }
}

/// What is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packet<'a> {
    /// Whole lines.
    Lines(&'a [u8]),
    /// A connection ended over which these lines came last, as many as one write may hold: whoever wrote them may not
    /// know that they arrived.
    Unconfirmed(&'a [u8]),
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Unixgram(UnixDatagram),
    Unixstream(UnixListener),
    Tcp(TcpListener),
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

#[derive(Debug)]
struct Connection {
    stream: Stream,
    /// What came and is not whole.
    half: Vec<u8>,
    /// The end of what was read: the last write, or as much as one may hold.
    last: Vec<u8>,
}

/// A server of one transport.
#[derive(Debug)]
pub(crate) struct Server {
    transport: Transport,
    /// The same port each time.
    address: SocketAddr,
    socket: Option<Socket>,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    /// Datagrams, or writes as far as they can be told apart.
    pub(crate) packets: u64,
}

impl Server {
    /// One that listens.
    pub(crate) fn start(transport: Transport) -> Result<Self, Error> {
        let mut server = Self {
            transport,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            socket: None,
            connections: Vec::new(),
            buffer: vec![0; DATAGRAM_BYTES_MAX],
            packets: 0,
        };
        server.come()?;
        Ok(server)
    }

    /// As `STATSD_ADDR` takes it.
    pub(crate) fn address(&self) -> String {
        match self.transport {
            Transport::Udp => format!("udp://{}", self.address),
            Transport::Tcp => format!("tcp://{}", self.address),
            Transport::Unixgram => format!("unixgram://{PATH}"),
            Transport::Unixstream => format!("unixstream://{PATH}"),
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Whether somebody is connected, or was and more may come.
    pub(crate) fn is_connected(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Listens, on a socket that is made anew.
    pub(crate) fn come(&mut self) -> Result<(), Error> {
        self.try_come().map_err(Error::io(format!("listen on {}", self.address())))
    }

    fn try_come(&mut self) -> io::Result<()> {
        if self.transport != Transport::Udp && self.transport != Transport::Tcp {
            // The socket before may have left it.
            let _ = fs::remove_file(PATH);
        }
        self.socket = Some(match self.transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(self.address)?;
                rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, UDP_BUFFER_BYTES)?;
                socket.set_nonblocking(true)?;
                self.address = socket.local_addr()?;
                Socket::Udp(socket)
            }
            Transport::Tcp => {
                let socket = TcpListener::bind(self.address)?;
                socket.set_nonblocking(true)?;
                self.address = socket.local_addr()?;
                Socket::Tcp(socket)
            }
            Transport::Unixgram => {
                let socket = UnixDatagram::bind(PATH)?;
                socket.set_nonblocking(true)?;
                Socket::Unixgram(socket)
            }
            Transport::Unixstream => {
                let socket = UnixListener::bind(PATH)?;
                socket.set_nonblocking(true)?;
                Socket::Unixstream(socket)
            }
        });
        // The plugin gave up every right to pass over modes.
        match self.transport {
            Transport::Unixgram | Transport::Unixstream => {
                fs::set_permissions(PATH, std::os::unix::fs::PermissionsExt::from_mode(0o777))
            }
            Transport::Udp | Transport::Tcp => Ok(()),
        }
    }

    /// Refuses from now on, and has read what it took before. Unless it `dies`: then what came over a connection and was
    /// not read is lost.
    pub(crate) fn go(
        &mut self,
        leaves_path: bool,
        dies: bool,
        take: &mut impl FnMut(Packet<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let refused = match &self.socket {
            // A socket that is connected to somebody else takes nothing from here, and keeps what it has.
            Some(Socket::Udp(socket)) => socket.connect(SocketAddr::from(([127, 0, 0, 1], 9))),
            Some(Socket::Unixgram(socket)) => socket.shutdown(Shutdown::Read),
            _ => Ok(()),
        };
        refused.map_err(Error::io("refuse datagrams"))?;
        if dies && self.transport.is_stream() {
            self.connections.iter().try_for_each(|connection| take(Packet::Unconfirmed(&connection.last)))?;
        } else {
            self.read(take)?;
        }
        self.socket = None;
        self.connections.clear();
        if !leaves_path && matches!(self.transport, Transport::Unixgram | Transport::Unixstream) {
            fs::remove_file(PATH).map_err(Error::io(format!("remove {PATH}")))?;
        }
        Ok(())
    }

    /// Everything that waits for it.
    pub(crate) fn read(
        &mut self,
        take: &mut impl FnMut(Packet<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { transport, socket, connections, buffer, packets, .. } = self;
        let packet_bytes_max = transport.packet_bytes_max();
        loop {
            let received = match socket {
                None => return Ok(()),
                Some(Socket::Udp(socket)) => socket.recv(buffer),
                Some(Socket::Unixgram(socket)) => socket.recv(buffer),
                Some(Socket::Unixstream(socket)) => socket
                    .accept()
                    .map(|(stream, _)| connections.push(Connection::new(Stream::Unix(stream))))
                    .map(|()| 0),
                Some(Socket::Tcp(socket)) => socket
                    .accept()
                    .map(|(stream, _)| connections.push(Connection::new(Stream::Tcp(stream))))
                    .map(|()| 0),
            };
            match received {
                Ok(_) if transport.is_stream() => {}
                // It was shut down, and this is the end.
                Ok(0) => break,
                Ok(count) if count > packet_bytes_max => {
                    return Err(Error::Wrong(format!(
                        "a datagram of {count} bytes, more than {packet_bytes_max}"
                    )));
                }
                Ok(count) => {
                    *packets += 1;
                    take(Packet::Lines(buffer.get(..count).unwrap_or_default()))?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Error::io("receive")(error)),
            }
        }
        let mut open = Vec::new();
        for mut connection in connections.drain(..) {
            if connection.read(buffer, packets, take)? {
                open.push(connection);
            }
        }
        *connections = open;
        Ok(())
    }

    /// What becomes readable when there is something to read.
    pub(crate) fn sources(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let socket = self.socket.as_ref().map(|socket| match socket {
            Socket::Udp(socket) => socket.as_fd(),
            Socket::Unixgram(socket) => socket.as_fd(),
            Socket::Unixstream(socket) => socket.as_fd(),
            Socket::Tcp(socket) => socket.as_fd(),
        });
        socket.into_iter().chain(self.connections.iter().map(|connection| connection.stream.as_fd()))
    }
}

impl Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => {
                stream.set_nonblocking(true)?;
                stream.read(buffer)
            }
            Self::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                stream.read(buffer)
            }
        }
    }
}

impl Connection {
    fn new(stream: Stream) -> Self {
        Self { stream, half: Vec::new(), last: Vec::new() }
    }

    /// Says whether more may come.
    fn read(
        &mut self,
        buffer: &mut [u8],
        packets: &mut u64,
        take: &mut impl FnMut(Packet<'_>) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => {
                    // A packet with a length is taken whole or not at all.
                    if let Stream::Tcp(_) = &self.stream {
                        take(Packet::Unconfirmed(&self.last))?;
                    }
                    return Ok(false);
                }
                Ok(count) => {
                    self.half.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    self.whole(packets, take)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(Error::io("read a connection")(error)),
            }
        }
    }

    fn whole(
        &mut self,
        packets: &mut u64,
        take: &mut impl FnMut(Packet<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Stream::Tcp(_) = &self.stream {
            let end = self.half.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let lines: Vec<u8> = self.half.drain(..end).collect();
            if lines.is_empty() {
                return Ok(());
            }
            *packets += 1;
            self.last.extend_from_slice(&lines);
            if let Some(over @ 1..) = self.last.len().checked_sub(UNIX_PACKET_BYTES_MAX) {
                // Up to the end of the line that stands at the border.
                let end = self.last.iter().skip(over - 1).position(|byte| *byte == b'\n').unwrap_or_default();
                self.last.drain(..over + end);
            }
            return take(Packet::Lines(&lines));
        }
        while let Some((length, rest)) = self.half.split_first_chunk::<LENGTH_BYTES>() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            if length > UNIX_PACKET_BYTES_MAX {
                return Err(Error::Wrong(format!(
                    "a packet of {length} bytes, more than {UNIX_PACKET_BYTES_MAX}"
                )));
            }
            let Some(packet) = rest.get(..length) else { break };
            *packets += 1;
            take(Packet::Lines(packet))?;
            packet.clone_into(&mut self.last);
            self.half.drain(..LENGTH_BYTES + length);
        }
        Ok(())
    }
}
