//! The fences around async-h1's server: every request is answered, and the engine's above all.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use docker_metrics_statsd::http::server::{ANSWER_TIME_MAX, BODY_BYTES_MAX, IDLE_TIME_MAX};
use docker_metrics_statsd::plugin::{self, Call};
use docker_metrics_statsd::timer::block_on;
use smol::LocalExecutor;
use tempfile::TempDir;

/// The plugin's side of the protocol in a thread; every call is also sent to the test.
struct Plugin {
    folder: TempDir,
    calls: mpsc::Receiver<Call>,
}

impl Plugin {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, calls) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let path = folder.path().join("plugin.sock");
        std::thread::spawn(move || {
            let executor = Rc::new(LocalExecutor::new());
            let failing = RefCell::new(false);
            block_on(executor.run(async {
                let listener = plugin::bind(&path).unwrap();
                ready.send(()).unwrap();
                // A StopMetrics makes the next StartMetrics fail.
                plugin::serve(&executor, listener, async move |call| {
                    let _ = sender.send(call);
                    let fails = failing.replace(call == Call::StopMetrics);
                    if fails { Err("no\nway".to_owned()) } else { Ok(()) }
                })
                .await;
            }));
        });
        is_ready.recv().unwrap();
        Self { folder, calls }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("plugin.sock")
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        stream
    }

    /// Sends bytes and reads one answer.
    fn ask(&self, request: impl AsRef<[u8]>) -> (u16, String) {
        let mut stream = self.connect();
        stream.write_all(request.as_ref()).unwrap();
        answer(&mut stream).expect("an answer")
    }
}

/// Status and body of the next answer; `None` if the connection ended instead.
fn answer(stream: &mut UnixStream) -> Option<(u16, String)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((status, String::from_utf8(body).unwrap()))
}

fn start(host: &str) -> String {
    format!(
        "POST /MetricsCollector.StartMetrics HTTP/1.1\r\n{host}User-Agent: Go-http-client/1.1\r\n\
         Content-Length: 0\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n"
    )
}

