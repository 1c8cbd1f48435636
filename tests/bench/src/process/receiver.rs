//! A stand-in for a StatsD server that keeps everything it gets.

use std::io;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Error;

/// After this long without a datagram there is none left.
const QUIET: Duration = Duration::from_millis(200);
/// The largest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 65536;
/// Many times what any size sends.
const RECEIVED_BYTES_MAX: usize = 1 << 30;

/// How the datagrams come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Over a unix datagram socket.
    Unixgram,
    /// Over UDP.
    Udp,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) datagrams: usize,
    pub(super) bytes: Vec<u8>,
}

/// A server on a thread of its own.
#[derive(Debug)]
pub(super) struct Receiver {
    /// As `STATSD_ADDR` takes it.
    pub(super) address: String,
    ends: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Received>>,
}

impl Receiver {
    /// Starts one; its socket, if it has a path, is in `directory`.
    pub(super) fn start(transport: Transport, directory: &Path) -> Result<Self, Error> {
        let start = || match transport {
            Transport::Unixgram => {
                let path = directory.join("statsd.sock");
                let socket = UnixDatagram::bind(&path)?;
                socket.set_read_timeout(Some(QUIET))?;
                Ok(Self::receive(format!("unixgram://{}", path.display()), move |buffer| socket.recv(buffer)))
            }
            Transport::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0")?;
                socket.set_read_timeout(Some(QUIET))?;
                Ok(Self::receive(format!("udp://{}", socket.local_addr()?), move |buffer| {
                    socket.recv(buffer)
                }))
            }
        };
        start().map_err(Error::io("make a socket for datagrams"))
    }

    fn receive(address: String, receive: impl Fn(&mut [u8]) -> io::Result<usize> + Send + 'static) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let has_ended = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            let mut received = Received::default();
            let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
            while received.bytes.len() < RECEIVED_BYTES_MAX {
                match receive(&mut buffer) {
                    Ok(count) => {
                        received.datagrams += 1;
                        received.bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    }
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    Err(_) if has_ended.load(Ordering::Relaxed) => break,
                    Err(_) => {}
                }
            }
            Ok(received)
        });
        Self { address, ends, thread }
    }

    /// Everything that came, once nobody sends any more.
    pub(super) fn finish(self) -> Result<Received, Error> {
        self.ends.store(true, Ordering::Relaxed);
        let received =
            self.thread.join().map_err(|_| Error::Wrong("the receiver has panicked".to_owned()))?;
        received.map_err(Error::io("receive datagrams"))
    }
}
