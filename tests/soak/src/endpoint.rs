//! The engine's metrics socket: answers one scrape, rightly or wrongly, and knows whether it was read whole.
//!
//! A unix stream socket tells: it ends when the reader closes it after reading everything, and is reset when the reader
//! leaves something unread. So whether a scrape was complete never depends on whose clock is right. That is why each answer
//! says that it is the last one of its connection, which the plugin would keep.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use bench::Error;

/// The plugin's default.
const PATH: &str = "/run/docker/metrics.sock";
/// The plugin's request is shorter.
const HEAD_BYTES_MAX: usize = 4096;
/// Far longer than a scrape may take, for a plugin that neither reads nor closes.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pieces of an answer that comes slowly, and the pause between two of them.
const SLOW_PIECES: usize = 8;
const SLOW_PAUSE: Duration = Duration::from_millis(5);
const CHUNK_BYTES: usize = 4000;

/// How a scrape is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Whole, with its length before it.
    Whole,
    /// Whole, in chunks, as an engine does.
    Chunked,
    /// Whole, in pieces with pauses.
    Slow,
    /// Another status, with a body.
    Status,
    /// This many thousandths of a body that says its length, or of a chunked one.
    Cut(usize),
    CutChunked(usize),
    /// The connection is closed without a word.
    Nothing,
    /// No body.
    Empty,
    /// Something that is no exposition.
    OtherText,
    /// Nothing within the time-out.
    Late,
}

impl Answer {
    fn bytes(self, body: &str) -> Vec<u8> {
        let cut = |bytes: Vec<u8>, permille: usize| {
            let end = bytes.len() * permille / 1000;
            bytes.into_iter().take(end).collect()
        };
        match self {
            Self::Whole | Self::Slow => with_length("200 OK", body),
            Self::Chunked => chunked(body),
            Self::Status => with_length("503 Service Unavailable", body),
            Self::Cut(permille) => cut(with_length("200 OK", body), permille),
            Self::CutChunked(permille) => cut(chunked(body), permille),
            Self::Nothing | Self::Late => Vec::new(),
            Self::Empty => with_length("200 OK", ""),
            Self::OtherText => with_length("200 OK", "<html>\n<body>\nIt works!\n</body>\n</html>\n"),
        }
    }

    /// Whether a scrape can be complete that is answered so.
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Whole | Self::Chunked | Self::Slow)
    }
}

fn with_length(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in body.as_bytes().chunks(CHUNK_BYTES) {
        answer.extend(format!("{:x}\r\n", piece.len()).bytes());
        answer.extend(piece);
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    answer
}

/// The socket, if it is there.
#[derive(Debug, Default)]
pub(crate) struct Endpoint(Option<UnixListener>);

impl Endpoint {
    /// Makes the socket, in place of one that was left.
    pub(crate) fn come(&mut self) -> Result<(), Error> {
        let come = || {
            let _ = fs::remove_file(PATH);
            let listener = UnixListener::bind(PATH)?;
            fs::set_permissions(PATH, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        self.0 = Some(come().map_err(Error::io(format!("listen on {PATH}")))?);
        Ok(())
    }

    /// Listens no more; the path may stay, as that of an engine that was killed does.
    pub(crate) fn go(&mut self, leaves_path: bool) -> Result<(), Error> {
        self.0 = None;
        if leaves_path { Ok(()) } else { fs::remove_file(PATH).map_err(Error::io(format!("remove {PATH}"))) }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// A scrape that waits.
    pub(crate) fn accept(&self) -> Result<Option<UnixStream>, Error> {
        match self.0.as_ref().map(UnixListener::accept) {
            None => Ok(None),
            Some(Ok((stream, _))) => Ok(Some(stream)),
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Some(Err(error)) => Err(Error::io("accept a scrape")(error)),
        }
    }

    pub(crate) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(UnixListener::as_fd)
    }
}

/// Answers a scrape; says whether all of the answer was read.
pub(crate) fn answer(mut stream: UnixStream, answer: Answer, body: &str) -> Result<bool, Error> {
    match try_answer(&mut stream, answer, body) {
        Ok(()) => Ok(true),
        // The reader is gone, and had not read everything.
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
            Ok(false)
        }
        Err(error) => Err(Error::io("answer a scrape")(error)),
    }
}

fn try_answer(stream: &mut UnixStream, answer: Answer, body: &str) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut piece = [0; HEAD_BYTES_MAX];
    while !head.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut piece)?;
        if count == 0 || head.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        head.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    let bytes = answer.bytes(body);
    if answer == Answer::Slow {
        for piece in bytes.chunks(bytes.len() / SLOW_PIECES + 1) {
            stream.write_all(piece)?;
            thread::sleep(SLOW_PAUSE);
        }
    } else {
        stream.write_all(&bytes)?;
    }
    // An answer that breaks off ends with its connection.
    if !answer.is_good() && answer != Answer::Late {
        return Ok(());
    }
    match stream.read(&mut piece)? {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "more came than a request")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the writer is told when the reader closes after this many bytes.
    fn told(bytes: usize) -> bool {
        let (writer, mut reader) = UnixStream::pair().unwrap();
        let whole = Answer::Whole.bytes("body\n").len();
        reader.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let reader = thread::spawn(move || reader.read_exact(&mut vec![0; bytes.min(whole)]).unwrap());
        let told = answer(writer, Answer::Whole, "body\n").unwrap();
        reader.join().unwrap();
        told
    }

    #[test]
    fn whether_all_was_read_is_known() {
        assert!(told(usize::MAX));
        let whole = Answer::Whole.bytes("body\n").len();
        for bytes in [0, 1, whole - 1] {
            assert!(!told(bytes), "{bytes}");
        }
    }
}