fn ok() -> (u16, String) {
    (200, r#"{"Err":""}"#.to_owned())
}

#[track_caller]
fn check_refused(plugin: &Plugin, request: impl AsRef<[u8]>, status: u16) {
    let shown: String = String::from_utf8_lossy(request.as_ref()).chars().take(100).collect();
    let (answered, body) = plugin.ask(request);
    assert_eq!(answered, status, "{shown:?}: {body}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(!body["Err"].as_str().unwrap().is_empty(), "{shown:?}");
    // And the engine is served as before.
    assert_eq!(plugin.ask(start("Host: \r\n")), ok(), "{shown:?}");
}

#[test]
fn every_engines_host_header_is_served() {
    let plugin = Plugin::start();
    for host in [
        "Host: \r\n",
        "Host:\r\n",
        "Host: plugin.moby.localhost\r\n",
        "",
        "Host: /run/docker/plugins/x.sock\r\n",
        "Host: %2Frun%2Fx\r\n",
        "host: a\r\nHost: b\r\n",
    ] {
        assert_eq!(plugin.ask(start(host)), ok(), "{host:?}");
        assert_eq!(plugin.calls.try_recv(), Ok(Call::StartMetrics));
    }
}

#[test]
fn the_calls_of_the_protocol() {
    let plugin = Plugin::start();
    assert_eq!(
        plugin.ask("POST /Plugin.Activate HTTP/1.1\r\nHost: \r\n\r\n"),
        (200, r#"{"Implements":["MetricsCollector"]}"#.to_owned())
    );
    assert_eq!(
        plugin.ask("POST /MetricsCollector.StopMetrics HTTP/1.1\r\nHost: \r\nContent-Length: 2\r\n\r\n{}"),
        ok()
    );
    assert_eq!(plugin.calls.try_recv(), Ok(Call::StopMetrics));
    let failed = plugin.ask(start("Host: \r\n"));
    assert_eq!(failed, (500, r#"{"Err":"no\nway"}"#.to_owned()));
}

#[test]
fn a_call_may_be_repeated() {
    let plugin = Plugin::start();
    for _ in 0..5 {
        assert_eq!(plugin.ask(start("Host: \r\n")), ok());
    }
    assert_eq!(plugin.calls.try_iter().count(), 5);
}

#[test]
fn a_connection_that_says_nothing_is_no_call() {
    let plugin = Plugin::start();
    drop(plugin.connect());
    assert_eq!(plugin.ask(start("Host: \r\n")), ok());
    assert_eq!(plugin.calls.try_iter().count(), 1);
}

#[test]
fn a_connection_is_kept_alive() {
    let plugin = Plugin::start();
    let mut stream = plugin.connect();
    for _ in 0..3 {
        stream.write_all(start("Host: \r\n").as_bytes()).unwrap();
        assert_eq!(answer(&mut stream), Some(ok()));
    }
    stream.write_all(start("Connection: x, Close\r\n").as_bytes()).unwrap();
    assert_eq!(answer(&mut stream), Some(ok()));
    assert_eq!(answer(&mut stream), None);
}

#[test]
fn pipelined_requests_are_all_answered() {
    let plugin = Plugin::start();
    let mut stream = plugin.connect();
    let with_body = "POST /MetricsCollector.StartMetrics HTTP/1.1\r\nContent-Length: 4\r\n\r\n{\r\n}";
    let three = [with_body, &start("Host: \r\n"), "\r\n", &start("")].concat();
    stream.write_all(three.as_bytes()).unwrap();
    for _ in 0..3 {
        assert_eq!(answer(&mut stream), Some(ok()));
    }
}

#[test]
fn a_request_in_single_bytes_is_served() {
    let plugin = Plugin::start();
    let mut stream = plugin.connect();
    for byte in start("Host: \r\n").bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(answer(&mut stream), Some(ok()));
}

#[test]
fn what_is_not_the_protocol_is_refused_with_a_reason() {
    let plugin = Plugin::start();
    let post = |rest: &str| format!("POST /MetricsCollector.StartMetrics HTTP/1.1\r\n{rest}\r\n");
    check_refused(&plugin, "POST / HTTP/1.1\r\n\r\n", 404);
    check_refused(&plugin, "POST /MetricsCollector.Other HTTP/1.1\r\n\r\n", 404);
    check_refused(&plugin, "GET /MetricsCollector.StartMetrics HTTP/1.1\r\n\r\n", 405);
    check_refused(&plugin, "post /MetricsCollector.StartMetrics HTTP/1.1\r\n\r\n", 405);
    check_refused(&plugin, "FROB /MetricsCollector.StartMetrics HTTP/1.1\r\n\r\n", 405);
    check_refused(&plugin, "POST /a/../MetricsCollector.StopMetrics HTTP/1.1\r\n\r\n", 404);
    check_refused(&plugin, "POST http://Host/MetricsCollector.StopMetrics HTTP/1.1\r\n\r\n", 400);
    check_refused(&plugin, "POST @Host/MetricsCollector.StopMetrics HTTP/1.1\r\n\r\n", 400);
    check_refused(&plugin, "POST /MetricsCollector.StartMetrics HTTP/1.0\r\n\r\n", 505);
    check_refused(&plugin, "nonsense\r\n\r\n", 400);
    check_refused(&plugin, post("A b\r\n"), 400);
    check_refused(&plugin, post("Host : a\r\n"), 400);
    check_refused(&plugin, post("A:\r\n b\r\n"), 400);
    check_refused(&plugin, post("Content-Length: x\r\n"), 400);
    check_refused(&plugin, post("Content-Length: +0\r\n"), 400);
    check_refused(&plugin, post("Content-Length: 1\r\nContent-Length: 2\r\n"), 400);
    check_refused(&plugin, post("Content-Length: 65537\r\n"), 413);
    check_refused(&plugin, post("Content-Length: 99999999999999999999\r\n"), 400);
    check_refused(&plugin, post("Transfer-Encoding: chunked\r\n"), 411);
    check_refused(&plugin, post("Expect: 100-continue\r\nContent-Length: 1\r\n"), 417);
    check_refused(&plugin, post(&"A: b\r\n".repeat(200)), 400);
}

#[test]
fn bytes_outside_ascii_do_not_panic() {
    // http-types panics on such a header, which would end the plugin.
    let plugin = Plugin::start();
    check_refused(&plugin, "POST /MetricsCollector.StartMetrics HTTP/1.1\r\nA: é\r\n\r\n", 400);
    check_refused(&plugin, b"POST /\xff HTTP/1.1\r\n\r\n", 400);
}

#[test]
fn heads_are_bounded() {
    let plugin = Plugin::start();
    let head = |padding: usize| start(&format!("A: {}\r\n", "x".repeat(padding)));
    let room = 8 * 1024 - 64 - head(0).len();
    assert_eq!(plugin.ask(head(room)), ok());
    check_refused(&plugin, head(room + 1), 431);
    check_refused(&plugin, "x".repeat(20_000), 431);
    // Line ends in front of it count.
    assert_eq!(plugin.ask("\r\n".repeat(1000) + &head(room - 2000)), ok());
    check_refused(&plugin, "\r\n".repeat(1000) + &head(room - 1999), 431);
    check_refused(&plugin, "\n".repeat(20_000), 431);
}

#[test]
fn bodies_are_bounded() {
    let plugin = Plugin::start();
    let head = |bytes: usize| start("A: b\r\n").replace("Length: 0", &format!("Length: {bytes}"));
    assert_eq!(plugin.ask(head(BODY_BYTES_MAX) + &"x".repeat(BODY_BYTES_MAX)), ok());
    check_refused(&plugin, head(BODY_BYTES_MAX + 1), 413);
}

#[test]
fn connections_that_bring_nothing_and_take_nothing_are_closed() {
    let plugin = Plugin::start();
    let begin = Instant::now();
    let mut idle = plugin.connect();
    let mut deaf = plugin.connect();
    // Until nothing more is read, because no answer is.
    deaf.set_write_timeout(Some(ANSWER_TIME_MAX / 2)).unwrap();
    let request = start("Host: \r\n");
    while deaf.write(request.as_bytes()).is_ok() {}
    deaf.set_write_timeout(Some(3 * ANSWER_TIME_MAX)).unwrap();
    let error = std::iter::repeat_with(|| deaf.write(request.as_bytes())).find_map(Result::err).unwrap();
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    assert!(begin.elapsed() >= ANSWER_TIME_MAX);
    idle.set_read_timeout(Some(2 * IDLE_TIME_MAX)).unwrap();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert!(begin.elapsed() >= IDLE_TIME_MAX);
}

#[test]
fn bare_line_feeds_are_refused_at_once() {
    // async-h1 waits for a head that never ends.
    let plugin = Plugin::start();
    let begin = Instant::now();
    check_refused(&plugin, "POST /MetricsCollector.StartMetrics HTTP/1.1\nHost: a\n\n", 400);
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[test]
fn half_a_request_is_refused() {
    let plugin = Plugin::start();
    for half in ["POST /Metrics", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}"] {
        let mut stream = plugin.connect();
        stream.write_all(half.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(answer(&mut stream).unwrap().0, 400, "{half}");
    }
}

#[test]
fn slow_clients_are_timed_out_and_do_not_hold_up_the_engine() {
    let plugin = Plugin::start();
    let mut slow: Vec<_> = (0..8).map(|_| plugin.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"POST /MetricsCollector.StartMetrics HTTP/1.1\r\n").unwrap();
    }
    assert_eq!(plugin.ask(start("Host: \r\n")), ok());
    for stream in &mut slow {
        assert_eq!(answer(stream).unwrap().0, 408);
    }
}

#[test]
fn a_socket_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    block_on(async { plugin::bind(&path) }).unwrap();
    let error = plugin::bind(Path::new("/proc/none/plugin.sock")).unwrap_err().to_string();
    assert!(error.starts_with("cannot serve the plugin's socket /proc/none/plugin.sock: "), "{error}");
}
