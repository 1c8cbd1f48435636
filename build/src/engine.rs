//! A private, real Docker Engine, for the tests and the demo.
//!
//! Job: bring up `dockerd` beside whatever runs on this machine, offer its API and client, and leave
//! nothing behind. The engine has its own data root, exec root, socket and log in a temporary folder
//! and runs in namespaces of its own ([`Enclosure`]), so the machine's engine, its `docker0` and its
//! iptables rules are never touched. A plugin with host networking is in that network namespace too:
//! its StatsD server or a registry must be started there, with [`Engine::enter`] or
//! [`Engine::netns_command`]. This module deliberately knows nothing of the plugin.

mod client;
mod command;
mod enclosure;
mod error;
mod folder;
mod link;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub use command::{limited, output, tail};
pub use enclosure::{Enclosure, Network};
pub use error::EngineError;
use folder::Folder;
pub use folder::control_groups;

/// The longest that `dockerd` may take until its API answers.
pub const START_LIMIT: Duration = Duration::from_secs(60);
/// The longest that `dockerd` may take to stop: its own limit is 15 s, and 10 s for each plugin.
pub const STOP_LIMIT: Duration = Duration::from_secs(30);
/// The longest that one call of the `docker` client or of the API may take. Enabling a plugin that
/// does not come up takes 13 s.
pub const CALL_LIMIT: Duration = Duration::from_secs(60);
/// How many lines of the engine's log an error carries.
const LOG_TAIL_LINES: usize = 15;
/// Between two looks at something that is awaited.
const POLL: Duration = Duration::from_millis(20);

/// What may differ between private engines.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// A directory searched for `dockerd`, `containerd`, `runc` and `docker` before `PATH`, for an
    /// engine that is not installed.
    pub bin: Option<PathBuf>,
    /// Further flags of `dockerd`, such as `--live-restore`.
    pub flags: Vec<String>,
}

/// A running private engine. Dropping it stops it and removes all that belongs to it.
#[derive(Debug)]
pub struct Engine {
    /// `Some` while `dockerd` is meant to run.
    daemon: Option<Child>,
    enclosure: Enclosure,
    /// The value of `PATH` for `dockerd` and for the client.
    path: OsString,
    flags: Vec<String>,
    /// Declared last: dropped, and so deleted, after the processes that use it.
    folder: Folder,
}

impl Engine {
    /// Starts an engine and waits until its API answers.
    ///
    /// # Errors
    /// When not root, when a program is missing, or when the engine does not come up; then with the
    /// end of its log.
    pub fn start(options: &EngineOptions) -> Result<Self, EngineError> {
        if !rustix::process::geteuid().is_root() {
            return Err(EngineError::NotRoot);
        }
        let path = search_path(options.bin.as_deref());
        for program in ["dockerd", "docker", "containerd", "runc", "unshare", "nsenter", "ip", "curl"] {
            find(program, &path)?;
        }
        let folder = Folder::create()?;
        let enclosure = Enclosure::open(folder.path())?;
        let mut engine = Self { daemon: None, enclosure, path, flags: options.flags.clone(), folder };
        let config = engine.config_file();
        std::fs::write(&config, "{}").map_err(|source| EngineError::File { path: config, source })?;
        engine.start_daemon()?;
        Ok(engine)
    }

    /// Starts `dockerd` again after [`Self::stop_daemon`] or [`Self::kill_daemon`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_daemon(&mut self) -> Result<(), EngineError> {
        let log_path = self.file("log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(|source| EngineError::File { path: log_path.clone(), source })?;
        let errors =
            log.try_clone().map_err(|source| EngineError::File { path: log_path.clone(), source })?;
        let mut daemon = self.enclosure.command("dockerd".as_ref());
        daemon
            .env("PATH", &self.path)
            // Where containerd puts what it dumps when a new `dockerd` finds it without its old one.
            .env("TMPDIR", self.folder.path())
            // Not the machine's: what that says too, a flag must not say.
            .arg("--config-file")
            .arg(self.config_file())
            .arg("--data-root")
            .arg(self.file("data"))
            .arg("--exec-root")
            .arg(self.file("exec"))
            .arg("--pidfile")
            .arg(self.pid_file())
            .arg("--host")
            .arg(self.docker_host())
            // Without a bridge and rules of its own it needs nothing of the kernel's netfilter.
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            // Where systemd runs, an engine would ask it for control groups. It knows the plugins' processes
            // by other numbers than the enclosure has for them.
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs"])
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // Ctrl-C at a terminal goes to the whole process group: the engine is stopped in order.
            .process_group(0);
        let child =
            daemon.spawn().map_err(|source| EngineError::Run { what: "dockerd".to_owned(), source })?;
        self.daemon = Some(child);
        self.await_ready()
    }

