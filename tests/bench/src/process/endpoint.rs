//! A stand-in for an engine's metrics socket: one body after the other, in pieces as an engine writes them, over a
//! connection that it keeps open as an engine does.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// How long the next request may take to come, or to be sent.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// How often it is looked for: often enough for the shortest interval.
const LOOK_INTERVAL: Duration = Duration::from_micros(500);
/// The plugin's request is shorter.
const HEAD_BYTES_MAX: usize = 4096;

/// What an engine writes at once: the buffer of Go's HTTP server.
const PIECE_BYTES: usize = 4096;
/// What comes with it: the chunk's size and two line ends.
const CHUNK_BYTES: usize = PIECE_BYTES - "fff\r\n\r\n".len();
/// How long an engine is at a piece.
const PIECE_TIME: Duration = Duration::from_micros(30);

/// Waits for scrapes.
#[derive(Debug)]
pub(super) struct Endpoint {
    listener: UnixListener,
    /// The one that was accepted last.
    connection: Option<UnixStream>,
}

impl Endpoint {
    pub(super) fn bind(path: &Path) -> Result<Self, Error> {
        let bind = || {
            let listener = UnixListener::bind(path)?;
            listener.set_nonblocking(true)?;
            Ok(Self { listener, connection: None })
        };
        bind().map_err(Error::io(format!("listen on {}", path.display())))
    }

    /// The next scrape. The one before is delivered by then: the plugin does one thing after the other.
    pub(super) fn next(&mut self, mut is_alive: impl FnMut() -> bool) -> Result<Scrape, Error> {
        let deadline = Instant::now() + REQUEST_TIME_MAX;
        let mut head = Vec::new();
        loop {
            if let Some(scrape) = self.look(&mut head).map_err(Error::io("accept a scrape"))? {
                return Ok(scrape);
            }
            if !is_alive() {
                return Err(Error::Wrong("the plugin ended".to_owned()));
            }
            if Instant::now() > deadline {
                return Err(Error::Wrong(format!("no scrape within {REQUEST_TIME_MAX:?}")));
            }
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// The scrape whose request is there, of which `head` is what came before.
    fn look(&mut self, head: &mut Vec<u8>) -> io::Result<Option<Scrape>> {
        match self.listener.accept() {
            Ok((stream, _)) => {
                self.connection = Some(stream);
                head.clear();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let Some(connection) = &mut self.connection else { return Ok(None) };
        connection.set_nonblocking(true)?;
        let mut piece = [0; HEAD_BYTES_MAX];
        match connection.read(&mut piece) {
            Ok(0) => self.connection = None,
            Ok(count) => head.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no request"));
        }
        let connection = self.connection.as_ref().filter(|_| head.ends_with(b"\r\n\r\n"));
        connection.map(|stream| Ok(Scrape { stream: stream.try_clone()? })).transpose()
    }
}

/// A scrape that waits for its answer.
#[derive(Debug)]
pub(super) struct Scrape {
    stream: UnixStream,
}

impl Scrape {
    pub(super) fn answer(mut self, body: &[u8]) -> Result<(), Error> {
        self.try_answer(body).map_err(Error::io("answer a scrape"))
    }

    fn try_answer(&mut self, body: &[u8]) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_write_timeout(Some(REQUEST_TIME_MAX))?;
        self.stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for chunk in body.chunks(CHUNK_BYTES) {
            let begin = Instant::now();
            let size = format!("{:x}\r\n", chunk.len());
            self.stream.write_all(&[size.as_bytes(), chunk, b"\r\n"].concat())?;
            // It is at work meanwhile, and does not sleep.
            while begin.elapsed() < PIECE_TIME {
                std::hint::spin_loop();
            }
        }
        self.stream.write_all(b"0\r\n\r\n")
    }
}
