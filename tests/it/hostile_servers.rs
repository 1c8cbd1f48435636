//! StatsD servers that are no good to whoever sends to them: scraping goes on, memory is bounded, and what a server
//! could have read it gets once.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
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
