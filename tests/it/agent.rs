//! The whole process: scrapes a stand-in endpoint, sends to a real socket, logs, ends on SIGTERM.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::endpoint::{Endpoint, at_once, chunked, request};
use crate::vitals::is_of_itself;
use crate::{Running, program_path};

const INTERVAL: &str = "100ms";
const PATIENCE: Duration = Duration::from_secs(10);

/// The program's `agent` command and what it writes.
struct Agent {
    child: Running,
    lines: mpsc::Receiver<String>,
}

impl Agent {
    fn start(endpoint: &Endpoint, statsd: &str) -> Self {
        Self::start_every(INTERVAL, endpoint, statsd)
    }

    fn start_every(interval: &str, endpoint: &Endpoint, statsd: &str) -> Self {
        let mut child = command(endpoint, statsd).env("INTERVAL", interval).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // What was given up is what the tests of rights read.
                    if !line.starts_with("gave up ") {
                        let _ = sender.send(line);
                    }
                }
            });
        }
        Self { child: Running(child), lines }
    }

    /// The next log line.
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a log line")
    }

    fn terminate(&mut self) {
        // The shell's own: a small system has no program of that name.
        let kill = format!("kill -TERM {}", self.child.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert!(self.child.0.wait().unwrap().success());
    }
}

fn command(endpoint: &Endpoint, statsd: &str) -> Command {
    let mut command = Command::new(program_path());
    command
        .arg("agent")
        .env_clear()
        .env("SCRAPE_ADDR", format!("unix://{}", endpoint.socket().display()))
        .env("STATSD_ADDR", statsd)
        .env("INTERVAL", INTERVAL)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn server() -> (UdpSocket, String) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = format!("udp://{}", server.local_addr().unwrap());
    (server, address)
}

/// The next datagram of a scrape.
fn received(server: &UdpSocket) -> String {
    let mut buffer = [0; 2000];
    loop {
        let count = server.recv(&mut buffer).expect("a datagram");
        let text = String::from_utf8(buffer[..count].to_vec()).unwrap();
        if !is_of_itself(&text) {
            return text;
        }
    }
}

fn counter(value: usize) -> Vec<u8> {
    chunked(&format!("# TYPE a counter\na {value}\n# TYPE g gauge\ng {value}\n"))
}

#[test]
fn differences_arrive_one_scrape_after_the_other() {
    let (server, statsd) = server();
    let endpoint = Endpoint::start(|number| vec![at_once(counter(10 + number))]);
    let agent = Agent::start(&endpoint, &statsd);
    assert_eq!(received(&server), "docker.g:10|g\n");
    assert_eq!(received(&server), "docker.a.count:1|c\ndocker.g:11|g\n");
    assert_eq!(received(&server), "docker.a.count:1|c\ndocker.g:12|g\n");
    let expected =
        format!("scraping unix://{} every 100ms, sending to {statsd}", endpoint.socket().display());
    assert_eq!(agent.line(), expected);
}

