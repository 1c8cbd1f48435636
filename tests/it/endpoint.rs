//! A stand-in metrics endpoint: answers each connection with the bytes that the test gives it.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// What one write of an answer sends, and how long to wait before it.
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) after: Duration,
}

pub(crate) fn at_once(bytes: impl Into<Vec<u8>>) -> Piece {
    Piece { bytes: bytes.into(), after: Duration::ZERO }
}

pub(crate) fn later(bytes: impl Into<Vec<u8>>) -> Piece {
    Piece { bytes: bytes.into(), after: Duration::from_millis(50) }
}

/// An answer of 200 as the engine gives it: chunked.
pub(crate) fn chunked(body: &str) -> Vec<u8> {
    let mut answer =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for piece in body.as_bytes().chunks(1000) {
        answer.extend(format!("{:x}\r\n", piece.len()).bytes());
        answer.extend(piece);
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    answer
}

/// The next request of a connection, in small letters; empty when it was closed.
pub(crate) fn request(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        request.push(byte[0]);
    }
    String::from_utf8(request).unwrap().to_lowercase()
}

/// An endpoint on a unix socket in a folder of its own.
pub(crate) struct Endpoint {
    folder: TempDir,
}

impl Endpoint {
    /// Answers connection number n, from 0, with `answer(n)` and closes it.
    pub(crate) fn start(mut answer: impl FnMut(usize) -> Vec<Piece> + Send + 'static) -> Self {
        Self::serve(move |number, stream| {
            for piece in answer(number) {
                thread::sleep(piece.after);
                // The client may have hung up on an answer that it refuses.
                let _ = stream.write_all(&piece.bytes);
            }
        })
    }

    /// Hands connection number n, from 0, to `answer` when its request has come, and closes it.
    pub(crate) fn serve(mut answer: impl FnMut(usize, &mut UnixStream) + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("metrics.sock")).unwrap();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                request(&mut stream);
                answer(number, &mut stream);
            }
        });
        Self { folder }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("metrics.sock")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
