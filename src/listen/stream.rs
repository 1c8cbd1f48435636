//! Connections: what arrives on each of them as pieces of whole lines.

use std::io;
use std::time::Duration;

use smol::LocalExecutor;
use smol::channel::{Receiver, Sender, bounded};
use smol::io::{AsyncRead, AsyncReadExt};

use super::socket::DATAGRAM_BYTES_MAX;
use crate::timer::Timer;

/// Connections read at once; others wait until one of these ends.
const CONNECTIONS_MAX: usize = 16;
/// Pieces that wait to be taken; then the connections wait.
const PIECES_MAX: usize = 16;
/// What is read at once.
const READ_BYTES: usize = 8192;
/// Pause after a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What stands between two pieces on a stream.
#[derive(Debug, Clone, Copy)]
pub(super) enum Framing {
    /// Line feeds.
    Lines,
    /// The length of the piece before it: 4 bytes, little-endian.
    Lengths,
}

/// Connections that are accepted and read while somebody waits for what they bring.
#[derive(Debug)]
pub(super) struct Streams {
    executor: LocalExecutor<'static>,
    pieces: Receiver<Vec<u8>>,
}

impl Streams {
    pub(super) fn new<S: AsyncRead + Unpin + 'static>(
        accept: impl AsyncFn() -> io::Result<S> + Clone + 'static,
        framing: Framing,
    ) -> Self {
        let executor = LocalExecutor::new();
        let (sender, pieces) = bounded(PIECES_MAX);
        for _ in 0..CONNECTIONS_MAX {
            executor.spawn(serve(accept.clone(), framing, sender.clone())).detach();
        }
        Self { executor, pieces }
    }

    pub(super) async fn receive(&self) -> io::Result<Vec<u8>> {
        self.executor.run(self.pieces.recv()).await.map_err(io::Error::other)
    }

    pub(super) fn receive_waiting(&self) -> Option<Vec<u8>> {
        self.pieces.try_recv().ok()
    }
}

/// One connection after the other, for ever.
async fn serve<S: AsyncRead + Unpin>(
    accept: impl AsyncFn() -> io::Result<S>,
    framing: Framing,
    pieces: Sender<Vec<u8>>,
) {
    loop {
        match accept().await {
            Ok(stream) => {
                // However a connection ends, what came before counts.
                let _ = match framing {
                    Framing::Lines => lines(stream, &pieces).await,
                    Framing::Lengths => frames(stream, &pieces).await,
                };
            }
            Err(_) => Timer::after(ACCEPT_PAUSE).await,
        }
    }
}

/// Until the stream ends. The last line may lack its line feed; one that is too long is cut.
async fn lines(mut stream: impl AsyncRead + Unpin, pieces: &Sender<Vec<u8>>) -> io::Result<()> {
    let mut text = Vec::new();
    let mut buffer = [0; READ_BYTES];
    loop {
        let count = stream.read(&mut buffer).await?;
        text.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let is_last = count == 0;
        let whole = match memchr::memrchr(b'\n', &text) {
            Some(end) => end + 1,
            None if is_last || text.len() > DATAGRAM_BYTES_MAX => text.len(),
            None => 0,
        };
        let rest = text.split_off(whole);
        if !text.is_empty() {
            pieces.send(text).await.map_err(io::Error::other)?;
        }
        if is_last {
            return Ok(());
        }
        text = rest;
    }
}

/// Until the stream ends, or says a length that no datagram has.
async fn frames(mut stream: impl AsyncRead + Unpin, pieces: &Sender<Vec<u8>>) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length).await?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
        if length > DATAGRAM_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut piece = vec![0; length];
        stream.read_exact(&mut piece).await?;
        pieces.send(piece).await.map_err(io::Error::other)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a stream that brings `reads` one after the other, and gives the pieces as text.
    #[track_caller]
    fn check(framing: Framing, reads: &[&[u8]], expected: &[&str]) {
        let (sender, pieces) = bounded(100);
        let stream =
            reads.iter().fold(Box::new(smol::io::empty()) as Box<dyn AsyncRead + Unpin>, |stream, read| {
                Box::new(stream.chain(smol::io::Cursor::new(read.to_vec())))
            });
        let _ = smol::block_on(async {
            match framing {
                Framing::Lines => lines(stream, &sender).await,
                Framing::Lengths => frames(stream, &sender).await,
            }
        });
        let pieces = std::iter::from_fn(|| pieces.try_recv().ok());
        let pieces: Vec<_> = pieces.map(|piece| String::from_utf8(piece).unwrap()).collect();
        assert_eq!(pieces, expected);
    }

    #[test]
    fn lines_are_whole_however_they_are_read() {
        check(Framing::Lines, &[b"a:1|c\nb:", b"2|c\n", b"c:3|c"], &["a:1|c\n", "b:2|c\n", "c:3|c"]);
        check(Framing::Lines, &[], &[]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let long = vec![b'x'; DATAGRAM_BYTES_MAX + READ_BYTES];
        let (sender, pieces) = bounded(100);
        smol::block_on(lines(smol::io::Cursor::new(long), &sender)).unwrap();
        let lengths: Vec<_> =
            std::iter::from_fn(|| pieces.try_recv().ok()).map(|piece| piece.len()).collect();
        assert!(lengths.len() > 1 && lengths.iter().all(|length| *length <= DATAGRAM_BYTES_MAX + READ_BYTES));
    }

    #[test]
    fn frames_have_their_length_before_them() {
        check(Framing::Lengths, &[b"\x05\0\0\0a:1", b"|c\x01\0\0\0b"], &["a:1|c", "b"]);
        check(Framing::Lengths, &[b"\x05\0\0\0a:1"], &[]);
        check(Framing::Lengths, &[b"\x01\0\0\0a\0\0\0\xffb"], &["a"]);
    }
}