#[test]
fn standard_output_has_the_metrics_and_standard_error_the_log() {
    let endpoint = Endpoint::start(|number| vec![at_once(counter(10 + number))]);
    let mut child = Running(command(&endpoint, "stdout:").spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let scraped = lines.by_ref().filter(|line| !is_of_itself(line));
    let first: Vec<_> = scraped.take(5).collect();
    let g = |value: usize| format!("docker.g:{value}|g");
    assert_eq!(first, [&*g(10), "docker.a.count:1|c", &*g(11), "docker.a.count:1|c", &*g(12)]);
    let mut log = BufReader::new(child.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.next().unwrap().starts_with("gave up "));
    let expected = format!("scraping unix://{} every 100ms, sending to stdout:", endpoint.socket().display());
    assert_eq!(log.next().unwrap(), expected);
}

#[test]
fn standard_output_that_nobody_reads_holds_nothing_up() {
    let body: String = (0..2000).map(|label| format!("g{{l=\"{label}\"}} 1\n")).collect();
    let endpoint = Endpoint::start(move |_| vec![at_once(chunked(&body))]);
    let mut agent =
        Agent { child: Running(command(&endpoint, "stdout:").spawn().unwrap()), lines: mpsc::channel().1 };
    let log = BufReader::new(agent.child.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut log = log.skip_while(|line| !line.contains("does not read"));
    let line = log.next().unwrap();
    assert!(line.starts_with("cannot send to stdout:: "), "{line}");
    agent.terminate();
}

#[test]
fn a_hundred_thousand_samples_reach_a_server_that_reads_steadily() {
    const SAMPLES: usize = 100_000;
    let (server, statsd) = server();
    let samples: String = (0..SAMPLES).map(|number| format!("g{{series=\"{number}\"}} {number}\n")).collect();
    let answer = chunked(&format!("# TYPE g gauge\n{samples}"));
    let endpoint = Endpoint::start(move |_| vec![at_once(answer.clone())]);
    // No second scrape, whose samples would make up for lost ones of the first.
    let _agent = Agent::start_every("1h", &endpoint, &statsd);
    let (mut datagrams, mut lines) = (0, 0);
    while lines < SAMPLES {
        lines += received(&server).lines().count();
        datagrams += 1;
    }
    assert!(datagrams > 2000, "far more than a receive buffer holds: {datagrams}");
}

#[test]
fn failed_scrapes_in_between_cost_nothing() {
    let (server, statsd) = server();
    let endpoint = Endpoint::start(|number| {
        vec![at_once(match number {
            1 => b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_vec(),
            2 => chunked(""),
            3 => counter(99)[..90].to_vec(),
            4 => chunked("engine_daemon_engine_cpus_cpus 0\n# TYPE a counter\na 1000\n"),
            _ => counter(10 + number),
        })]
    });
    let agent = Agent::start(&endpoint, &statsd);
    assert_eq!(received(&server), "docker.g:10|g\n");
    assert_eq!(received(&server), "docker.a.count:5|c\ndocker.g:15|g\n");
    let lines: Vec<_> = (0..6).map(|_| agent.line()).collect();
    for cause in
        ["500 Internal Server Error", "no sample", "cut short", "still starting", "again after 4 failures"]
    {
        assert_eq!(lines.iter().filter(|line| line.contains(cause)).count(), 1, "{cause}: {lines:#?}");
    }
}

#[test]
fn growth_while_the_server_is_away_arrives_when_it_is_back() {
    let (server, statsd) = server();
    let address = server.local_addr().unwrap();
    let endpoint = Endpoint::start(|number| vec![at_once(counter(10 + number))]);
    let agent = Agent::start(&endpoint, &statsd);
    assert_eq!(received(&server), "docker.g:10|g\n");
    let mut last = received(&server);
    drop(server);
    assert!(agent.line().starts_with("scraping"));
    let cause = agent.line();
    assert!(
        cause.starts_with(&format!("cannot send to {statsd}: cannot send: Connection refused")),
        "{cause}"
    );
    let server = UdpSocket::bind(address).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sum = 1;
    while sum < 20 {
        last = received(&server);
        let count = last.strip_prefix("docker.a.count:").unwrap().split('|').next().unwrap();
        sum += count.parse::<usize>().unwrap();
    }
    assert!(last.contains(&format!("docker.g:{}|g", 10 + sum)), "all growth up to here: {sum}, {last}");
    assert!(agent.line().contains("works again after"));
}

#[test]
fn sigterm_sends_what_has_grown_since_the_last_scrape() {
    let (server, statsd) = server();
    let endpoint = Endpoint::start(|number| vec![at_once(counter(10 + number))]);
    let mut agent = Agent::start(&endpoint, &statsd);
    assert_eq!(received(&server), "docker.g:10|g\n");
    agent.terminate();
    server.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2000];
    let datagrams = std::iter::from_fn(|| server.recv(&mut buffer).ok()).count();
    assert!(datagrams >= 1, "the last scrape is sent before the process ends");
    let lines: Vec<_> = agent.lines.iter().collect();
    assert_eq!(lines.last().unwrap(), "scraping stopped");
    assert_eq!(lines.len(), 2, "{lines:#?}");
}

#[test]
fn what_of_a_scrape_cannot_be_sent_is_said_once_and_when_it_is_over() {
    let (server, statsd) = server();
    let endpoint = Endpoint::start(|number| {
        let odd = "# TYPE c counter\nc -1\ng{l=\"a b\"} 1\ng{l=\"a|b\"} 2\nn NaN\nmalformed\n";
        vec![at_once(chunked(if (1..4).contains(&number) { odd } else { "n NaN\ng{l=\"a b\"} 1\n" }))]
    });
    let agent = Agent::start(&endpoint, &statsd);
    (0..6).for_each(|_| drop(received(&server)));
    assert!(agent.line().starts_with("scraping"));
    let losses = "lines are malformed, cumulative values are below zero, gauges become one with others";
    let line = agent.line();
    assert!(line.starts_with(&format!("not all of a scrape can be sent: {losses}; ")), "{line}");
    assert_eq!(agent.line(), "all of a scrape can be sent again after 3 scrapes");
}

#[test]
fn an_endpoint_of_two_processes_by_turns_is_named() {
    // Also one that answers a few scrapes over each connection.
    for answers in [1, 4] {
        let (_server, statsd) = server();
        let endpoint = Endpoint::serve(move |number, stream| {
            let body = format!("process_start_time_seconds {}\n", [1000, 2000][number % 2]);
            for _ in 0..answers {
                let _ = stream.write_all(&chunked(&body));
                if request(stream).is_empty() {
                    return;
                }
            }
        });
        let agent = Agent::start(&endpoint, &statsd);
        assert!(agent.line().starts_with("scraping "));
        let line = agent.line();
        assert!(line.contains(": each scrape comes from another process; "), "{line}");
    }
}

#[test]
fn a_missing_socket_is_named_once() {
    let (_server, statsd) = server();
    let endpoint = Endpoint::start(|_| Vec::new());
    std::fs::remove_file(endpoint.socket()).unwrap();
    let mut agent = Agent::start(&endpoint, &statsd);
    let line = agent.line();
    let expected = format!(
        "cannot scrape unix://{}/metrics.sock: cannot connect: No such file",
        endpoint.folder().display()
    );
    assert!(line.starts_with(&expected), "{line}");
    assert!(agent.lines.recv_timeout(Duration::from_millis(500)).is_err(), "repeats are folded");
    agent.terminate();
}

#[test]
fn an_endpoint_that_fails_every_other_time_logs_nine_lines() {
    let (_server, statsd) = server();
    let (asked, is_asked) = mpsc::channel();
    let endpoint = Endpoint::start(move |number| {
        let _ = asked.send(());
        vec![at_once(if number % 2 == 0 { counter(1) } else { chunked("") })]
    });
    let mut agent = Agent::start(&endpoint, &statsd);
    (0..20).for_each(|_| is_asked.recv_timeout(PATIENCE).unwrap());
    agent.terminate();
    let lines: Vec<_> = agent.lines.iter().collect();
    let folded: Vec<_> = lines.iter().filter(|line| line.contains("failed 4 of 9 times")).collect();
    assert_eq!((lines.len(), folded.len()), (10, 1), "{lines:#?}");
    assert!(lines.iter().any(|line| line == "scraping stopped"), "{lines:#?}");
}

#[test]
fn a_hung_endpoint_does_not_hold_up_the_end() {
    let (_server, statsd) = server();
    let (asked, is_asked) = mpsc::channel();
    let endpoint = Endpoint::start(move |_| {
        asked.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(30));
        Vec::new()
    });
    let mut agent = Agent::start(&endpoint, &statsd);
    is_asked.recv().unwrap();
    let begin = std::time::Instant::now();
    agent.terminate();
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_server_that_reads_slowly_gets_each_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    let server = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = |value: usize| {
        let lines: String = (0..2000).map(|series| format!("a{{series=\"{series}\"}} {value}\n")).collect();
        format!("# TYPE a counter\n{lines}")
    };
    // Everything has grown by 5 in the end, whatever could be sent of it when.
    let endpoint = Endpoint::start(move |number| vec![at_once(chunked(&body(10 + number.min(5))))]);
    let _agent = Agent::start(&endpoint, &format!("unixgram://{}", path.display()));
    // Meanwhile the queue is full, sends time out, and scrapes end half delivered.
    std::thread::sleep(Duration::from_secs(3));
    let mut sums = std::collections::BTreeMap::new();
    let mut buffer = [0; 9000];
    // What the program says of itself ends each delivery: here, five that had nothing to deliver.
    let mut quiet = 0;
    while quiet < 5 {
        let count = server.recv(&mut buffer).expect("a datagram");
        let text = str::from_utf8(&buffer[..count]).unwrap();
        if is_of_itself(text) {
            quiet += 1;
            continue;
        }
        quiet = 0;
        for line in text.lines() {
            let (value, series) = line.strip_prefix("docker.a.count:").unwrap().split_once("|c|#").unwrap();
            *sums.entry(series.to_owned()).or_insert(0) += value.parse::<usize>().unwrap();
        }
    }
    assert_eq!(sums.len(), 2000);
    assert!(sums.values().all(|sum| *sum == 5), "{sums:?}");
}
