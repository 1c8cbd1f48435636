//! The command `check`: what it says of servers and endpoints that work, and of those that do not.

use std::fs::{self, Permissions};
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};

use crate::command_line::output;
use crate::enclosed::enclosed;
use crate::endpoint::{Endpoint, at_once, chunked};

const ENGINE: &str = include_str!("../fixtures/scrapes/engine-28.5.2-active.prom");
const STARTING: &str = include_str!("../fixtures/scrapes/engine-28.5.2-daemon-starting.prom");

/// What the command says with these addresses; the exit code goes with the words.
#[track_caller]
fn check(statsd: &str, scrape: &str, expected: &[&str]) {
    let (code, stdout, stderr) =
        output(&["check"], &[("STATSD_ADDR", statsd), ("SCRAPE_ADDR", scrape), ("SCRAPE_TIMEOUT", "2s")]);
    for words in expected {
        assert!(stdout.contains(words), "no {words:?} in:\n{stdout}");
    }
    let has_wrong = stdout.contains("WRONG ");
    assert_eq!((code, stderr.is_empty()), (i32::from(has_wrong), !has_wrong), "{stdout}{stderr}");
}

/// What it says in a network of its own, after the shell's `prepare`, of something that does not work.
fn enclosed_check(prepare: &str, vars: &[(&str, &str)]) -> Option<String> {
    let mut program = enclosed(prepare, &["check"], vars)?;
    let mut stdout = String::new();
    program.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(program.0.wait().unwrap().code(), Some(1), "{stdout}");
    Some(stdout)
}

/// An endpoint that answers with this.
fn endpoint(answer: impl Into<Vec<u8>>) -> (Endpoint, String) {
    let answer = answer.into();
    let endpoint = Endpoint::start(move |_| vec![at_once(answer.clone())]);
    let address = format!("unix://{}", endpoint.socket().display());
    (endpoint, address)
}

#[test]
fn an_engine_and_a_server_that_work_are_named() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let statsd = format!("udp://{}", server.local_addr().unwrap());
    let (_endpoint, scrape) = endpoint(chunked(ENGINE));
    check(
        &statsd,
        &scrape,
        &[
            &format!("ok     settings: STATSD_ADDR={statsd} SCRAPE_TIMEOUT=2s SCRAPE_ADDR={scrape}\n"),
            &format!("ok     sending to {statsd}: a datagram was sent and not refused. UDP tells no more"),
            &format!("ok     scraping {scrape}: a Docker Engine, version 28.5.2+dfsg4; complete, "),
            &format!(" samples in {} bytes", ENGINE.len()),
        ],
    );
    let mut datagram = [0; 100];
    assert_eq!(server.recv(&mut datagram).unwrap(), 1, "an empty line, and no metric");
    server.set_nonblocking(true).unwrap();
    assert!(server.recv(&mut datagram).is_err(), "and nothing else");
}

#[test]
fn an_endpoint_of_something_else_works_too() {
    let (_endpoint, scrape) = endpoint(chunked("a 1\nb 2\n{\n"));
    let words = "not a Docker Engine, but its metrics can be read; complete, 2 samples in 10 bytes";
    check(
        "udp://127.0.0.1:1",
        &scrape,
        &[words, "2 metrics in 1 datagrams", "1 malformed lines are skipped"],
    );
}

