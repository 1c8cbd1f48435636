//! When to pause between datagrams, so that a burst does not outrun the receive buffer of a server.
//!
//! Pure: it knows the lengths of datagrams and how long their sender has; it knows neither sockets nor
//! clocks. It is for UDP, where what finds no room is lost; on every other socket the sender waits.

use std::time::Duration;

/// A server's receive buffer as Linux makes it (`net.core.rmem_default`).
const RECEIVE_BUFFER_BYTES: usize = 212_992;
/// What a burst takes of it at most. The rest is for what a server has not read yet.
const BURST_BYTES_MAX: usize = RECEIVE_BUFFER_BYTES * 2 / 3;
/// The longest pause between bursts. A server reads what it has within a millisecond; the rest is for one
/// that has just been stopped by its garbage collector or by the work of others.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// The rhythm of one scrape's datagrams.
#[derive(Debug)]
pub struct Pace {
    /// What the burst that is being sent may still take.
    room: usize,
    pause: Duration,
}

impl Pace {
    /// For datagrams of these lengths; all pauses together take at most `time`.
    #[must_use]
    pub fn new(lengths: impl Iterator<Item = usize>, time: Duration) -> Self {
        let mut rehearsal = Self { room: BURST_BYTES_MAX, pause: PAUSE_MAX };
        let pauses = lengths.filter(|length| rehearsal.before(*length).is_some()).count();
        let share = time / u32::try_from(pauses).unwrap_or(u32::MAX).max(1);
        Self { room: BURST_BYTES_MAX, pause: share.min(PAUSE_MAX) }
    }

    /// Without any pause.
    #[must_use]
    pub fn unbroken() -> Self {
        Self { room: usize::MAX, pause: Duration::ZERO }
    }

    /// The pause to make before the next datagram, if one is due.
    pub fn before(&mut self, length: usize) -> Option<Duration> {
        let held = held(length);
        if let Some(room) = self.room.checked_sub(held) {
            self.room = room;
            return None;
        }
        self.room = BURST_BYTES_MAX.saturating_sub(held);
        Some(self.pause)
    }
}

/// What a datagram takes of a receive buffer at most: its memory and the kernel's note of it. From the
/// loopback device memory comes in powers of two; many network cards give each datagram a page or more.
/// Measured on Linux 6: 832 bytes for 100, 2,304 for 1,432, 17,749 for 8,192, 70,997 for 65,507.
fn held(length: usize) -> usize {
    const HEADERS_BYTES: usize = 512;
    const PAGE_BYTES: usize = 4096;
    const NOTE_BYTES: usize = 256;
    length.saturating_add(HEADERS_BYTES).next_power_of_two().max(PAGE_BYTES) + NOTE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The pauses that datagrams of these lengths get, by the number of the datagram behind each.
    fn pauses(lengths: &[usize], time: Duration) -> Vec<(usize, Duration)> {
        let mut pace = Pace::new(lengths.iter().copied(), time);
        let pauses = lengths.iter().enumerate();
        pauses.filter_map(|(number, length)| Some((number, pace.before(*length)?))).collect()
    }

    #[test]
    fn what_fits_a_burst_is_sent_without_a_pause() {
        for (length, fit) in [(1, 32), (1432, 32), (3584, 32), (3585, 16), (8192, 8), (65_507, 1)] {
            assert_eq!(pauses(&vec![length; fit], SECOND), [], "{fit} of {length}");
            assert_eq!(pauses(&vec![length; fit + 1], SECOND), [(fit, PAUSE_MAX)], "{fit} of {length}");
        }
    }

    #[test]
    fn datagrams_of_different_lengths_share_a_burst() {
        for (lengths, before) in [
            ([65_507, 100, 100, 100, 65_507, 100], [3].as_slice()),
            ([100, 8192, 100, 65_507, 65_507, 100], &[3, 4]),
            ([100, 1432, 8192, 100, 1432, 8192], &[]),
        ] {
            let found: Vec<usize> = pauses(&lengths, SECOND).into_iter().map(|(number, _)| number).collect();
            assert_eq!(found, before, "{lengths:?}");
        }
    }

    #[test]
    fn pauses_together_take_no_longer_than_the_time_there_is() {
        for (count, time) in [(64, SECOND), (5000, SECOND), (1_000_000, SECOND), (1000, Duration::ZERO)] {
            let sum: Duration = pauses(&vec![1432; count], time).into_iter().map(|(_, pause)| pause).sum();
            assert!(sum <= time, "{count} datagrams: {sum:?}");
            assert!(count < 5000 || sum > time * 9 / 10 || time.is_zero(), "{count} datagrams: {sum:?}");
        }
    }

    #[test]
    fn an_unbroken_pace_has_no_pause() {
        let mut pace = Pace::unbroken();
        assert!((0..1_000_000).all(|_| pace.before(65_507).is_none()));
    }
}
