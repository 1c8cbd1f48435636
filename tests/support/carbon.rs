//! What a carbon, Graphite's receiver, gets: a TCP socket on loopback and a thread that keeps every line.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How soon the thread notices that somebody connected, or that it should end.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Receives until it is dropped. A sender connects, sends lines and closes.
pub(crate) struct Carbon {
    port: u16,
    text: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Carbon {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a TCP socket");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let port = listener.local_addr().expect("the address of a bound socket").port();
        let (text, ended) = (Arc::<Mutex<String>>::default(), Arc::<AtomicBool>::default());
        let thread = thread::spawn({
            let (text, ended) = (Arc::clone(&text), Arc::clone(&ended));
            move || receive(&listener, &text, &ended)
        });
        Self { port, text, ended, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Every line so far: `PATH VALUE SECONDS`.
    pub(crate) fn text(&self) -> String {
        self.text.lock().expect("the receiving thread does not panic").clone()
    }

    /// The different paths so far.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        self.text().lines().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
    }
}

impl Drop for Carbon {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let thread = self.thread.take().map(JoinHandle::join);
        assert!(thread.is_none_or(|result| result.is_ok()) || thread::panicking());
    }
}

fn receive(listener: &TcpListener, text: &Mutex<String>, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(LOOK_INTERVAL);
                continue;
            }
            Err(error) => panic!("a connection that cannot be accepted: {error}"),
        };
        stream.set_nonblocking(false).expect("a stream that blocks");
        let mut lines = String::new();
        stream.read_to_string(&mut lines).expect("lines in UTF-8");
        text.lock().expect("no other holder panics").push_str(&lines);
    }
}
