//! The program in namespaces of its own, where it has the system's paths and ports to itself, and what a process takes
//! of the machine.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Running, program_path};

const PATIENCE: Duration = Duration::from_secs(10);

/// The program in mounts and a network of its own, after the shell's `prepare`; `None`, said where it is seen, where
/// they cannot be made.
pub(crate) fn enclosed(prepare: &str, arguments: &[&str], vars: &[(&str, &str)]) -> Option<Running> {
    let mut unshare = vec!["unshare", "--mount", "--net"];
    if !rustix::process::geteuid().is_root() {
        unshare.push("--map-root-user");
    }
    let tried = command(&unshare).args(["ip", "link", "set", "lo", "up"]).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        let current = std::thread::current();
        let test = current.name().unwrap_or("a test");
        let notice = format!("SKIPPED, this user cannot make namespaces: {test}\n");
        // Past the test harness' capturing.
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return None;
    }
    let mut command = command(&unshare);
    command.args(["sh", "-ec", &format!("ip link set lo up\n{prepare}\nexec \"$@\""), "sh"]);
    command.arg(program_path()).args(arguments).envs(vars.iter().copied());
    Some(Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// A path of the process' own, as the test reaches it.
pub(crate) fn path_in(process: u32, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{process}/root{path}"))
}

/// The most memory that a process ever had, in bytes.
pub(crate) fn peak_bytes(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// How many descriptors a process has open.
pub(crate) fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// Looks until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many threads a process has.
pub(crate) fn threads(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/task")).unwrap().count()
}
