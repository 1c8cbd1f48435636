//! A server started for one test: its folder, its log, its end.
//!
//! Nothing here waits for a length of time: a test waits for something to become true, and fails
//! with the server's log when the server ends first or the deadline passes. A server ends with its
//! test, also when the whole test run is killed: a shell beside it kills it, by its process id, when
//! the pipe to this process closes.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than any server takes on a busy machine; only a failing test ever waits this long.
const WAIT_MAX: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// A killed server is gone in milliseconds; after this its guard is killed too.
const END_MAX: Duration = Duration::from_secs(10);
/// How much of a failed server's log goes into the panic message.
const LOG_LINES_SHOWN_MAX: usize = 40;
/// A port found free can be taken by someone else before the server binds it.
const START_TRIES_MAX: usize = 5;

/// Runs its arguments as a command, until that ends or standard input does. A job in the background
/// would have its standard input taken away, hence the third descriptor.
pub(crate) const GUARD: &str = r#"exec 3<&0
"$@" & server=$!
{ read -r _ <&3; kill -KILL $server; } &
wait $server"#;

/// A running server; dropping it ends the process.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Runs `command` with its standard output and standard error in `folder`'s `log`.
    pub(crate) fn spawn(name: &'static str, command: &Command, folder: &TempDir) -> Self {
        Self::spawn_guarded(name, guarded(command), folder)
    }

    /// As `spawn`, for a command that has `GUARD` inside it.
    pub(crate) fn spawn_guarded(name: &'static str, mut command: Command, folder: &TempDir) -> Self {
        let log = folder.path().join("log");
        let output = File::create(&log).expect("a log file in the test's own folder");
        let errors = output.try_clone().expect("a second handle of the log");
        let child = command
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        Self { name, child, log }
    }

    /// The guard's process id; the server has the same namespaces.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that the server has printed so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("the server's log")).into_owned()
    }

    /// Looks until `look` finds something; `what` completes "no ... from NAME".
    pub(crate) fn wait_for<T>(&mut self, what: &str, look: impl FnMut(&Self) -> Option<T>) -> T {
        self.wait_or_end(what, look)
            .unwrap_or_else(|| panic!("no {what} from {}: its port is taken", self.name))
    }

    /// As `wait_for`, but nothing when the server ended because its port was taken.
    pub(crate) fn wait_or_end<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            let name = self.name;
            if self.child.try_wait().expect("the state of a child process").is_some() {
                let log = self.log();
                let is_taken = ["EADDRINUSE", "address already in use"].iter().any(|text| log.contains(text));
                assert!(is_taken, "no {what} from {name}: it ended.\n{}", self.log_end());
                return None;
            }
            assert!(Instant::now() < deadline, "no {what} from {name}.\n{}", self.log_end());
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = lines.len().saturating_sub(LOG_LINES_SHOWN_MAX);
        format!("The end of its log:\n{}", lines[shown..].join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its end is the guard's sign to kill the server.
        drop(self.child.stdin.take());
        let deadline = Instant::now() + END_MAX;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        // Already ended is as good; there is no one to tell in a drop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same command inside the guard.
fn guarded(command: &Command) -> Command {
    let mut guarded = Command::new("sh");
    guarded.args(["-c", GUARD, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guarded.env(name, value),
            None => guarded.env_remove(name),
        };
    }
    command.get_current_dir().map(|folder| guarded.current_dir(folder));
    guarded
}

/// Starts a server that takes its ports as settings: again, with other ports, when it ended at once
/// because somebody else was given the same port.
pub(crate) fn start_on_free_ports<S>(name: &str, mut start: impl FnMut() -> Option<S>) -> S {
    (0..START_TRIES_MAX)
        .find_map(|_| start())
        .unwrap_or_else(|| panic!("{name} found its ports taken, {START_TRIES_MAX} times"))
}

pub(crate) fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port on the loopback address");
    socket.local_addr().expect("the address of a bound socket").port()
}

pub(crate) fn free_tcp_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port on the loopback address");
    socket.local_addr().expect("the address of a bound socket").port()
}

/// A folder for one server, removed with it. Its path is short, as a unix socket's must be.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("agent-").tempdir().expect("a temporary folder")
}

/// Writes a server's configuration into its folder.
pub(crate) fn write_config(folder: &TempDir, text: &str) -> PathBuf {
    let config = folder.path().join("config");
    fs::write(&config, text).expect("a configuration file in the test's own folder");
    config
}
