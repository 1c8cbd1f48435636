//! Endpoints that want to cost something: memory and time of the whole process are bounded, it can be ended meanwhile,
//! and the next good scrape sends exactly the growth.

use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use docker_metrics_statsd::scrape::BODY_BYTES_MAX;

use crate::Running;
use crate::command_line::program;
use crate::enclosed::peak_bytes;
use crate::endpoint::{Endpoint, chunked};

const PATIENCE: Duration = Duration::from_secs(60);
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const MEASURED: &str = "HTTP/1.1 200 OK\r\nContent-Length: ";
/// A build without optimisation takes 7 MB of it.
const MEMORY_BYTES_MAX: usize = 16 << 20;

/// The program, scraping an endpoint that the test writes, and the server that it sends to.
struct Bench {
    server: UdpSocket,
    agent: Running,
    _endpoint: Endpoint,
}

impl Bench {
    fn start(scrape_timeout: &str, answer: impl FnMut(usize, &mut UnixStream) + Send + 'static) -> Self {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        let endpoint = Endpoint::serve(answer);
        let vars = [
            ("SCRAPE_ADDR", &*format!("unix://{}", endpoint.socket().display())),
            ("STATSD_ADDR", &server.local_addr().unwrap().to_string()),
            ("SCRAPE_TIMEOUT", scrape_timeout),
            ("INTERVAL", "10ms"),
            ("SELF_METRICS", "false"),
            ("LOG_LEVEL", "error"),
        ];
        let agent = Running(program(&["agent"], &vars).spawn().unwrap());
        Self { server, agent, _endpoint: endpoint }
    }

