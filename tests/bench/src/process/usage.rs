//! What the kernel says that a process has used (proc(5)).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Error;

/// Of all threads together, since they were started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Time on a processor, exact to the scheduler's clock.
    pub(super) cpu: Duration,
    /// How often a thread was put on a processor.
    pub(super) runs: u64,
    /// How often memory had to be had from the kernel.
    pub(super) page_faults: u64,
}

impl Usage {
    pub(super) fn of(process: u32) -> Result<Self, Error> {
        let directory = PathBuf::from(format!("/proc/{process}/task"));
        let tasks = fs::read_dir(&directory).map_err(Error::io(format!("read {}", directory.display())))?;
        let mut usage = Self::default();
        for task in tasks.flatten() {
            // A thread that has just ended is gone.
            if let Some((cpu, runs)) =
                schedule(&fs::read_to_string(task.path().join("schedstat")).unwrap_or_default())
            {
                usage.cpu += cpu;
                usage.runs += runs;
            }
        }
        let path = format!("/proc/{process}/stat");
        let text = fs::read_to_string(&path).map_err(Error::io(format!("read {path}")))?;
        usage.page_faults =
            page_faults(&text).ok_or_else(|| Error::Wrong(format!("{path}: no count of page faults")))?;
        match usage.cpu {
            Duration::ZERO => Err(Error::Wrong("this kernel does not keep /proc/PID/schedstat".to_owned())),
            _ => Ok(usage),
        }
    }

    /// What was used since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            runs: self.runs.saturating_sub(before.runs),
            page_faults: self.page_faults.saturating_sub(before.page_faults),
        }
    }
}

/// The most memory that the process had at once, in KiB.
pub(super) fn memory_peak_kib(process: u32) -> Result<usize, Error> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(Path::new(&path)).map_err(Error::io(format!("read {path}")))?;
    peak_kib(&text).ok_or_else(|| Error::Wrong(format!("{path}: no VmHWM")))
}

/// Time on a processor in nanoseconds, time waiting for one, and the number of times put on one.
fn schedule(text: &str) -> Option<(Duration, u64)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let (cpu_ns, _, runs) = (numbers.next()?.ok()?, numbers.next()?, numbers.next()?.ok()?);
    Some((Duration::from_nanos(cpu_ns), runs))
}

/// Those that took no disk: the tenth field, counted from the name in parentheses, which may hold anything.
fn page_faults(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(7)?.parse().ok()
}

fn peak_kib(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_read() {
        assert_eq!(schedule("69684 10 3\n"), Some((Duration::from_nanos(69684), 3)));
        assert_eq!(schedule(""), None);
        assert_eq!(page_faults("7 (a b) c) S 1 2 3 0 -1 4194560 123 0 0\n"), Some(123));
        assert_eq!(page_faults("7 (a) S 1"), None);
        assert_eq!(peak_kib("Name:\tx\nVmHWM:\t    1220 kB\nVmRSS:\t 1000 kB\n"), Some(1220));
        assert_eq!(peak_kib("VmHWM:\t1 MB\n"), None);
    }

    #[test]
    fn a_process_uses_more_as_it_works() {
        let before = Usage::of(std::process::id()).unwrap();
        let begin = std::time::Instant::now();
        while Usage::of(std::process::id()).unwrap().since(before).cpu < Duration::from_millis(1) {
            assert!(begin.elapsed() < Duration::from_secs(10));
        }
        assert!(memory_peak_kib(std::process::id()).unwrap() > 100);
    }
}