#[test]
fn every_kind_of_server_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let _unixgram = UnixDatagram::bind(path("gram")).unwrap();
    let _unixstream = UnixListener::bind(path("stream")).unwrap();
    drop(UnixDatagram::bind(path("dead")).unwrap());
    std::fs::write(path("file"), "").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let live_tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp_port = live_tcp.local_addr().unwrap().port();
    let unix = |scheme: &str, name: &str| format!("{scheme}://{}", path(name).display());
    for (statsd, words) in [
        (unix("unix", "gram"), ": it takes what is sent"),
        (unix("unix", "stream"), ": it takes what is sent"),
        (unix("unixgram", "gram"), ": it takes what is sent"),
        (unix("unixstream", "stream"), ": it takes what is sent"),
        (format!("tcp://127.0.0.1:{tcp_port}"), ": it takes what is sent"),
        // Where the name has an IPv6 address too, nobody listens on that.
        (format!("tcp://localhost:{tcp_port}"), "; it takes what is sent"),
        ("stdout:".to_owned(), "standard output takes every line"),
        (unix("unix", "none"), "there is no such socket: start the server that makes it"),
        (unix("unix", "dead"), "the socket is left from a server that has ended"),
        (format!("unix://{}", folder.path().display()), "this is no socket: STATSD_ADDR is"),
        (unix("unixstream", "file"), "this is no socket: STATSD_ADDR is"),
        (format!("tcp://{tcp}"), "nobody listens there: start the StatsD server, or set STATSD_ADDR"),
        ("udp://127.0.0.1:1".to_owned(), "nobody listens there: start the StatsD server, or set STATSD_ADDR"),
        ("udp://a.invalid".to_owned(), "cannot look up a.invalid: "),
    ] {
        check(&statsd, "", &[&format!("  sending to {statsd}"), words]);
    }
}

#[test]
fn names_that_choose_nothing_are_asked_about() {
    let (_endpoint, scrape) = endpoint(chunked(ENGINE));
    for (include, is_asked) in [("docker.go_*", true), ("go_*", false)] {
        let (_, stdout, _) = output(&["check"], &[("SCRAPE_ADDR", &scrape), ("INCLUDE", include)]);
        let words = "; nothing of it is sent now: do INCLUDE, EXCLUDE and HISTOGRAMS leave what they should?";
        assert_eq!(stdout.contains(words), is_asked, "{include}: {stdout}");
    }
}

#[test]
fn the_default_endpoint_outside_of_an_engine_is_explained() {
    // The host of an engine has its socket at that path.
    let Some(stdout) = enclosed_check("mount -t tmpfs tmpfs /run", &[]) else { return };
    let words = ["WRONG  scraping unix:///run/docker/metrics.sock: ", "Outside of one set SCRAPE_ADDR"];
    assert_eq!(words.map(|words| stdout.contains(words)), [true; 2], "{stdout}");
}

#[test]
fn only_a_socket_with_a_path_is_to_let_others_write() {
    let (endpoint, unix) = endpoint(chunked(ENGINE));
    fs::set_permissions(endpoint.socket(), Permissions::from_mode(0o555)).unwrap();
    for (scrape, is_advised) in [(unix.as_str(), true), ("http://192.0.2.1:9/metrics", false)] {
        let vars = &[("SCRAPE_ADDR", scrape)];
        let Some(stdout) = enclosed_check("ip route add prohibit 192.0.2.1", vars) else { return };
        let problem = format!("WRONG  scraping {scrape}: cannot connect: Permission denied (os error 13)");
        assert!(stdout.contains(&problem), "{stdout}");
        assert_eq!(stdout.contains("; let others write to the socket"), is_advised, "{stdout}");
    }
}

#[test]
fn an_endpoint_that_does_not_work_is_named_with_what_to_do() {
    let not_found = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    for (answer, problem, advice) in [
        (chunked(STARTING), "the engine is still starting", "try again when it has started"),
        (b"HTTP/1.0 200 OK\r\n\r\na 1\n".into(), "neither its length", "has to send a Content-Length"),
        (not_found.into(), "404 Not Found", "is this the path of Prometheus metrics"),
        (chunked("<!doctype html>\n<p>\n"), "no Prometheus text", "is this the path of Prometheus metrics"),
        (chunked(ENGINE)[..9000].to_vec(), "the body was cut short", ""),
    ] {
        let (_endpoint, scrape) = endpoint(answer);
        check("", &scrape, &[&format!("WRONG  scraping {scrape}: "), problem, advice]);
    }
}

#[test]
fn a_wrong_setting_is_said_before_anything_is_tried() {
    let (code, stdout, stderr) = output(&["check"], &[("INTERVAL", "never"), ("LOG_LEVEL", "loud")]);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (1, "", 2), "{stderr}");
}