    /// The next datagram.
    fn received(&self) -> String {
        let mut buffer = [0; 2000];
        let count = self.server.recv(&mut buffer).expect("a datagram");
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    /// SIGTERM; how long the process takes to end.
    fn terminate(&mut self) -> Duration {
        let begin = Instant::now();
        let kill = format!("kill -TERM {}", self.agent.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert!(self.agent.0.wait().unwrap().success());
        begin.elapsed()
    }
}

fn good(stream: &mut UnixStream, value: usize) {
    let _ = stream.write_all(&chunked(&format!("# TYPE a counter\na {value}\ng {value}\n")));
}

/// Writes this again and again, until the client has hung up.
fn endless(stream: &mut UnixStream, begin: &str, again: &str) {
    let piece = again.repeat((1 << 16) / again.len());
    if stream.write_all(begin.as_bytes()).is_ok() {
        while stream.write_all(piece.as_bytes()).is_ok() {}
    }
}

/// Answers that are no good, each in a way of its own.
fn bad(number: usize, stream: &mut UnixStream) -> Option<()> {
    let mut send = |text: &str| drop(stream.write_all(text.as_bytes()));
    match number {
        // Closes early: at once, in the head, in the body, before its end.
        0 => {}
        1 => send("HTTP/1.1 200 OK\r\nContent-Le"),
        2 => send(&format!("{CHUNKED}40\r\n# TYPE a counter\na 9")),
        3 => send(&format!("{CHUNKED}16\r\n# TYPE a counter\na 99\n\r\n0\r\n")),
        // Lies about its length.
        4 => send(&format!("{MEASURED}1000\r\n\r\n# TYPE a counter\na 99\n")),
        5 => send(&format!("{MEASURED}20\r\n\r\n# TYPE a counter\na 9999\n")),
        6 => send(&format!("{MEASURED}18446744073709551616\r\n\r\na 9\n")),
        7 => send(&format!("{CHUNKED}ffffffff\r\na 9\n")),
        // Says something else.
        8 => send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 9\n"),
        9 => send("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
        10 => send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x08\0\0"),
        11 => send(&format!("{MEASURED}4\r\n\r\n\0\u{1}\u{2}\n")),
        // Never ends.
        12 => endless(stream, "HTTP/1.1 200 OK\r\nA: ", "x"),
        13 => endless(stream, "HTTP/1.1 200 OK\r\n", "A: b\r\n"),
        14 => endless(stream, "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"),
        15 => endless(stream, &format!("{CHUNKED}4;a="), "x"),
        16 => endless(stream, &format!("{CHUNKED}0\r\n"), "A: b\r\n"),
        17 => endless(stream, CHUNKED, "4\r\na 9\n\r\n"),
        18 => endless(stream, &format!("{MEASURED}{}\r\n\r\n", u64::MAX), "a 9\n"),
        19 => endless(stream, &format!("{MEASURED}{}\r\n\r\n", u64::MAX), "\n"),
        20 => endless(stream, &format!("{MEASURED}{}\r\n\r\n", u64::MAX), "# TYPE a counter\n"),
        21 => endless(stream, CHUNKED, "1\r\n#\r\n"),
        22 => endless(stream, "", "\r\n"),
        // Trickles: the head, and the body.
        23 | 24 => {
            let begin = if number == 23 { "" } else { CHUNKED };
            let _ = stream.write_all(begin.as_bytes());
            while stream.write_all(b"1\r\n#\r\n").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        _ => return None,
    }
    Some(())
}

#[test]
fn no_bad_answer_costs_a_count_or_much_of_the_machine() {
    let (asked, is_asked) = mpsc::channel();
    let bench = Bench::start("300ms", move |number, stream| {
        let _ = asked.send(Instant::now());
        match number {
            0 | 1 => good(stream, 10 + number),
            _ => bad(number - 2, stream).unwrap_or_else(|| good(stream, 100)),
        }
    });
    assert_eq!(bench.received(), "docker.g:10|g\n");
    assert_eq!(bench.received(), "docker.a.count:1|c\ndocker.g:11|g\n");
    assert_eq!(bench.received(), "docker.a.count:89|c\ndocker.g:100|g\n");
    assert_eq!(bench.received(), "docker.g:100|g\n");
    let times: Vec<_> = is_asked.try_iter().take(2 + 25 + 1).collect();
    for (number, times) in times.windows(2).enumerate() {
        // The limit, and more for a machine that does much else.
        let time = times[1] - times[0];
        assert!(time < Duration::from_secs(3), "scrape {number} took {time:?}");
    }
    let peak = peak_bytes(bench.agent.0.id());
    assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes");
}

#[test]
fn a_body_beyond_its_limit_costs_little_memory_and_no_count() {
    let bench = Bench::start("1m", |number, stream| match number {
        // The same in front of a line without an end, at the limit and over it.
        1 | 2 => {
            let begin = format!("# TYPE a counter\na {value}\ng {value}\n", value = 10 + number);
            let bytes = BODY_BYTES_MAX + number - 1;
            let _ = stream.write_all(format!("{MEASURED}{bytes}\r\n\r\n{begin}").as_bytes());
            let piece = vec![b'x'; 1 << 20];
            let mut left = bytes - begin.len();
            while left > 0 && stream.write_all(&piece[..left.min(piece.len())]).is_ok() {
                left -= left.min(piece.len());
            }
        }
        _ => good(stream, 10 + number),
    });
    assert_eq!(bench.received(), "docker.g:10|g\n");
    assert_eq!(bench.received(), "docker.a.count:1|c\ndocker.g:11|g\n");
    assert_eq!(bench.received(), "docker.a.count:2|c\ndocker.g:13|g\n");
    let peak = peak_bytes(bench.agent.0.id());
    assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes");
}

#[test]
fn an_endpoint_that_never_pauses_does_not_hold_up_the_end() {
    let (asked, is_asked) = mpsc::channel();
    let mut bench = Bench::start("1h", move |number, stream| {
        if number == 0 {
            return good(stream, 10);
        }
        let _ = asked.send(());
        endless(stream, CHUNKED, "4\r\na 9\n\r\n");
    });
    assert_eq!(bench.received(), "docker.g:10|g\n");
    is_asked.recv().unwrap();
    let took = bench.terminate();
    assert!(took < Duration::from_secs(6), "{took:?}");
}
