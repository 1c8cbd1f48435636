//! The plugin's process: the static binary, run as an engine runs it or as `agent`, and what the kernel says of it.

use std::fs;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bench::Error;
use docker_metrics_statsd::plugin::SOCKET;
use rustix::process::{Pid, Signal, kill_process};

use crate::number::{Amount, ONE};

/// The shortest that there is.
pub(crate) const INTERVAL: Duration = Duration::from_millis(10);
/// Short, so that a late answer does not hold up the rest for long.
pub(crate) const SCRAPE_TIMEOUT: Duration = Duration::from_millis(250);
/// A process that was just started listens sooner.
const START_TIME_MAX: Duration = Duration::from_secs(20);
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
const ANSWER_BYTES_MAX: usize = 4096;
/// What a process may say: when it begins and ends; of each of four things that may fail ten lines in ten minutes; and
/// when it is stopped and started, of which it begins anew to say how scraping goes.
const LOG_LINES_AROUND_MAX: u64 = 8;
const LOG_LINES_IN_WINDOW_MAX: u64 = 4 * 10;
const LOG_LINES_AROUND_STOP_MAX: u64 = 2 + 10;
const LOG_WINDOW: Duration = Duration::from_secs(600);
const LOG_LINE_BYTES_MAX: usize = 4096;
/// How much of the log is kept for the message about a failure.
const LOG_BYTES_KEPT: usize = 8 * 1024;

/// How the program is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Without arguments: it serves its socket, and keeps a state.
    Plugin,
    Agent,
}

/// A call of the MetricsCollector protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Start,
    Stop,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) rss_kib: usize,
    pub(crate) peak_kib: usize,
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
    pub(crate) children: usize,
}

#[derive(Debug)]
pub(crate) struct Plugin {
    process: Child,
    mode: Mode,
    born: Instant,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    /// The end of what it said.
    log: Vec<u8>,
    log_lines: u64,
    /// How often StopMetrics was said to it.
    stops: u64,
    /// A call whose answer has not come.
    call: Option<UnixStream>,
}

impl Plugin {
    /// Starts one, on a machine whose wall clock was set by so many seconds since it was booted.
    pub(crate) fn start(program: &Path, mode: Mode, statsd: &str, clock: Amount) -> Result<Self, Error> {
        let mut command = if clock == 0 {
            Command::new(program)
        } else {
            // When a machine was booted is its wall clock less the time since; the wall clock is everybody's, but the
            // time since can be a process' own (time_namespaces(7)).
            let mut command = Command::new("unshare");
            command.args(["--time", "--boottime"]).arg((-clock / ONE).to_string()).arg("--").arg(program);
            command
        };
        if mode == Mode::Agent {
            command.arg("agent");
        }
        let mut process = command
            .env("SCRAPE_ADDR", "")
            .env("STATSD_ADDR", statsd)
            .env("INTERVAL", format!("{}ms", INTERVAL.as_millis()))
            .env("SCRAPE_TIMEOUT", format!("{}ms", SCRAPE_TIMEOUT.as_millis()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::io(format!("start {}", program.display())))?;
        let (output, errors) = (process.stdout.take(), process.stderr.take());
        let nonblocking = |fd: BorrowedFd<'_>| {
            rustix::fs::fcntl_setfl(fd, rustix::fs::OFlags::NONBLOCK)
                .map_err(|error| Error::io("read the log")(error.into()))
        };
        output.iter().try_for_each(|output| nonblocking(output.as_fd()))?;
        errors.iter().try_for_each(|errors| nonblocking(errors.as_fd()))?;
        let (log, log_lines, stops, call) = (Vec::new(), 0, 0, None);
        let mut plugin =
            Self { process, mode, born: Instant::now(), output, errors, log, log_lines, stops, call };
        if mode == Mode::Plugin {
            plugin.call(Call::Start)?;
            plugin.await_answer()?;
        }
        Ok(plugin)
    }

    /// Calls it as an engine does. The answer comes when it comes: [`Self::answer`].
    pub(crate) fn call(&mut self, call: Call) -> Result<(), Error> {
        self.stops += u64::from(call == Call::Stop);
        let name = match call {
            Call::Start => "StartMetrics",
            Call::Stop => "StopMetrics",
        };
        let deadline = Instant::now() + START_TIME_MAX;
        let mut stream = loop {
            match UnixStream::connect(SOCKET) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < deadline && self.ended()?.is_none() => {
                    thread::sleep(LOOK_INTERVAL);
                }
                Err(error) => return Err(Error::io(format!("connect to {SOCKET}"))(error)),
            }
        };
        let request =
            format!("POST /MetricsCollector.{name} HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(Error::io(format!("call {name}")))?;
        stream.set_nonblocking(true).map_err(Error::io(format!("call {name}")))?;
        self.call = Some(stream);
        Ok(())
    }

