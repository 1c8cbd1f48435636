//! The namespaces that a private engine runs in.
//!
//! Job: one process that holds a network, a mount and a process namespace, and commands and threads
//! that join them. The holder is process 1 inside and ends when the pipe that it reads closes, which
//! the kernel does even when this program is killed; the end of process 1 ends every process inside,
//! and with the last of them go the mounts and the network. So nothing has to be found and cleaned up
//! afterwards, however the engine came to its end.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{EngineError, POLL};

/// The longest that making or ending the namespaces may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What process 1 does. All engines of a machine share `/run/docker/plugins` and `/run/containerd`
/// whatever their exec root, so these two get a private file system.
const HOLDER: &str = r#"
set -e
ip link set lo up
mount -t proc proc /proc
for folder in /run/docker /run/containerd; do
    mkdir -p "$folder"
    mount -t tmpfs -o mode=711 tmpfs "$folder"
done
: > "$0/ready"
exec 3<&0
cat <&3 > /dev/null &
wait
"#;

/// The namespaces of one private engine.
#[derive(Debug)]
pub struct Enclosure {
    /// `unshare`, which waits for process 1 and keeps the pipe to it; `None` once closed.
    holder: Option<Child>,
    /// Of `unshare`, for the paths below `/proc`.
    pid: u32,
}

impl Enclosure {
    /// Makes the namespaces. `folder` gets a file `ready` and a file `enclosure.log`.
    ///
    /// # Errors
    /// When the kernel or missing privileges prevent it; then with what the commands said.
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        let log_path = folder.join("enclosure.log");
        let log =
            File::create(&log_path).map_err(|source| EngineError::File { path: log_path.clone(), source })?;
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", HOLDER])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0);
        let holder =
            unshare.spawn().map_err(|source| EngineError::Run { what: "unshare".to_owned(), source })?;
        let mut enclosure = Self { pid: holder.id(), holder: Some(holder) };
        let deadline = Instant::now() + LIMIT;
        while !folder.join("ready").exists() {
            if enclosure.has_ended() || Instant::now() >= deadline {
                let said = std::fs::read_to_string(&log_path).unwrap_or_default();
                return Err(EngineError::Enclosure { said: said.trim_end().to_owned() });
            }
            thread::sleep(POLL);
        }
        Ok(enclosure)
    }

    /// Ends every process inside and waits until they are gone.
    ///
    /// # Errors
    /// When they are not gone in time.
    pub fn close(&mut self) -> Result<(), EngineError> {
        let Some(holder) = &mut self.holder else { return Ok(()) };
        drop(holder.stdin.take());
        let deadline = Instant::now() + LIMIT;
        while !self.has_ended() {
            if Instant::now() >= deadline {
                if let Some(mut holder) = self.holder.take() {
                    // `--kill-child` passes it on to process 1.
                    let _ = holder.kill();
                    let _ = holder.wait();
                }
                return Err(EngineError::TimedOut { what: "the end of the engine's processes".to_owned() });
            }
            thread::sleep(POLL);
        }
        self.holder = None;
        Ok(())
    }

    fn has_ended(&mut self) -> bool {
        self.holder.as_mut().is_none_or(|holder| !matches!(holder.try_wait(), Ok(None)))
    }

    /// A command that runs wholly inside.
    #[must_use]
    pub fn command(&self, program: &OsStr) -> Command {
        let mut command = self.nsenter(&[("net", "net"), ("mount", "mnt"), ("pid", "pid_for_children")]);
        command.arg(program);
        command
    }

    /// A command that runs in the network namespace and otherwise outside.
    #[must_use]
    pub fn netns_command(&self, program: &OsStr) -> Command {
        let mut command = self.nsenter(&[("net", "net")]);
        command.arg(program);
        command
    }

    fn nsenter(&self, kinds: &[(&str, &str)]) -> Command {
        let mut command = Command::new("nsenter");
        for (option, file) in kinds {
            command.arg(format!("--{option}=/proc/{}/ns/{file}", self.pid));
        }
        command.arg("--");
        command
    }

    /// The way into the network namespace, as long as it is there.
    #[must_use]
    pub fn network(&self) -> Network {
        Network { pid: self.pid }
    }
}

impl Drop for Enclosure {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// The network namespace of a private engine. It does not keep the namespace alive.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Of a process whose `/proc/PID/ns/net` it is.
    pub(super) pid: u32,
}

impl Network {
    /// Runs `work` on a thread in the namespace: sockets that it opens and processes that it starts
    /// belong there, and stay there when they are handed out.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn enter<T: Send>(self, work: impl FnOnce() -> T + Send) -> Result<T, EngineError> {
        let network = File::open(format!("/proc/{}/ns/net", self.pid))
            .map_err(|source| EngineError::Enter { source })?;
        let visit = || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| EngineError::Enter { source: error.into() })?;
            Ok(work())
        };
        // The thread ends here, so no other work can find itself in the wrong namespace.
        thread::scope(|scope| {
            scope.spawn(visit).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}
