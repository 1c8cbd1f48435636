//! How many lines a log may have in a time. Pure: time is an argument.

use std::time::{Duration, Instant};

/// The most lines in a [`LINES_TIME`]; more are lost.
pub const LINES_MAX: u32 = 100;
/// How long lines are counted.
pub const LINES_TIME: Duration = Duration::from_secs(60);

/// Counts lines.
#[derive(Debug)]
pub(super) struct Rate {
    begin: Instant,
    lines: u32,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { begin: now, lines: 0 }
    }

    /// Whether one more line may be written now.
    pub(super) fn takes(&mut self, now: Instant) -> bool {
        if now.duration_since(self.begin) >= LINES_TIME {
            *self = Self::new(now);
        }
        let has_room = self.lines < LINES_MAX;
        self.lines += u32::from(has_room);
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_rate() {
        let begin = Instant::now();
        let mut rate = Rate::new(begin);
        let mut taken = |now: Instant| (0..1000).filter(|_| rate.takes(now)).count();
        assert_eq!(taken(begin), LINES_MAX as usize);
        assert_eq!(taken(begin + LINES_TIME / 60 * 59), 0);
        assert_eq!(taken(begin + LINES_TIME), LINES_MAX as usize);
    }
}
