//! A connection to a unix socket that is waited for only if it has to be, and can be kept from one scrape to the next.
//!
//! It knows that a socket may have nothing to read yet, and when nothing may be; it knows nothing of requests and
//! answers. Most answers are there when they are read, and a socket that the reactor is told of wakes its thread once
//! more: when the engine closes it.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_io::Async;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use smol::io::{AsyncRead, AsyncWrite};

use crate::timer::Timer;

/// How long an answer is left alone. An engine takes two milliseconds to write one, in ten pieces, and
/// whoever reads each as it comes is woken for each. A unix socket holds 200 KB meanwhile.
const ANSWER_PAUSE: Duration = Duration::from_millis(5);
/// How long more may come after something came that was waited for. An engine writes 4 KiB at a time, and
/// whoever reads each is woken for each; this is less than it takes to fill the socket.
const PIECES_PAUSE: Duration = Duration::from_millis(1);

/// A connected unix socket.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    /// What stood at the path just before.
    socket: Option<FileId>,
    /// The same socket for the reactor, once it was waited for.
    waited: Option<Async<UnixStream>>,
    /// It was waited for, and whoever is woken finds something.
    is_waiting: bool,
    /// Nothing is read before this is over: more is to come by then.
    pause: Option<Timer>,
}

/// A file, whatever its name is: its file system, its number there, and when it was made or changed, because numbers are
/// used again.
type FileId = (u64, u64, i64, i64);

fn file_id(path: &Path) -> Option<FileId> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
}

impl Connection {
    /// A unix socket connects or refuses at once (EAGAIN if too many wait for the server), so nothing has to be
    /// waited for.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let stream = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let socket = file_id(path);
        connect(&stream, &SocketAddrUnix::new(path)?)?;
        Ok(Self { stream: UnixStream::from(stream), socket, waited: None, is_waiting: false, pause: None })
    }

    /// Whether another request can be sent over it, after the answer to the one before: it is open, leads to the socket
    /// that is at the path now, and nothing came that nobody asked for, which would be taken for the answer.
    pub(super) fn is_idle(&self, path: &Path) -> bool {
        let read = (&self.stream).read(&mut [0]);
        let is_silent = read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        is_silent && self.socket.is_some() && self.socket == file_id(path)
    }

    /// Does `work`, as soon as the socket is ready for it.
    fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        ready: impl Fn(&Async<UnixStream>, &mut Context<'_>) -> Poll<io::Result<()>>,
        mut work: impl FnMut(&UnixStream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(Pin::new(pause).poll(context));
                self.pause = None;
            }
            if std::mem::take(&mut self.is_waiting) {
                self.pause = Some(Timer::after(PIECES_PAUSE));
                continue;
            }
            match work(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let waited = match &mut self.waited {
                        Some(waited) => waited,
                        empty => empty.insert(Async::new_nonblocking(self.stream.try_clone()?)?),
                    };
                    self.is_waiting = true;
                    ready!(ready(waited, context))?;
                }
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(context, Async::poll_readable, |mut stream| stream.read(buffer))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.poll(context, Async::poll_writable, |mut stream| stream.write(bytes)))?;
        self.pause = Some(Timer::after(ANSWER_PAUSE));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::pin::pin;

    use smol::future::poll_once;
    use smol::io::AsyncReadExt;

    use super::*;
    use crate::timer::block_on;

    #[test]
    fn what_was_waited_for_is_left_alone_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut connection = Connection::open(&path).unwrap();
        let mut peer = listener.accept().unwrap().0;
        let mut was_left_alone = false;
        // The moment may pass unseen, if the machine does something else.
        for _ in 0..10 {
            block_on(async {
                let mut buffer = [0; 9];
                let mut reading = pin!(connection.read(&mut buffer));
                assert!(poll_once(reading.as_mut()).await.is_none(), "nothing is there");
                peer.write_all(b"piece").unwrap();
                let read = poll_once(reading.as_mut()).await;
                was_left_alone |= read.is_none();
                let count = if let Some(count) = read { count } else { reading.await };
                assert_eq!(count.unwrap(), b"piece".len());
            });
        }
        assert!(was_left_alone);
    }
}
