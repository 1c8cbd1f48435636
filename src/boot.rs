//! When this machine was booted, by its own wall clock.
//!
//! The start time of a process, as Prometheus endpoints give it, is derived from the wall clock. When
//! the clock is set, the start time of a process moves though the process did not: by as much as the
//! boot time moves. So the two are looked at together.

use rustix::time::{ClockId, clock_gettime};

use crate::decimal::Decimal;

/// A boot of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The kernel's own name for this boot: another one after each boot.
    pub id: String,
    /// When it was, in seconds since 1970, as the wall clock has it now.
    pub time: Decimal,
}

/// The clocks of a boot.
#[derive(Debug)]
pub struct BootClock {
    id: String,
}

impl BootClock {
    /// This machine's; `None` where the kernel does not tell.
    #[must_use]
    pub fn of_this_machine() -> Option<Self> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let id = id.trim();
        let is_plain = !id.is_empty() && id.chars().all(|char| char.is_ascii_alphanumeric() || char == '-');
        is_plain.then(|| Self { id: id.to_owned() })
    }

    /// The boot as the clocks have it now.
    #[must_use]
    pub fn read(&self) -> Boot {
        let ms = |clock| {
            let time = clock_gettime(clock);
            time.tv_sec * 1000 + time.tv_nsec / 1_000_000
        };
        let time = Decimal::new(ms(ClockId::Realtime) - ms(ClockId::Boottime), -3);
        Boot { id: self.id.clone(), time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_time_is_the_kernels() {
        let boot = BootClock::of_this_machine().unwrap().read();
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap();
        let kernel = Decimal::new(seconds.parse().unwrap(), 0);
        assert!(boot.time.is_within(Decimal::new(2, 0), kernel), "{} {kernel}", boot.time);
    }
}
