//! StatsD servers that are no good to whoever sends to them: scraping goes on, memory is bounded, and what a server
//! could have read it gets once.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use docker_metrics_statsd::series::OWED_BYTES_MAX;

use crate::Running;
use crate::command_line::program;
use crate::enclosed::{peak_bytes, wait_until};
use crate::endpoint::{Endpoint, at_once, chunked};

fn agent(endpoint: &Endpoint, vars: &[(&str, &str)]) -> Running {
    let scrape = format!("unix://{}", endpoint.socket().display());
    let own = [("SCRAPE_ADDR", scrape.as_str()), ("LOG_LEVEL", "error")];
    let vars: Vec<_> = vars.iter().chain(&own).copied().collect();
    Running(program(&["agent"], &vars).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
}

/// The number in a line of this metric.
fn number(line: &str, name: &str) -> Option<usize> {
    line.strip_prefix(name)?.strip_prefix(':')?.split('|').next()?.parse().ok()
}

/// An endpoint whose counter and gauge say how often it was scraped, and that number.
fn counting(series: usize) -> (Endpoint, Arc<AtomicUsize>) {
    let scrapes = Arc::new(AtomicUsize::new(0));
    let count = scrapes.clone();
    let endpoint = Endpoint::start(move |number| {
        count.store(number + 1, Ordering::SeqCst);
        let others: String = (1..series).map(|other| format!("a{{s=\"{other}\"}} {number}\n")).collect();
        vec![at_once(chunked(&format!("# TYPE a counter\na {number}\n{others}g {number}\n")))]
    });
    (endpoint, scrapes)
}

/// What `a` has grown by in these lines, up to when `g` is beyond `end`; and by how much `g` was more than at first.
fn grown(lines: impl Iterator<Item = String>, end: usize) -> (usize, usize) {
    let (mut first, mut grown) = (None, 0);
    for line in lines {
        // Behind the first gauge, up to the last.
        grown += number(&line, "docker.a.count").filter(|_| first.is_some()).unwrap_or(0);
        if let Some(now) = number(&line, "docker.g") {
            let first = *first.get_or_insert(now);
            if now > end {
                return (grown, now - first);
            }
        }
    }
    panic!("the server was left");
}

#[test]
fn a_stream_server_that_never_reads_does_not_stop_scraping() {
    let (endpoint, scrapes) = counting(3000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    let _server = UnixListener::bind(&path).unwrap();
    let statsd = format!("unixstream://{}", path.display());
    let mut agent = agent(&endpoint, &[("STATSD_ADDR", statsd.as_str()), ("INTERVAL", "50ms")]);
    let mut log = BufReader::new(agent.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = log.find(|line| line.starts_with("cannot send")).unwrap();
    assert!(line.contains("the receiver does not read what it is sent"), "{line}");
    let before = scrapes.load(Ordering::SeqCst);
    wait_until("scrapes go on", || scrapes.load(Ordering::SeqCst) > before + 5);
    let peak = peak_bytes(agent.0.id());
    assert!(peak < 16 << 20, "{peak} bytes");
}

#[test]
fn a_server_that_never_stops_answering_gets_each_count_once() {
    let (endpoint, _) = counting(1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let statsd = format!("tcp://{}", listener.local_addr().unwrap());
    let agent = agent(&endpoint, &[("STATSD_ADDR", statsd.as_str()), ("INTERVAL", "20ms")]);
    let stream = listener.accept().unwrap().0;
    let mut answers = stream.try_clone().unwrap();
    std::thread::spawn(move || while answers.write_all(&[b'x'; 4096]).is_ok() {});
    let (grown, expected) = grown(BufReader::new(stream).lines().map(Result::unwrap), 30);
    assert_eq!(grown, expected);
    let peak = peak_bytes(agent.0.id());
    assert!(peak < 16 << 20, "{peak} bytes");
}

#[test]
fn a_server_that_closes_at_once_costs_no_count_of_later() {
    let (endpoint, _) = counting(1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let statsd = format!("tcp://{}", listener.local_addr().unwrap());
    let _agent = agent(&endpoint, &[("STATSD_ADDR", statsd.as_str()), ("INTERVAL", "20ms")]);
    (0..10).for_each(|_| drop(listener.accept().unwrap()));
    let stream = listener.accept().unwrap().0;
    let (grown, expected) = grown(BufReader::new(stream).lines().map(Result::unwrap), 40);
    assert_eq!(grown, expected);
}

#[test]
fn a_socket_that_something_else_replaces_gets_everything_when_it_is_back() {
    let (endpoint, scrapes) = counting(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    let bind = || {
        let server = UnixDatagram::bind(&path).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        server
    };
    let lines = |server: &UnixDatagram| {
        let mut buffer = [0; 9000];
        let length = server.recv(&mut buffer).expect("a datagram");
        str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut server = bind();
    let statsd = format!("unix://{}", path.display());
    let _agent = agent(&endpoint, &[("STATSD_ADDR", statsd.as_str()), ("INTERVAL", "20ms")]);
    let replace: [fn(&Path); 4] = [
        |path| std::fs::create_dir(path).unwrap(),
        |path| std::fs::write(path, "no socket").unwrap(),
        |path| std::os::unix::fs::symlink(path, path).unwrap(),
        |path| drop(UnixListener::bind(path).unwrap()),
    ];
    let (mut sum, mut last) = (0, 0);
    let mut take = |server: &UnixDatagram, end: usize| {
        while last <= end {
            for line in lines(server) {
                sum += number(&line, "docker.a.count").unwrap_or(0);
                last = number(&line, "docker.g").unwrap_or(last);
            }
        }
        assert_eq!(sum, last, "all growth since the first scrape");
    };
    for replace in replace {
        take(&server, scrapes.load(Ordering::SeqCst) + 3);
        std::fs::remove_file(&path).unwrap();
        drop(server);
        replace(&path);
        let before = scrapes.load(Ordering::SeqCst);
        wait_until("scrapes go on", || scrapes.load(Ordering::SeqCst) > before + 5);
        if path.is_dir() { std::fs::remove_dir(&path) } else { std::fs::remove_file(&path) }.unwrap();
        server = bind();
    }
    take(&server, scrapes.load(Ordering::SeqCst) + 3);
}

#[test]
fn more_than_can_be_owed_is_lost_counted_and_logged_and_all_else_is_right() {
    const NEW: usize = 3300;
    const SCRAPES: usize = 3;
    // Twenty thousand bytes on each line, so that few series owe very much.
    let tags: Vec<_> = (0..100).map(|tag| format!("t{tag}:{}", "v".repeat(190))).collect();
    // Each scrape has series that no other one has.
    let scrapes = Arc::new(AtomicUsize::new(0));
    let count = scrapes.clone();
    let endpoint = Endpoint::start(move |number| {
        count.store(number + 1, Ordering::SeqCst);
        let begin = number.min(SCRAPES) * NEW;
        let lines: String = (begin..begin + NEW).map(|series| format!("a{{s=\"{series}\"}} 1\n")).collect();
        vec![at_once(chunked(&format!("# TYPE a counter\n{lines}")))]
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    let statsd = format!("unixgram://{}", path.display());
    let vars = [
        ("STATSD_ADDR", statsd.as_str()),
        ("TAGS", &tags.join(",")),
        ("MAX_PACKET_BYTES", "65507"),
        ("INTERVAL", "300ms"),
    ];
    let mut agent = agent(&endpoint, &vars);
    let mut log = BufReader::new(agent.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = log.find(|line| line.contains("is owed")).unwrap();
    assert!(line.starts_with("more is owed than is kept, 134217728 bytes: "), "{line}");
    wait_until("all series were there", || scrapes.load(Ordering::SeqCst) > SCRAPES);
    let peak = peak_bytes(agent.0.id());
    assert!(peak < 4 * OWED_BYTES_MAX, "{peak} bytes");
    let server = UnixDatagram::bind(&path).unwrap();
    server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = vec![0; 65_507];
    let (mut sent, mut lost) = (0, 0);
    // Of the first scrape nothing is sent: it is where counting begins.
    while sent + lost < SCRAPES * NEW {
        let length = server.recv(&mut buffer).expect("a datagram");
        for line in str::from_utf8(&buffer[..length]).unwrap().lines() {
            sent += number(line, "docker.a.count").unwrap_or(0);
            lost += number(line, "docker.metrics.series_lost").unwrap_or(0);
        }
    }
    assert_eq!(sent + lost, SCRAPES * NEW);
    assert!(sent > 2 * NEW - NEW / 10 && lost > NEW / 2, "{sent} sent, {lost} lost");
}
