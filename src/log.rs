//! Log lines for the engine's log.
//!
//! The engine reads a plugin's standard output as its own level info and standard error as level
//! error, a line a record. While the engine is down nobody reads, and a write would block once the
//! pipe is full, so a line is written only when the pipe has room and dropped otherwise; the next line
//! that is written says how many were lost. Measured on engines 20.10 to 29: a line of 64 KiB ends the
//! stream for good, so lines are cut far below that. Whoever calls the plugin can have it say something with
//! each call, so lines have a rate too, but for those of `LOG_LEVEL=debug`, which are asked for. Where standard
//! output is for the metrics (`STATSD_ADDR=stdout:`), all lines are on standard error.

mod rate;

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::config::{LogLevel, Settings, StatsdAddr};
use rate::Rate;
pub use rate::{LINES_MAX, LINES_TIME};

/// The longest line, in bytes: what a pipe with room for one write takes without blocking (`PIPE_BUF`,
/// pipe(7)).
pub const LINE_BYTES_MAX: usize = 4096;

/// Writes log lines at or above a level.
#[derive(Debug)]
pub struct Log {
    level: LogLevel,
    /// Standard output is for the metrics.
    is_stdout_taken: bool,
    /// Lines lost since the last that was written.
    lost: Cell<u64>,
    rate: RefCell<Rate>,
}

impl Log {
    /// The log that these settings ask for.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let is_stdout_taken = settings.statsd_addr == StatsdAddr::Stdout;
        let rate = RefCell::new(Rate::new(Instant::now()));
        Self { level: settings.log_level, is_stdout_taken, lost: Cell::new(0), rate }
    }

    /// Something was lost, or a person is needed.
    pub fn error(&self, message: &str) {
        self.line(LogLevel::Error, message);
    }

    /// Something is wrong and nothing is lost.
    pub fn warn(&self, message: &str) {
        self.line(LogLevel::Warn, message);
    }

    /// A change of state.
    pub fn info(&self, message: &str) {
        self.line(LogLevel::Info, message);
    }

    /// Each scrape. The message is made only if it is shown.
    pub fn debug(&self, message: impl FnOnce() -> String) {
        if self.level >= LogLevel::Debug {
            self.line(LogLevel::Debug, &message());
        }
    }

    fn line(&self, level: LogLevel, message: &str) {
        if level > self.level {
            return;
        }
        let is_allowed = level == LogLevel::Debug || self.rate.borrow_mut().takes(Instant::now());
        let line = line(message, self.lost.get());
        let written = match level {
            _ if !is_allowed => false,
            LogLevel::Info | LogLevel::Debug if !self.is_stdout_taken => {
                write_if_room(&mut std::io::stdout(), &line)
            }
            _ => write_if_room(&mut std::io::stderr(), &line),
        };
        self.lost.set(if written { 0 } else { self.lost.get() + 1 });
    }
}

/// One line, bounded, without control characters: parts of it come from sockets.
fn line(message: &str, lost: u64) -> String {
    let note = if lost > 0 { format!(" ({lost} lines before this one were lost)") } else { String::new() };
    let room = LINE_BYTES_MAX - note.len() - 1;
    let mut line = String::new();
    for char in message.chars() {
        let char = if char.is_control() { ' ' } else { char };
        if line.len() + char.len_utf8() > room {
            break;
        }
        line.push(char);
    }
    line + &note + "\n"
}

fn write_if_room(stream: &mut (impl Write + rustix::fd::AsFd), line: &str) -> bool {
    let mut fds = [PollFd::new(stream, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0);
    let has_room = fds.iter().all(|fd| fd.revents().contains(PollFlags::OUT));
    ready && has_room && stream.write_all(line.as_bytes()).and_then(|()| stream.flush()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_bounded() {
        assert_eq!(line("a\nb\u{7}c", 0), "a b c\n");
        assert_eq!(line("a", 3), "a (3 lines before this one were lost)\n");
        assert_eq!(line(&"x".repeat(10_000), 0).len(), LINE_BYTES_MAX);
        assert!(line(&"é".repeat(10_000), u64::MAX).len() <= LINE_BYTES_MAX);
    }

    #[test]
    fn a_full_pipe_costs_lines_and_never_blocks() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let line = "x".repeat(LINE_BYTES_MAX);
        let written = (0..1000).take_while(|_| write_if_room(&mut writer, &line)).count();
        assert!((1..1000).contains(&written), "{written}");
        drop(reader);
        assert!(!write_if_room(&mut writer, &line), "nobody can read it");
    }
}
