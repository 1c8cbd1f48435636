//! The demo: metrics arrive at once, and nothing is left behind however it ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Running;
use crate::command_line::program;
use crate::terminal::Terminal;

/// A demo whose temporary folder is in `folder`.
fn demo(arguments: &[&str], folder: &Path) -> Command {
    let arguments: Vec<_> = ["demo"].iter().chain(arguments).copied().collect();
    program(&arguments, &[("TMPDIR", folder.to_str().unwrap())])
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn metrics_of_every_kind_arrive_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let mut child = Running(demo(&["--seconds", "4"], folder.path()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.find(|line| line.starts_with("docker.")).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}: {first}", begin.elapsed());
    assert!(!is_empty(folder.path()));
    let rest: Vec<_> = lines.collect();
    for (name, kind) in [
        ("docker.engine_daemon_events.count", "count"),
        ("docker.engine_daemon_container_actions_seconds.bucket", "count"),
        ("docker.engine_daemon_container_actions_seconds.sum", "count"),
        ("docker.go_goroutines", "gauge"),
    ] {
        let is_it = |line: &&String| line.split_whitespace().take(2).eq([name, kind]);
        assert!(rest.iter().any(|line| is_it(&line)), "{name}: {rest:#?}");
    }
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    assert!(is_empty(folder.path()));
}

#[test]
fn ctrl_c_ends_the_live_table_and_removes_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (terminal, end) = Terminal::open(100, 40);
    let mut child = Running(demo(&[], folder.path()).stdout(end).spawn().unwrap());
    let mut screens = terminal.screens();
    let is_live = |screen: &String| screen.contains("docker.go_goroutines ") && screen.contains(".sum ");
    assert!(screens.any(|screen| is_live(&screen)), "gauges, and counts from the second scrape on");
    assert!(!is_empty(folder.path()));
    let kill = format!("kill -INT {}", child.0.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    assert!(is_empty(folder.path()));
}

#[test]
fn a_demo_that_nobody_reads_removes_its_folder_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Running(demo(&[], folder.path()).stdout(Stdio::piped()).spawn().unwrap());
    drop(child.0.stdout.take());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    assert!(is_empty(folder.path()));
}

#[test]
fn settings_count_but_for_the_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let vars = [("STATSD_FORMAT", "etsy"), ("METRIC_PREFIX", "demo."), ("STATSD_ADDR", "udp://127.0.0.1:1")];
    let output = demo(&["--seconds", "2"], folder.path()).envs(vars).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\ndemo.engine_daemon_container_states_containers.state.running "), "{text}");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));

    let output = demo(&[], folder.path()).env("INTERVAL", "never").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(is_empty(folder.path()));
}
