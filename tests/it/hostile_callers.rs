//! A crowd at the plugin's socket: the engine is served beside it, and the crowd costs what was stated.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use docker_metrics_statsd::log::LINES_MAX;
use docker_metrics_statsd::plugin::{CONNECTIONS_MAX, SERVED_TIME_MIN, SOCKET};

use crate::Running;
use crate::enclosed::{descriptors, enclosed, path_in, peak_bytes, wait_until};

const CROWD: usize = 1000;
const START: &str = "POST /MetricsCollector.StartMetrics HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n";

/// The plugin as an engine starts it.
struct Plugin {
    child: Running,
}

impl Plugin {
    fn start() -> Option<Self> {
        let prepare = "mount -t tmpfs tmpfs /run; mkdir -p /run/docker/plugins";
        let plugin = Self { child: enclosed(prepare, &[], &[("STATSD_ADDR", "127.0.0.1:9")])? };
        wait_until("the plugin listens", || UnixStream::connect(plugin.socket()).is_ok());
        Some(plugin)
    }

    fn id(&self) -> u32 {
        self.child.0.id()
    }

    fn socket(&self) -> PathBuf {
        path_in(self.id(), SOCKET)
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// How long the answer to a correct StartMetrics takes.
    fn start_metrics(&self) -> Duration {
        let begin = Instant::now();
        let mut stream = self.connect();
        stream.write_all(START.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        begin.elapsed()
    }
}

#[test]
fn a_thousand_hostile_connections_do_not_keep_the_engine_waiting() {
    let Some(plugin) = Plugin::start() else { return };
    plugin.start_metrics();
    let (before, memory_bytes) = (descriptors(plugin.id()), peak_bytes(plugin.id()));
    let oversized = format!("POST / HTTP/1.1\r\nA: {}", "x".repeat(8000));
    let long_body = format!("POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n{}", "x".repeat(60_000));
    let pipelined = START.repeat(50);
    let openings: [&[u8]; 7] = [
        b"",
        b"P",
        b"POST /MetricsCollector.StartMetrics HTTP/1.1\r\nHost:",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        oversized.as_bytes(),
        long_body.as_bytes(),
        // Whose answers nobody reads.
        pipelined.as_bytes(),
    ];
    let mut crowd = Vec::with_capacity(CROWD);
    let mut open_max = 0;
    for opening in openings.iter().cycle().take(CROWD) {
        let mut stream = plugin.connect();
        stream.set_nonblocking(true).unwrap();
        // One that was closed already has had its time.
        let _ = stream.write(opening);
        crowd.push(stream);
        open_max = open_max.max(descriptors(plugin.id()));
    }
    let took = plugin.start_metrics();
    // Those before it are served in groups, each for its time; five times that, for a machine that does much else.
    let groups = u32::try_from(CROWD.div_ceil(CONNECTIONS_MAX)).unwrap();
    assert!(took < groups * SERVED_TIME_MIN * 5, "{took:?}");
    open_max = open_max.max(descriptors(plugin.id()));
    assert!(open_max <= before + CONNECTIONS_MAX + 2, "{open_max} descriptors, {before} before");
    // A head and a body of each, and what is read at once.
    let grown = peak_bytes(plugin.id()) - memory_bytes;
    assert!(grown < CONNECTIONS_MAX * 128 * 1024, "{grown} bytes");
    drop(crowd);
    wait_until("nothing is left of them", || descriptors(plugin.id()) <= before);
    assert!(plugin.start_metrics() < Duration::from_secs(5));
}

#[test]
fn a_peer_that_never_pauses_does_not_keep_the_engine_waiting() {
    let Some(plugin) = Plugin::start() else { return };
    let mut endless = plugin.connect();
    let mut answers = endless.try_clone().unwrap();
    std::thread::spawn(move || {
        let requests = b"POST / HTTP/1.1\r\n\r\n".repeat(1000);
        while endless.write_all(&requests).is_ok() {}
    });
    let reader = std::thread::spawn(move || {
        let (mut buffer, mut bytes) = ([0; 4096], 0);
        while let Ok(count @ 1..) = answers.read(&mut buffer) {
            bytes += count;
        }
        bytes
    });
    for _ in 0..20 {
        assert!(plugin.start_metrics() < Duration::from_secs(5));
    }
    drop(plugin);
    assert!(reader.join().unwrap() > 0, "it was served too");
}

#[test]
fn line_ends_without_a_pause_do_not_keep_the_engine_waiting() {
    let Some(plugin) = Plugin::start() else { return };
    for _ in 0..CONNECTIONS_MAX {
        let mut endless = plugin.connect();
        std::thread::spawn(move || {
            let line_ends = b"\r\n".repeat(1 << 15);
            while endless.write_all(&line_ends).is_ok() {}
        });
    }
    assert!(plugin.start_metrics() < Duration::from_secs(5));
}

#[test]
fn calls_without_a_pause_fill_no_log() {
    let Some(mut plugin) = Plugin::start() else { return };
    let mut stream = plugin.connect();
    let mut answers = stream.try_clone().unwrap();
    let reader = std::thread::spawn(move || drop(std::io::copy(&mut answers, &mut std::io::sink())));
    let stop = START.replace("Start", "Stop");
    // Each pair has the plugin begin to scrape, which fails, and end.
    for _ in 0..300 {
        stream.write_all(START.as_bytes()).unwrap();
        stream.write_all(stop.as_bytes()).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    reader.join().unwrap();
    plugin.child.0.kill().unwrap();
    let log = [
        std::io::read_to_string(plugin.child.0.stdout.take().unwrap()).unwrap(),
        std::io::read_to_string(plugin.child.0.stderr.take().unwrap()).unwrap(),
    ];
    let lines = log.concat().lines().count();
    assert!((20..=2 * LINES_MAX as usize).contains(&lines), "{lines} lines");
}