    /// Whether the answer to the last call is there.
    pub(crate) fn answer(&mut self) -> Result<bool, Error> {
        let Some(call) = &mut self.call else { return Ok(false) };
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let count = match call.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(Error::io("read the answer to a call")(error)),
        };
        let answer = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).into_owned();
        self.call = None;
        if answer.starts_with("HTTP/1.1 200 ") {
            Ok(true)
        } else {
            Err(Error::Wrong(format!("it answered {answer:?}")))
        }
    }

    fn await_answer(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START_TIME_MAX;
        while !self.answer()? {
            if Instant::now() > deadline {
                return Err(Error::Wrong("it does not answer StartMetrics".to_owned()));
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        let process = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let sent = process.map_or(Err(rustix::io::Errno::SRCH), |process| kill_process(process, signal));
        sent.map_err(|error| Error::io("send a signal")(error.into()))
    }

    /// How it ended, if it did: whether well.
    pub(crate) fn ended(&mut self) -> Result<Option<bool>, Error> {
        let status = self.process.try_wait().map_err(Error::io("look after the process"))?;
        Ok(status.map(|status| status.success()))
    }

    pub(crate) fn wait(&mut self) -> Result<(), Error> {
        self.process.wait().map(drop).map_err(Error::io("wait for the process"))
    }

    /// Reads what it says, and checks that it does not say too much.
    pub(crate) fn listen(&mut self) -> Result<(), Error> {
        self.listen_at_once();
        let windows = self.born.elapsed().as_secs() / LOG_WINDOW.as_secs();
        let most = LOG_LINES_AROUND_MAX
            + LOG_LINES_IN_WINDOW_MAX * (1 + windows)
            + LOG_LINES_AROUND_STOP_MAX * self.stops;
        if self.log_lines > most {
            return Err(Error::Wrong(format!("it logged {} lines", self.log_lines)));
        }
        Ok(())
    }

    fn listen_at_once(&mut self) {
        let before = self.log.len();
        let mut streams = [
            self.output.as_mut().map(|stream| stream as &mut dyn Read),
            self.errors.as_mut().map(|stream| stream as &mut dyn Read),
        ];
        let mut buffer = [0; LOG_LINE_BYTES_MAX];
        for stream in streams.iter_mut().flatten() {
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                self.log.extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
        }
        let new = self.log.get(before..).unwrap_or_default();
        self.log_lines += new.iter().fold(0, |lines, byte| lines + u64::from(*byte == b'\n'));
        let old = self.log.len().saturating_sub(LOG_BYTES_KEPT);
        self.log.drain(..old);
    }

    pub(crate) fn log_lines(&self) -> u64 {
        self.log_lines
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// What becomes readable when it has said something.
    pub(crate) fn sources(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let output = self.output.as_ref().map(AsFd::as_fd);
        output
            .into_iter()
            .chain(self.errors.as_ref().map(AsFd::as_fd))
            .chain(self.call.as_ref().map(AsFd::as_fd))
    }

    pub(crate) fn figures(&self) -> Result<Figures, Error> {
        let folder = format!("/proc/{}", self.process.id());
        let read = |name: &str| {
            let path = format!("{folder}/{name}");
            fs::read_to_string(&path).map_err(Error::io(format!("read {path}")))
        };
        let status = read("status")?;
        let children = read(&format!("task/{}/children", self.process.id()))?;
        let descriptors = fs::read_dir(format!("{folder}/fd")).map_err(Error::io("count descriptors"))?;
        Ok(Figures {
            rss_kib: field(&status, "VmRSS:"),
            peak_kib: field(&status, "VmHWM:"),
            threads: field(&status, "Threads:"),
            descriptors: descriptors.count(),
            children: children.split_whitespace().count(),
        })
    }

    /// The end of what it said.
    pub(crate) fn log(&mut self) -> String {
        // That it said too much is no news here.
        self.listen_at_once();
        String::from_utf8_lossy(&self.log).into_owned()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn field(status: &str, name: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let status = "Name:\tx\nVmHWM:\t    1220 kB\nVmRSS:\t 1000 kB\nThreads:\t2\n";
        assert_eq!(["VmHWM:", "VmRSS:", "Threads:"].map(|name| field(status, name)), [1220, 1000, 2]);
    }
}