    fn await_ready(&mut self) -> Result<(), EngineError> {
        let deadline = Instant::now() + START_LIMIT;
        let socket = self.socket();
        while !answers_ping(&socket) {
            let status = self.daemon.as_mut().and_then(|daemon| daemon.try_wait().ok().flatten());
            if let Some(status) = status {
                self.daemon = None;
                return Err(EngineError::Exited { status, log: self.log_tail() });
            }
            if Instant::now() >= deadline {
                return Err(EngineError::NotReady { limit: START_LIMIT, log: self.log_tail() });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Stops `dockerd` as an administrator would, with SIGTERM; the rest of the engine stays, for
    /// [`Self::start_daemon`].
    ///
    /// # Errors
    /// When it did not stop within [`STOP_LIMIT`]; it has then been killed.
    pub fn stop_daemon(&mut self) -> Result<(), EngineError> {
        self.end_daemon("TERM")
    }

    /// Kills `dockerd` with SIGKILL: plugins and `containerd` go on without it.
    ///
    /// # Errors
    /// When it is still there after [`STOP_LIMIT`].
    pub fn kill_daemon(&mut self) -> Result<(), EngineError> {
        self.end_daemon("KILL")?;
        // A killed engine leaves its pid file, and another one may have got the number.
        let path = self.pid_file();
        std::fs::remove_file(&path).map_err(|source| EngineError::File { path, source })
    }

    fn end_daemon(&mut self, signal: &str) -> Result<(), EngineError> {
        let Some(mut daemon) = self.daemon.take() else { return Ok(()) };
        self.signal(signal);
        let deadline = Instant::now() + STOP_LIMIT;
        while matches!(daemon.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                self.signal("KILL");
                // The parent of `dockerd`, not `dockerd`; that ends with the enclosure at the latest.
                let _ = daemon.kill();
                let _ = daemon.wait();
                return Err(EngineError::NotStopped { limit: STOP_LIMIT, log: self.log_tail() });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// The number in the pid file is that of the enclosure, so `kill` runs inside.
    fn signal(&self, signal: &str) {
        let mut kill = self.enclosure.command("sh".as_ref());
        kill.args(["-c", "kill -\"$0\" \"$(cat \"$1\")\"", signal]).arg(self.pid_file());
        // It fails when the daemon has gone already; whoever calls waits for that anyway.
        let _ = output(&mut kill);
    }

    /// Stops the engine and removes all that belongs to it. Nothing can be asked of it any more.
    ///
    /// # Errors
    /// When `dockerd` did not stop in time, or something could not be removed.
    pub fn stop(&mut self) -> Result<(), EngineError> {
        let stopped = self.stop_daemon();
        // Ends every process of the engine that is left, and with them their mounts.
        let closed = self.enclosure.close();
        self.folder.remove_control_groups();
        stopped.and(closed).and(self.folder.remove())
    }

    /// All that `dockerd` has logged, plugins' output included.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(self.file("log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// The last lines of the log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log(), LOG_TAIL_LINES)
    }

    /// `unix://` and the path of the API socket: the value for `DOCKER_HOST`.
    #[must_use]
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The folder that holds all of the engine; a test may put its own files there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command that runs inside, where the engine runs: it is ended with the engine. Killing the
    /// child process that comes of it kills only its parent.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.enclosure.command(program.as_ref())
    }

    /// A command that runs in the engine's network namespace and otherwise outside the enclosure.
    #[must_use]
    pub fn netns_command(&self, program: impl AsRef<OsStr>) -> Command {
        self.enclosure.netns_command(program.as_ref())
    }

    /// Runs `work` on a thread in the engine's network namespace, see [`Network::enter`].
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, EngineError> {
        self.network().enter(work)
    }

    /// The way into the engine's network namespace, for what must not borrow the engine.
    #[must_use]
    pub fn network(&self) -> Network {
        self.enclosure.network()
    }

    fn socket(&self) -> PathBuf {
        self.file("api.sock")
    }

    fn config_file(&self) -> PathBuf {
        self.file("daemon.json")
    }

    fn pid_file(&self) -> PathBuf {
        self.file("pid")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // After `stop` there is nothing left to do here.
        let _ = self.stop();
    }
}

/// HTTP/1.0, so that the answer ends with the connection.
fn answers_ping(socket: &Path) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.0 200 "))
}

/// `bin` before the caller's `PATH`. Debian keeps `dockerd` and `ip` in directories that a user's
/// `PATH` may lack.
fn search_path(bin: Option<&Path>) -> OsString {
    let mut path = OsString::new();
    for part in bin.map(Path::as_os_str).into_iter().chain(std::env::var_os("PATH").as_deref()) {
        path.push(part);
        path.push(":");
    }
    path.push("/usr/sbin:/usr/bin:/sbin:/bin");
    path
}

fn find(program: &'static str, path: &OsStr) -> Result<(), EngineError> {
    let found = std::env::split_paths(path).any(|folder| folder.join(program).is_file());
    if found { Ok(()) } else { Err(EngineError::Missing { program }) }
}
