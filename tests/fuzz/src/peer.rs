//! The other end of a connection, in memory.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use smol::io::{AsyncRead, AsyncWrite};

use crate::random::Random;

/// Sends a stream in pieces, and keeps what it is sent.
pub(crate) struct Peer {
    pieces: VecDeque<Vec<u8>>,
    /// Each piece comes later than it is asked for.
    is_slow: bool,
    /// The next one was asked for.
    is_asked: bool,
    got: Arc<Mutex<Vec<u8>>>,
}

impl Peer {
    /// Cut by this, whole if it is zero; slow if it is odd. Whoever waits with a time limit has a timer made, which
    /// costs more than all else, so not every peer is.
    pub(crate) fn new(stream: &[u8], cuts: u8) -> Self {
        let mut random = Random(cuts.into());
        let largest = if cuts == 0 { usize::MAX } else { [1, 2, 7, 100, 5000][random.below(5)] };
        let mut pieces = VecDeque::new();
        let mut rest = stream;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(1 + random.below(largest)));
            pieces.push_back(piece.to_vec());
            rest = behind;
        }
        Self { pieces, is_slow: cuts % 2 == 1, is_asked: false, got: Arc::default() }
    }

    /// How many bytes it has not sent yet.
    pub(crate) fn left(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// What it will have got.
    pub(crate) fn got(&self) -> Arc<Mutex<Vec<u8>>> {
        self.got.clone()
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.is_asked = self.is_slow && !self.is_asked;
        if self.is_asked {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(piece) = self.pieces.front_mut() else { return Poll::Ready(Ok(0)) };
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.got.lock().unwrap().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future to its end, which no wait may hold up: whatever sleeps must have been woken.
pub(crate) fn complete<T>(future: impl Future<Output = T>) -> T {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        assert!(woken.0.swap(false, Ordering::Relaxed), "it sleeps for ever");
    }
}
