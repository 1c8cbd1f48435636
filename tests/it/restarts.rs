//! What a process that an engine started leaves for the next one, and when it ends by itself.

use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use docker_metrics_statsd::collector::{Collector, Event};
use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::log::Log;
use docker_metrics_statsd::state::StateFile;
use docker_metrics_statsd::timer::block_on;
use smol::channel::{Sender, bounded};

use crate::endpoint::{Endpoint, at_once, chunked, request};
use crate::vitals::is_of_itself;

/// An engine whose counter the test moves, and the server that the plugin sends to.
struct Bench {
    value: Arc<AtomicUsize>,
    endpoint: Endpoint,
    server: UdpSocket,
}

impl Bench {
    fn start(daemon_id: &'static str) -> Self {
        let value = Arc::new(AtomicUsize::new(10));
        let shown = value.clone();
        let endpoint = Endpoint::start(move |_| {
            let value = shown.load(Ordering::SeqCst);
            let info = format!("engine_daemon_engine_info{{daemon_id=\"{daemon_id}\"}} 1\n");
            vec![at_once(chunked(&format!("# TYPE a counter\na {value}\n{info}")))]
        });
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { value, endpoint, server }
    }

    fn plugin(&self, state: &Path, interval: &'static str) -> Plugin {
        let statsd = format!("udp://{}", self.server.local_addr().unwrap());
        let socket = format!("unix://{}", self.endpoint.socket().display());
        let settings = Settings::from_vars("", |name| match name {
            "STATSD_ADDR" => Some(statsd.clone()),
            "SCRAPE_ADDR" => Some(socket.clone()),
            "INTERVAL" => Some(interval.to_owned()),
            "LOG_LEVEL" => Some("error".to_owned()),
            _ => None,
        })
        .unwrap();
        let state = StateFile::new(state);
        let (events, queue) = bounded(8);
        let thread = std::thread::spawn(move || {
            let log = Log::new(&settings);
            block_on(Collector::under_engine(&settings, &log, state).run(queue));
        });
        events.send_blocking(Event::Start).unwrap();
        Plugin { events, thread }
    }

    /// The next datagram of a scrape.
    fn next(&self) -> std::io::Result<String> {
        let mut buffer = [0; 2000];
        loop {
            let length = self.server.recv(&mut buffer)?;
            let text = str::from_utf8(&buffer[..length]).unwrap();
            if !is_of_itself(text) {
                return Ok(text.to_owned());
            }
        }
    }

    /// The count of the next datagram of a scrape, 0 where it has none.
    fn count(&self) -> usize {
        let text = self.next().expect("a datagram");
        let count = text.lines().find_map(|line| line.strip_prefix("docker.a.count:"));
        count.map_or(0, |count| count.split('|').next().unwrap().parse().unwrap())
    }
}

struct Plugin {
    events: Sender<Event>,
    thread: JoinHandle<()>,
}

impl Plugin {
    fn stop_metrics(&self) {
        let (done, finished) = bounded(1);
        self.events.send_blocking(Event::Stop(done)).unwrap();
        finished.recv_blocking().unwrap();
    }

    fn terminate(self) {
        self.events.send_blocking(Event::Shutdown).unwrap();
        self.thread.join().unwrap();
    }
}

const SELDOM: &str = "1h";

#[test]
fn the_next_process_goes_on_where_this_one_ended() {
    let bench = Bench::start("A");
    let state = bench.endpoint.folder().join("state");
    let plugin = bench.plugin(&state, SELDOM);
    assert_eq!(bench.count(), 0, "the baseline");
    bench.value.store(13, Ordering::SeqCst);
    plugin.terminate();
    assert_eq!(bench.count(), 3, "the last scrape");
    bench.value.store(20, Ordering::SeqCst);
    let plugin = bench.plugin(&state, SELDOM);
    assert_eq!(bench.count(), 7, "what happened while nobody looked");
    plugin.terminate();
    assert_eq!(bench.count(), 0);
}

