//! The plugin for the architecture that this machine does not have: an emulator runs its rootfs as an engine
//! would, and writes down the system calls it makes.
//!
//! The emulator has no filters of system calls and no Landlock: that the program goes on without is tested,
//! that it works with them is not. In place of that, what it calls is held against the filter's list.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plugin_builder::NAME;
use plugin_builder::arch::Arch;
use plugin_builder::image::Image;
use plugin_builder::rootfs::ROOTFS;
use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::endpoint::{Endpoint, at_once, chunked};
use crate::support::{system_tool, workspace_root};
use crate::{OUT, emulator, other_arch};

/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The product's promise; the engine kills after 10 s.
const END_MAX: Duration = Duration::from_secs(6);
const BODY: &str =
    "# TYPE engine_daemon_engine_info gauge\nengine_daemon_engine_info 1\n# TYPE g gauge\ng 7\n";
/// As engine 20.10 sends it.
const START: &[u8] = b"POST /MetricsCollector.StartMetrics HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n";
/// In the rootfs.
const CALLS: &str = "calls";

/// The process of the emulator, which is that of the plugin.
struct Plugin(Child);

impl Plugin {
    /// Runs the binary in `root`, with nothing but what is in there.
    fn start(root: &Path, settings: &[(&str, &str)]) -> Self {
        fs::copy(system_tool(emulator(other_arch())), root.join("emulator")).unwrap();
        let mut command = Command::new(if geteuid().is_root() { "chroot" } else { "unshare" });
        if !geteuid().is_root() {
            command.args(["--map-root-user", "chroot"]);
        }
        command.arg(root).args(["/emulator", "-strace", "-D", &format!("/{CALLS}")]).arg(format!("/{NAME}"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").envs(settings.iter().copied());
        Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Tells it to end, as an engine does, waits until it has, and returns all that it logged.
    fn end(mut self) -> String {
        let told = Instant::now();
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        let status = wait_for("end", || self.0.try_wait().unwrap());
        assert!(told.elapsed() < END_MAX, "{:?}", told.elapsed());
        assert!(status.success(), "{status}");
        io::read_to_string(self.0.stdout.take().unwrap()).unwrap()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_other_architectures_plugin_works_and_calls_only_what_its_filter_allows() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join(ROOTFS);
    let built = Image::at(&workspace_root().join(OUT), other_arch()).directory.join(ROOTFS);
    let copied = Command::new("cp").arg("-R").args([&built, &root]).status().unwrap();
    assert!(copied.success(), "{}: `just plugin-all` makes it", built.display());
    let endpoint = Endpoint::start(|_| vec![at_once(chunked(BODY))]);
    fs::hard_link(endpoint.socket(), root.join("run/docker/metrics.sock")).unwrap();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = format!("udp://{}", server.local_addr().unwrap());
    let plugin = Plugin::start(&root, &[("STATSD_ADDR", &address), ("INTERVAL", "200ms")]);

    let socket = root.join("run/docker/plugins/plugin.sock");
    let mut engine = wait_for("socket of the plugin", || UnixStream::connect(&socket).ok());
    engine.set_read_timeout(Some(PATIENCE)).unwrap();
    engine.write_all(START).unwrap();
    let mut answer = [0; 15];
    engine.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let mut datagram = [0; 2000];
    let count = server.recv(&mut datagram).unwrap();
    assert_eq!(datagram[..count], *b"docker.engine_daemon_engine_info:1|g\ndocker.g:7|g\n");
    let log = plugin.end();
    let rights = "gave up capabilities; kept other system calls: this kernel has no seccomp filters; kept other \
                  files: this kernel has no Landlock\n";
    assert_eq!(log.matches(rights).count(), 1, "{log}");

    let calls = fs::read_to_string(root.join(CALLS)).unwrap();
    let (_, confined) = calls.split_once(" seccomp(").expect("the filter is tried");
    let made = calls_in(confined);
    for call in ["connect", "epoll_pwait", "sendto", "rt_sigreturn"] {
        assert!(made.contains(call), "this test knows how to read {made:?}");
    }
    let refused: Vec<_> = made.difference(&allowed(other_arch())).cloned().collect();
    assert!(refused.is_empty(), "the filter would refuse {refused:?}");
}

/// The names of the calls in what the emulator wrote: `PID NAME(...) = RESULT`, of several threads, which
/// may write into one another's lines.
fn calls_in(calls: &str) -> BTreeSet<String> {
    let before_arguments = calls.match_indices('(').map(|(at, _)| &calls[..at]);
    let named = before_arguments.filter_map(|text| {
        let (before, name) = text.rsplit_once(' ')?;
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        (is_name && before.ends_with(|digit: char| digit.is_ascii_digit())).then(|| name.to_owned())
    });
    named.collect()
}

/// The names on the filter's list for `arch`, as its source has them.
fn allowed(arch: Arch) -> BTreeSet<String> {
    let source = fs::read_to_string(workspace_root().join("src/privileges/filter.rs")).unwrap();
    let (first, rest) = source.split_once("#[cfg(target_arch = \"x86_64\")]").expect("calls of x86 alone");
    let (only_x86, rest) = rest.split_once("#[cfg(not(target_arch = \"x86_64\"))]").expect("of the others");
    let (rest, _) = rest.split_once("#[cfg(test)]").expect("the tests");
    let parts = [first, rest, if arch == Arch::Amd64 { only_x86 } else { "" }];
    let names = parts.into_iter().flat_map(|part| part.split("libc::SYS_").skip(1));
    let names = names.filter_map(|text| text.split(|end| end != '_' && !char::is_alphanumeric(end)).next());
    names.map(str::to_owned).collect()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what}");
        thread::sleep(POLL_INTERVAL);
    }
}
