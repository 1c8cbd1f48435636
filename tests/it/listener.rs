//! The listener as a user has it: datagrams in, lines or a live table out.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use crate::Running;
use crate::command_line::{output, program};
use crate::terminal::Terminal;

/// A listener on a unix socket, ready to be sent to.
struct Listener {
    child: Running,
    socket: UnixDatagram,
    _folder: TempDir,
}

impl Listener {
    fn start(flags: &[&str], stdout: impl Into<Stdio>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("listen.sock");
        let address = format!("unix://{}", path.display());
        let arguments: Vec<_> = ["listen"].iter().chain(flags).copied().chain([address.as_str()]).collect();
        let child = Running(program(&arguments, &[]).stdout(stdout).spawn().unwrap());
        let socket = UnixDatagram::unbound().unwrap();
        while socket.connect(&path).is_err() {
            std::thread::yield_now();
        }
        Self { child, socket, _folder: folder }
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let stdout = self.child.0.stdout.take().unwrap();
        BufReader::new(stdout).lines().map(Result::unwrap)
    }
}

#[test]
fn metrics_are_printed_in_columns_and_raw() {
    for (flags, expected) in [(&[][..], "docker.a 1.5 count b:c"), (&["--raw"], "docker.a:1.5|c|#b:c")] {
        let mut listener = Listener::start(flags, Stdio::piped());
        listener.socket.send(b"docker.a:1.5|c|#b:c\n").unwrap();
        let line = listener.lines().next().unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    }
}

#[test]
fn a_summary_in_a_pipe_has_a_line_for_each_change() {
    let mut listener = Listener::start(&["--summary"], Stdio::piped());
    let mut lines = listener.lines();
    assert!(lines.next().unwrap().starts_with("listening on unixgram:///"));
    listener.socket.send(b"docker.a:1|c|#b:c\ndocker.a:2|c|#b:d\ndocker.g:7|g\n").unwrap();
    let shown: Vec<_> = lines.by_ref().take(4).collect();
    assert!(shown[0].starts_with("METRIC "), "{shown:#?}");
    let words = |line: &str| line.split_whitespace().take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&shown[1]), ["docker.a", "count", "2", "3"]);
    assert_eq!(words(&shown[2]), ["docker.g", "gauge", "1", "7"]);
    assert!(shown[3].starts_with("2 metrics in 3 lines and 1 datagrams"), "{shown:#?}");

    listener.socket.send(b"docker.a:4|c|#b:c\ndocker.g:7|g\n").unwrap();
    let shown: Vec<_> = lines.take(3).collect();
    assert_eq!(words(&shown[1]), ["docker.a", "count", "2", "7"], "and nothing of what did not change");
    assert!(shown[2].starts_with("2 metrics in 5 lines"), "{shown:#?}");
}

#[test]
fn a_summary_on_a_terminal_is_redrawn_in_place() {
    let (terminal, end) = Terminal::open(60, 8);
    let listener = Listener::start(&["--summary"], end);
    let mut screens = terminal.screens();
    let metrics: String = (0..9).map(|number| format!("docker.{number}:1|g\n")).collect();
    listener.socket.send(metrics.as_bytes()).unwrap();
    let screen = screens.find(|screen| screen.contains("docker.0 ")).unwrap();
    assert_eq!(screen.matches("docker.").count(), 3, "as many as fit: {screen}");
    assert!(screen.contains("6 metrics that move least are not shown"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 60), "{screen}");
    listener.socket.send(b"docker.8:2|g").unwrap();
    let screen = screens.find(|screen| screen.contains("docker.8 ")).unwrap();
    assert_eq!(screen.matches("docker.").count(), 3, "what moves comes first: {screen}");
}

#[test]
fn a_listener_ends_when_nobody_reads() {
    let mut listener = Listener::start(&[], Stdio::piped());
    drop(listener.child.0.stdout.take());
    while listener.socket.send(b"a:1|c").is_ok() {}
    assert_eq!(listener.child.0.wait().unwrap().code(), Some(0));
}

/// Two connections at a time, with each line as `framed` has it.
#[track_caller]
fn check_streams<S: Write>(
    address: &str,
    connect: impl Fn() -> std::io::Result<S>,
    framed: fn(&[u8]) -> Vec<u8>,
) {
    let child = program(&["listen", "--raw", address], &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut child = Running(child);
    let mut first = loop {
        match connect() {
            Ok(stream) => break stream,
            Err(_) => std::thread::yield_now(),
        }
    };
    let mut second = connect().unwrap();
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    for _ in 0..3 {
        second.write_all(&framed(b"b:2|c\n")).unwrap();
        assert_eq!(lines.next().unwrap(), "b:2|c", "{address}");
        first.write_all(&framed(b"a:1|c\n")).unwrap();
        assert_eq!(lines.next().unwrap(), "a:1|c", "{address}");
    }
}

#[test]
fn connections_are_read_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream.sock");
    let address = format!("unixstream://{}", path.display());
    let with_length = |line: &[u8]| {
        let length = u32::try_from(line.len()).unwrap();
        [&length.to_le_bytes(), line].concat()
    };
    check_streams(&address, || UnixStream::connect(&path), with_length);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    check_streams(
        &format!("tcp://127.0.0.1:{port}"),
        || TcpStream::connect(("127.0.0.1", port)),
        <[u8]>::to_vec,
    );
}

#[test]
fn connections_beyond_the_limit_wait_for_one_that_ends() {
    const CONNECTIONS_MAX: usize = 16;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let command = &mut program(&["listen", "--raw", &format!("tcp://{free}")], &[]);
    let mut listener = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let stdout = BufReader::new(listener.0.stdout.take().unwrap());
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let connect = || loop {
        if let Ok(stream) = TcpStream::connect(free) {
            return stream;
        }
        std::thread::yield_now();
    };
    let mut connected: Vec<_> = (0..CONNECTIONS_MAX).map(|_| connect()).collect();
    for stream in &mut connected {
        stream.write_all(b"a:1|c\n").unwrap();
        assert_eq!(lines.recv().unwrap(), "a:1|c");
    }
    connect().write_all(b"b:1|c\n").unwrap();
    assert!(lines.recv_timeout(Duration::from_millis(200)).is_err());
    connected.pop();
    assert_eq!(lines.recv().unwrap(), "b:1|c");
}

#[test]
fn an_address_in_use_is_said() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flags in [&["listen", &address][..], &["listen", "--summary", &address]] {
        let (code, _, stderr) = output(flags, &[]);
        assert_eq!(code, 1);
        // C libraries word it differently.
        assert!(stderr.starts_with(&format!("cannot listen on udp://{address}: Address ")), "{stderr}");
        assert!(stderr.contains(" in use "), "{stderr}");
    }
}
