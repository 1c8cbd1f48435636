//! What the program says of itself, as a server gets it: while it scrapes, while it cannot, and while it must not.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use docker_metrics_statsd::collector::{Collector, Event};
use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::log::Log;
use docker_metrics_statsd::state::StateFile;
use docker_metrics_statsd::timer::block_on;
use smol::channel::{Sender, bounded};

use crate::endpoint::{Endpoint, at_once, chunked};
use crate::hostile::Hostile;

/// Whether a line, or a datagram, is of the program itself and not of what it scrapes.
pub(crate) fn is_of_itself(text: &str) -> bool {
    ["_sc|docker.metrics.", "docker.metrics.", "docker.up:"].iter().any(|begin| text.starts_with(begin))
}

/// A collector on a thread of its own, and the server that it sends to.
struct Bench {
    server: UdpSocket,
    events: Sender<Event>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// How an endpoint's address is set.
fn scrape_addr(endpoint: &Endpoint) -> String {
    format!("unix://{}", endpoint.socket().display())
}

impl Bench {
    /// Not started yet. `vars` are settings beside those of the addresses.
    fn new(endpoint: &Endpoint, vars: &[(&str, &str)]) -> Self {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let statsd = format!("udp://{}", server.local_addr().unwrap());
        let scraped = scrape_addr(endpoint);
        let own = [
            ("STATSD_ADDR", statsd.as_str()),
            ("SCRAPE_ADDR", &scraped),
            ("LOG_LEVEL", "error"),
            ("INTERVAL", "50ms"),
        ];
        let settings = Settings::from_vars("", |name| {
            let found = vars.iter().chain(&own).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::new(&folder.path().join("state"));
        let (events, queue) = bounded(8);
        let thread = std::thread::spawn(move || {
            let log = Log::new(&settings);
            block_on(Collector::under_engine(&settings, &log, state).run(queue));
        });
        Self { server, events, thread: Some(thread), _folder: folder }
    }

    fn started(endpoint: &Endpoint, vars: &[(&str, &str)]) -> Self {
        let bench = Self::new(endpoint, vars);
        bench.events.send_blocking(Event::Start).unwrap();
        bench
    }

    /// The next datagram, whosever it is.
    fn datagram(&self) -> String {
        let mut buffer = [0; 10_000];
        let length = self.server.recv(&mut buffer).expect("a datagram");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The next datagram that the program sends of itself.
    fn word(&self) -> Word {
        loop {
            let datagram = self.datagram();
            if is_of_itself(&datagram) {
                return Word::read(&datagram);
            }
        }
    }

    fn stop_metrics(&self) {
        let (done, finished) = bounded(1);
        self.events.send_blocking(Event::Stop(done)).unwrap();
        finished.recv_blocking().unwrap();
    }

    /// Ends the collector; all datagrams that were not read.
    fn end(mut self) -> Vec<String> {
        self.events.send_blocking(Event::Shutdown).unwrap();
        self.thread.take().unwrap().join().unwrap();
        self.server.set_nonblocking(true).unwrap();
        let mut buffer = [0; 10_000];
        let rest = std::iter::from_fn(|| {
            let length = self.server.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
        });
        rest.collect()
    }
}

/// One datagram of the program's own.
#[derive(Debug)]
struct Word {
    /// Status and message.
    check: Option<(String, String)>,
    gauges: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Word {
    /// Of DogStatsD without tags.
    fn read(datagram: &str) -> Self {
        let mut word = Self { check: None, gauges: BTreeMap::new(), counts: BTreeMap::new() };
        for line in datagram.lines() {
            if let Some(check) = line.strip_prefix("_sc|docker.metrics.can_scrape|") {
                let (status, message) = check.split_once("|m:").unwrap_or((check, ""));
                word.check = Some((status.to_owned(), message.to_owned()));
                continue;
            }
            let (name, rest) = line.split_once(':').unwrap();
            let (value, kind) = rest.split_once('|').unwrap();
            let name = name.strip_prefix("docker.").unwrap().to_owned();
            let is_first = match kind {
                "g" => word.gauges.insert(name, value.to_owned()).is_none(),
                "c" => word.counts.insert(name, value.parse().unwrap()).is_none(),
                _ => panic!("{line}"),
            };
            assert!(is_first, "twice: {line}");
        }
        word
    }

    fn count(&self, name: &str) -> usize {
        self.counts.get(&format!("metrics.{name}")).copied().unwrap_or_default()
    }

    fn is_up(&self) -> bool {
        self.gauges["up"] == "1"
    }

    #[track_caller]
    fn check(&self, is_up: bool, status: &str, message: &str) {
        assert_eq!(self.gauges["up"], if is_up { "1" } else { "0" }, "{self:?}");
        let (found, why) = self.check.as_ref().unwrap();
        assert_eq!(found, status, "{why}");
        assert!(why.starts_with(message) && why.is_empty() == message.is_empty(), "{why}");
    }
}

const BODY: &str = "# TYPE a counter\na 1\n# TYPE g gauge\ng 1\n";

/// Growing by one a scrape.
fn counter(number: usize) -> String {
    format!("# TYPE a counter\na {}\n# TYPE g gauge\ng 1\n", 10 + number)
}

#[test]
fn every_interval_tells_what_scraping_and_sending_came_to() {
    let endpoint = Endpoint::start(|number| vec![at_once(chunked(&counter(number)))]);
    let bench = Bench::started(&endpoint, &[]);
    let (mut datagrams, mut bytes, mut lines) = (0, 0, 0);
    let mut sums: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..10 {
        let scraped = bench.datagram();
        assert!(!is_of_itself(&scraped), "{scraped}");
        (datagrams, bytes, lines) = (datagrams + 1, bytes + scraped.len(), lines + scraped.lines().count());
        let text = bench.datagram();
        let word = Word::read(&text);
        word.check(true, "0", "");
        for (name, value) in &word.counts {
            *sums.entry(name.clone()).or_default() += value;
        }
        // Of everything that has arrived before this datagram.
        let expected = [("packets_sent", datagrams), ("bytes_sent", bytes), ("lines_sent", lines)];
        for (name, expected) in expected {
            assert_eq!(sums[&format!("metrics.{name}")], expected, "{name}");
        }
        assert_eq!(sums["metrics.scrapes"], number + 1);
        let body_bytes = counter(number).len().to_string();
        for (name, expected) in [
            ("scrape.bytes", body_bytes.as_str()),
            ("scrape.samples", "2"),
            ("series", "1"),
            ("series_owing", "0"),
        ] {
            assert_eq!(word.gauges[&format!("metrics.{name}")], expected, "{name}");
        }
        assert!(word.gauges["metrics.scrape.duration"].starts_with("0.0"), "{word:?}");
        (datagrams, bytes, lines) = (datagrams + 1, bytes + text.len(), lines + text.lines().count());
    }
    bench.end();
}

#[test]
fn no_metrics_and_no_plugin_are_told_apart() {
    let endpoint = Endpoint::start(|number| {
        let body = match number {
            1 => b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec(),
            2 => chunked("engine_daemon_engine_cpus_cpus 0\n"),
            _ => chunked(BODY),
        };
        vec![at_once(body)]
    });
    let bench = Bench::new(&endpoint, &[]);
    for _ in 0..3 {
        let word = bench.word();
        word.check(false, "1", "the engine has not said StartMetrics");
        assert_eq!(word.count("scrapes_failed") + word.count("scrapes"), 0);
        assert!(!word.gauges.contains_key("metrics.scrape.duration"));
    }
    bench.events.send_blocking(Event::Start).unwrap();
    let mut words = std::iter::repeat_with(|| bench.word()).skip_while(|word| !word.is_up());
    words.next().unwrap().check(true, "0", "");
    let word = words.next().unwrap();
    word.check(false, "2", "the answer is \"HTTP/1.1 503");
    assert_eq!((word.count("scrapes_failed"), word.count("scrapes")), (1, 0));
    assert!(word.gauges.contains_key("metrics.scrape.duration"));
    assert!(!word.gauges.contains_key("metrics.scrape.bytes"));
    words.next().unwrap().check(false, "1", "the engine is still starting");
    words.next().unwrap().check(true, "0", "");
    bench.end();
}

#[test]
fn what_was_told_to_stop_or_to_end_is_not_up() {
    let endpoint = Endpoint::start(|_| vec![at_once(chunked(BODY))]);
    let bench = Bench::started(&endpoint, &[]);
    bench.word().check(true, "0", "");
    bench.stop_metrics();
    let mut words = std::iter::repeat_with(|| bench.word()).skip_while(Word::is_up);
    let word = words.next().unwrap();
    word.check(false, "1", "the engine has said StopMetrics");
    assert_eq!(word.count("scrapes"), 1, "there was a last one");
    // It lives on, and says so.
    for _ in 0..3 {
        let word = words.next().unwrap();
        word.check(false, "1", "the engine has said StopMetrics");
        assert_eq!(word.count("scrapes"), 0);
    }
    bench.events.send_blocking(Event::Start).unwrap();
    words.find(Word::is_up).unwrap();
    drop(words);
    let last = bench.end().pop().unwrap();
    Word::read(&last).check(false, "1", "the plugin was told to end");
}

#[test]
fn a_count_that_was_refused_is_told_later() {
    let value = Arc::new(AtomicUsize::new(0));
    let shown = value.clone();
    let endpoint = Endpoint::start(move |number| {
        shown.store(number + 1, Ordering::SeqCst);
        vec![at_once(chunked(&counter(number)))]
    });
    let mut bench = Bench::started(&endpoint, &[]);
    let mut scrapes = bench.word().count("scrapes");
    let address = bench.server.local_addr().unwrap();
    // Nobody listens on the old port from here on, and what it held is lost with it.
    while let Some(rest) = pending(&bench.server) {
        scrapes += if is_of_itself(&rest) { Word::read(&rest).count("scrapes") } else { 0 };
    }
    bench.server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let seen = value.load(Ordering::SeqCst);
    while value.load(Ordering::SeqCst) < seen + 5 {
        std::thread::yield_now();
    }
    bench.server = UdpSocket::bind(address).unwrap();
    bench.server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let word = bench.word();
    scrapes += word.count("scrapes");
    assert!(word.count("packets_refused") >= 3, "{word:?}");
    for rest in bench.end().iter().filter(|rest| is_of_itself(rest)) {
        scrapes += Word::read(rest).count("scrapes");
    }
    let made = value.load(Ordering::SeqCst);
    // Between the last look and the end of the old socket one word may have been taken and lost.
    assert!((made - 1..=made).contains(&scrapes), "{scrapes} of {made}");
}

fn pending(server: &UdpSocket) -> Option<String> {
    let mut buffer = [0; 10_000];
    server.set_nonblocking(true).unwrap();
    let length = server.recv(&mut buffer).ok()?;
    Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
}

#[test]
fn without_self_metrics_there_is_no_word() {
    let endpoint = Endpoint::start(|number| {
        vec![at_once(if number == 1 { chunked("") } else { chunked(&counter(number)) })]
    });
    let bench = Bench::started(&endpoint, &[("SELF_METRICS", "false")]);
    let mut datagrams: Vec<_> = (0..4).map(|_| bench.datagram()).collect();
    bench.stop_metrics();
    datagrams.extend(bench.end());
    assert!(datagrams.len() >= 5, "{datagrams:?}");
    assert!(datagrams.iter().flat_map(|text| text.lines()).all(|line| !is_of_itself(line)), "{datagrams:?}");
}

#[test]
fn what_was_cleaned_and_dropped_of_a_hostile_exposition_is_counted() {
    let hostile = Hostile::new();
    let (head, body) = (b"HTTP/1.1 200 OK\r\n", hostile.body.clone());
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    let answer = [head, length.as_bytes(), &body].concat();
    let endpoint = Endpoint::start(move |_| vec![at_once(answer.clone())]);
    let bench = Bench::started(&endpoint, &[]);
    let first = bench.word();
    first.check(true, "0", "");
    for (name, expected) in [
        ("lines_malformed", hostile.malformed),
        ("lines_too_large", 1),
        ("values_not_finite", hostile.not_finite),
        ("values_negative", hostile.negative),
        ("samples_repeated", hostile.repeated),
        ("gauges_merged", 1),
        ("names_cleaned", hostile.cleaned_names),
        ("tags_cleaned", hostile.cleaned_tags),
    ] {
        assert_eq!(first.count(name), expected, "{name}: {first:#?}");
    }
    let second = bench.word();
    for (name, expected) in [
        ("lines_malformed", hostile.malformed),
        ("lines_too_large", 1),
        ("gauges_merged", 1),
        ("tags_cleaned", 0),
    ] {
        assert_eq!(second.count(name), expected, "{name}: {second:#?}");
    }
    bench.end();
}
