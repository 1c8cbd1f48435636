//! Datagrams in their order to the sink, and which of them were taken.
//!
//! It knows when a datagram is settled and when to stop; it knows nothing of what is in one but how many lines that are.

use std::time::{Duration, Instant};

use smol::channel::Receiver;

use super::Event;
use crate::convert::Converter;
use crate::limit::within;
use crate::sink::{SendError, Sink};
use crate::timer::Timer;
use crate::vitals::Vitals;

/// Pauses between bursts of datagrams take this part of an interval, or of the time left, at most.
const PAUSES_PART: u32 = 2;
/// Waiting for a late refusal takes this part of an interval at most.
const REFUSAL_PART: u32 = 4;
/// How long one datagram may take, a look-up and a connection included: nothing interrupts it.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(3);

/// Datagrams to be sent, which are to know which of them were taken.
pub(super) trait Batch {
    fn datagrams(&self) -> usize;
    /// How long they are, in bytes.
    fn lengths(&self) -> impl Iterator<Item = usize>;
    fn datagram(&mut self, index: usize) -> Option<&[u8]>;
    fn taken(&mut self, index: usize);
}

impl Batch for Converter {
    fn datagrams(&self) -> usize {
        self.datagrams()
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.lengths()
    }

    fn datagram(&mut self, index: usize) -> Option<&[u8]> {
        self.datagram(index)
    }

    fn taken(&mut self, index: usize) {
        self.taken(index);
    }
}

impl Batch for Vitals {
    fn datagrams(&self) -> usize {
        self.datagrams()
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.lengths()
    }

    fn datagram(&mut self, index: usize) -> Option<&[u8]> {
        self.datagram(index)
    }

    fn taken(&mut self, index: usize) {
        self.taken(index);
    }
}

/// What bounds a delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<'a> {
    pub(super) deadline: Instant,
    /// The time between scrapes.
    pub(super) interval: Duration,
    /// An event that waits here interrupts.
    pub(super) events: Option<&'a Receiver<Event>>,
}

/// What was delivered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) packets: usize,
    pub(super) bytes: usize,
    pub(super) lines: usize,
    /// Datagrams that were tried and not taken.
    pub(super) refused: usize,
}

impl Traffic {
    fn add(&mut self, bytes: usize, lines: usize) {
        self.packets += 1;
        self.bytes += bytes;
        self.lines += lines;
    }
}

/// Sends until a datagram is refused: those behind it would be refused too.
///
/// What a datagram carries is settled once the next one was sent without a refusal coming back, so
/// that the last one and the first are asked about: the first is the probe of a server that may be
/// away, before anything else is risked.
pub(super) async fn send(
    sink: &mut Sink,
    batch: &mut impl Batch,
    bounds: Bounds<'_>,
) -> (Traffic, Result<(), SendError>) {
    let mut traffic = Traffic::default();
    let sent = send_all(sink, batch, bounds, &mut traffic).await;
    traffic.refused += usize::from(sent.is_err());
    (traffic, sent)
}

async fn send_all(
    sink: &mut Sink,
    batch: &mut impl Batch,
    bounds: Bounds<'_>,
    traffic: &mut Traffic,
) -> Result<(), SendError> {
    let Bounds { deadline, interval, events } = bounds;
    let time = deadline.saturating_duration_since(Instant::now()).min(interval);
    let mut pace = sink.pace(batch.lengths(), time / PAUSES_PART);
    let refusal_time = interval / REFUSAL_PART;
    let mut unconfirmed = None;
    let mut take = |batch: &mut _, (index, bytes, lines)| {
        traffic.add(bytes, lines);
        Batch::taken(batch, index);
    };
    for index in 0..batch.datagrams() {
        if events.is_some_and(|events| !events.is_empty()) {
            // The rest stays owed, for the last scrape.
            break;
        }
        let datagram = batch.datagram(index).unwrap_or_default();
        if let Some(pause) = pace.before(datagram.len()) {
            Timer::after(pause).await;
        }
        let (bytes, lines) = (datagram.len(), memchr::memchr_iter(b'\n', datagram).count());
        let time = deadline.saturating_duration_since(Instant::now()).min(ATTEMPT_TIME_MAX);
        let sent = within(time, sink.send(datagram)).await.unwrap_or_else(|| Err(SendError::late()));
        if let Some(before) = unconfirmed
            && sent.as_ref().err().is_none_or(|error| !error.is_earlier)
        {
            take(batch, before);
        }
        sent?;
        unconfirmed = Some((index, bytes, lines));
        if index == 0 {
            sink.confirm(refusal_time).await?;
        }
    }
    // The first one was asked about.
    if unconfirmed.is_none_or(|(index, ..)| index != 0) {
        sink.confirm(refusal_time).await?;
    }
    unconfirmed.into_iter().for_each(|sent| take(batch, sent));
    Ok(())
}