#[test]
fn stop_metrics_closes_the_connection_to_the_engine() {
    let (sender, asked) = mpsc::channel();
    let endpoint = Endpoint::serve(move |connection, stream| {
        while stream.write_all(&chunked("a 1\n")).is_ok() {
            sender.send(Some(connection)).unwrap();
            if request(stream).is_empty() {
                break;
            }
        }
        sender.send(None).unwrap();
    });
    let bench = Bench { endpoint, ..Bench::start("A") };
    let next = || asked.recv_timeout(Duration::from_secs(10)).unwrap();
    let plugin = bench.plugin(&bench.endpoint.folder().join("state"), SELDOM);
    bench.next().unwrap();
    plugin.stop_metrics();
    assert_eq!([next(), next(), next()], [Some(0), Some(0), None], "a last scrape over it, and no more");
    plugin.events.send_blocking(Event::Start).unwrap();
    assert_eq!(next(), Some(1));
    plugin.terminate();
}

#[test]
fn stop_metrics_is_answered_after_the_last_scrape() {
    let bench = Bench::start("A");
    let plugin = bench.plugin(&bench.endpoint.folder().join("state"), SELDOM);
    assert_eq!(bench.count(), 0);
    bench.value.store(14, Ordering::SeqCst);
    plugin.stop_metrics();
    bench.server.set_nonblocking(true).unwrap();
    assert_eq!(bench.count(), 4, "it is there when the answer is");
    plugin.stop_metrics();
    plugin.terminate();
    assert!(bench.next().is_err(), "there is one last scrape");
}

#[test]
fn what_is_owed_is_owed_by_the_next_process() {
    let mut bench = Bench::start("A");
    let state = bench.endpoint.folder().join("state");
    let plugin = bench.plugin(&state, SELDOM);
    assert_eq!(bench.count(), 0);
    let address = bench.server.local_addr().unwrap();
    // Nobody listens on the old port from here on.
    bench.server = UdpSocket::bind("127.0.0.1:0").unwrap();
    bench.value.store(15, Ordering::SeqCst);
    plugin.terminate();
    bench.server = UdpSocket::bind(address).unwrap();
    bench.server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let plugin = bench.plugin(&state, SELDOM);
    assert_eq!(bench.count(), 5);
    plugin.terminate();
}

#[test]
fn the_state_of_another_engine_is_not_believed() {
    let bench = Bench::start("A");
    let state = bench.endpoint.folder().join("state");
    let plugin = bench.plugin(&state, SELDOM);
    assert_eq!(bench.count(), 0);
    plugin.terminate();
    let other = Bench::start("B");
    other.value.store(1000, Ordering::SeqCst);
    let plugin = other.plugin(&state, "50ms");
    assert_eq!(other.count(), 0, "the baseline of the other engine");
    other.value.store(1001, Ordering::SeqCst);
    let sum = (0..4).map(|_| other.count()).sum::<usize>();
    assert_eq!(sum, 1);
    plugin.terminate();
}

#[test]
fn two_start_metrics_make_one_collector() {
    let bench = Bench::start("A");
    let plugin = bench.plugin(&bench.endpoint.folder().join("state"), SELDOM);
    assert_eq!(bench.count(), 0);
    plugin.events.send_blocking(Event::Start).unwrap();
    bench.value.store(11, Ordering::SeqCst);
    plugin.terminate();
    assert_eq!(bench.count(), 1);
    bench.server.set_nonblocking(true).unwrap();
    assert!(bench.next().is_err(), "one baseline and one last scrape");
}

#[test]
fn a_socket_that_died_with_its_engine_ends_the_process_and_not_too_soon() {
    let bench = Bench::start("A");
    let begin = Instant::now();
    let plugin = bench.plugin(&bench.endpoint.folder().join("state"), "50ms");
    assert_eq!(bench.count(), 0);
    // The engine stops, and comes back with a socket of which this process has only the old inode.
    plugin.stop_metrics();
    std::fs::remove_file(bench.endpoint.socket()).unwrap();
    drop(UnixListener::bind(bench.endpoint.socket()).unwrap());
    plugin.events.send_blocking(Event::Start).unwrap();
    plugin.thread.join().unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_socket_that_died_with_a_killed_engine_does_not_end_the_process() {
    // Such an engine cannot start the plugin again.
    let bench = Bench::start("A");
    let plugin = bench.plugin(&bench.endpoint.folder().join("state"), "50ms");
    assert_eq!(bench.count(), 0);
    std::fs::remove_file(bench.endpoint.socket()).unwrap();
    drop(UnixListener::bind(bench.endpoint.socket()).unwrap());
    std::thread::sleep(Duration::from_secs(6));
    assert!(!plugin.thread.is_finished());
    plugin.terminate();
}
