//! A UDP socket in the engine's network namespace, or a unix socket in a folder that the plugin is given, and a thread
//! that keeps every line it gets.

use crate::lab::Lab;
use std::collections::BTreeSet;
use std::io;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How soon the thread notices that it should end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Receives until it is dropped.
pub(crate) struct Receiver {
    address: String,
    lines: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// `port` 0 takes a free one.
    pub(crate) fn start(lab: &Lab, port: u16) -> Self {
        let socket = lab.enter(|| UdpSocket::bind(("127.0.0.1", port))).expect("a UDP socket");
        socket.set_read_timeout(Some(LOOK_INTERVAL)).expect("a time-out above zero");
        let address = socket.local_addr().expect("the address of a bound socket");
        Self::receive(format!("udp://{address}"), move |datagram| socket.recv(datagram))
    }

    /// A Datadog Agent's socket in `folder`, which is to be the source of the plugin's mount.
    pub(crate) fn start_unix(folder: &Path) -> Self {
        let socket = UnixDatagram::bind(folder.join("dsd.socket")).expect("a unix socket");
        socket.set_read_timeout(Some(LOOK_INTERVAL)).expect("a time-out above zero");
        Self::receive("unix:///var/run/datadog/dsd.socket".to_owned(), move |datagram| socket.recv(datagram))
    }

    fn receive(address: String, next: impl Fn(&mut [u8]) -> io::Result<usize> + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (lines, ended) = (Arc::clone(&lines), Arc::clone(&ended));
            move || receive(next, &lines, &ended)
        });
        Self { address, lines, ended, thread: Some(thread) }
    }

    /// The setting that leads the plugin here.
    pub(crate) fn setting(&self) -> String {
        format!("STATSD_ADDR={}", self.address)
    }

    /// Every line so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("the receiving thread does not panic").clone()
    }

    /// The different names so far, without tags.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let lines = self.lines();
        let metrics = lines.iter().filter(|line| !line.starts_with("_sc|"));
        metrics.filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
    }

    /// How often a metric of this name came.
    pub(crate) fn count(&self, name: &str) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| line.split(':').next() == Some(name)).count()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let thread = self.thread.take().map(JoinHandle::join);
        assert!(thread.is_none_or(|result| result.is_ok()) || thread::panicking());
    }
}

fn receive(next: impl Fn(&mut [u8]) -> io::Result<usize>, lines: &Mutex<Vec<String>>, ended: &AtomicBool) {
    let mut datagram = vec![0; 65536];
    while !ended.load(Ordering::Relaxed) {
        let Ok(length) = next(&mut datagram) else { continue };
        let text = String::from_utf8(datagram[..length].to_vec()).expect("a datagram in UTF-8");
        let mut lines = lines.lock().expect("no other holder panics");
        lines.extend(text.lines().map(str::to_owned));
    }
}
