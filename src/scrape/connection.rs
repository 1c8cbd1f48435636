//! A connection to a unix socket that is waited for only if it has to be.
//!
//! It knows that a socket may have nothing to read yet; it knows nothing of requests and answers. Most answers
//! are there when they are read, and a socket that the reactor is told of wakes its thread once more: when the
//! engine closes it.

use std::io::{self, Read, Write};
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
    /// The same socket for the reactor, once it was waited for.
    waited: Option<Async<UnixStream>>,
    /// Until then something comes, or more of it.
    pause: Option<Timer>,
}

impl Connection {
    /// A unix socket connects or refuses at once (EAGAIN if too many wait for the server), so nothing has to be
    /// waited for.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self { stream: UnixStream::from(socket), waited: None, pause: None })
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
            match work(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let waited = match &mut self.waited {
                        Some(waited) => waited,
                        empty => empty.insert(Async::new_nonblocking(self.stream.try_clone()?)?),
                    };
                    ready!(ready(waited, context))?;
                    self.pause = Some(Timer::after(PIECES_PAUSE));
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
