//! What the process gives up when it has started, and that it still does its work.
//!
//! `just test-static` runs these with the static binary, which gives up the most.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Stdio;
use std::time::Duration;

use crate::Running;
use crate::command_line::{output, program};
use crate::endpoint::{Endpoint, at_once, chunked};

const PATIENCE: Duration = Duration::from_secs(10);
const BODY: &str = "# TYPE g gauge\ng 1\n";
const LINE: &str = "docker.g:1|g\n";

fn endpoint() -> Endpoint {
    Endpoint::start(|_| vec![at_once(chunked(BODY))])
}

/// An agent, and what it says of its rights.
fn agent(scrape: &str, statsd: &str) -> (Running, String) {
    let vars = [
        ("SCRAPE_ADDR", scrape),
        ("STATSD_ADDR", statsd),
        ("INTERVAL", "100ms"),
        // Only the endpoint's metric is waited for.
        ("SELF_METRICS", "false"),
    ];
    let mut agent = Running(program(&["agent"], &vars).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(agent.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (agent, line)
}

/// The value of a field in the status of each thread.
fn statuses(process: u32, field: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let statuses = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).unwrap());
    let value = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap().to_owned();
        line.trim_start_matches(':').trim().to_owned()
    };
    statuses.map(value).collect()
}

fn is_static() -> bool {
    std::env::var_os("PROGRAM").is_some()
}

#[test]
fn no_thread_keeps_a_capability_or_a_way_to_one() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let endpoint = endpoint();
    let scrape = format!("unix://{}", endpoint.socket().display());
    let (agent, line) = agent(&scrape, &format!("udp://{}", server.local_addr().unwrap()));
    assert!(line.starts_with("gave up capabilities"), "{line}");
    server.recv(&mut [0; 100]).unwrap();
    let is = |field: &str, expected: &str| {
        let found = statuses(agent.0.id(), field);
        assert!(found.len() >= 2, "the thread that waits for sockets is one of them: {found:?}");
        assert!(found.iter().all(|value| value == expected), "{field}: {found:?}");
    };
    for field in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        is(field, "0000000000000000");
    }
    is("NoNewPrivs", "1");
    if rustix::process::geteuid().is_root() {
        is("CapBnd", "0000000000000000");
    }
    if is_static() {
        assert!(line.contains("capabilities, other system calls"), "{line}");
        is("Seccomp", "2");
    }
}

#[test]
fn metrics_reach_every_kind_of_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let address = |scheme: &str, name: &str| format!("{scheme}://{}", path(name).display());
    let endpoint = endpoint();
    let scrape = format!("unix://{}", endpoint.socket().display());
    let arrives = |statsd: &str, receive: &mut dyn FnMut() -> Vec<u8>| {
        let (_agent, _) = agent(&scrape, statsd);
        assert_eq!(String::from_utf8(receive()).unwrap(), LINE, "{statsd}");
    };
    let mut buffer = [0; 100];

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(PATIENCE)).unwrap();
    for host in ["localhost", "127.0.0.1"] {
        arrives(&format!("udp://{host}:{}", udp.local_addr().unwrap().port()), &mut || {
            let count = udp.recv(&mut buffer).unwrap();
            buffer[..count].to_vec()
        });
    }
    let unixgram = UnixDatagram::bind(path("unixgram")).unwrap();
    unixgram.set_read_timeout(Some(PATIENCE)).unwrap();
    for scheme in ["unix", "unixgram"] {
        arrives(&address(scheme, "unixgram"), &mut || {
            let count = unixgram.recv(&mut buffer).unwrap();
            buffer[..count].to_vec()
        });
    }
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    arrives(&format!("tcp://localhost:{}", tcp.local_addr().unwrap().port()), &mut || {
        let mut line = vec![0; LINE.len()];
        tcp.accept().unwrap().0.read_exact(&mut line).unwrap();
        line
    });
    let unixstream = UnixListener::bind(path("unixstream")).unwrap();
    for scheme in ["unix", "unixstream"] {
        arrives(&address(scheme, "unixstream"), &mut || {
            let mut frame = vec![0; 4 + LINE.len()];
            unixstream.accept().unwrap().0.read_exact(&mut frame).unwrap();
            frame.split_off(4)
        });
    }
}

#[test]
fn an_endpoint_on_tcp_is_scraped_by_its_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let scrape = format!("http://localhost:{}/metrics", listener.local_addr().unwrap().port());
    let (_agent, _) = agent(&scrape, &format!("udp://{}", server.local_addr().unwrap()));
    let mut stream = listener.accept().unwrap().0;
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while !lines.next().unwrap().unwrap().is_empty() {}
    stream.write_all(&chunked(BODY)).unwrap();
    let mut buffer = [0; 100];
    let count = server.recv(&mut buffer).unwrap();
    assert_eq!(buffer[..count], *LINE.as_bytes());
}

#[test]
fn a_socket_that_others_may_not_write_to_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("dsd.socket");
    let _server = UnixDatagram::bind(&socket).unwrap();
    let endpoint = endpoint();
    let scrape = format!("unix://{}", endpoint.socket().display());
    let statsd = format!("unix://{}", socket.display());
    let vars = [("STATSD_ADDR", statsd.as_str()), ("SCRAPE_ADDR", &scrape)];
    for (mode, code, words) in [
        // Not even its owner, as for root with a socket of the Datadog Agent's user.
        (0o555, 1, "cannot connect: Permission denied (os error 13); let others write to the socket"),
        (0o722, 0, "it takes what is sent"),
    ] {
        fs::set_permissions(&socket, fs::Permissions::from_mode(mode)).unwrap();
        let (found, stdout, _) = output(&["check"], &vars);
        assert!(stdout.contains("ok     rights: gave up capabilities"), "{stdout}");
        assert!(stdout.contains(words), "{mode:o}: {stdout}");
        assert_eq!(found, code, "{stdout}");
    }
}

#[test]
fn a_listener_keeps_no_right_to_the_machine_it_listens_on() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let vars = &[];
    let mut listener =
        Running(program(&["listen", &format!("tcp://{free}")], vars).stdout(Stdio::piped()).spawn().unwrap());
    let mut stream = loop {
        if let Ok(stream) = TcpStream::connect(free) {
            break stream;
        }
        std::thread::yield_now();
    };
    stream.write_all(b"a:1|c\n").unwrap();
    let mut line = String::new();
    BufReader::new(listener.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('a'), "{line}");
    let found = statuses(listener.0.id(), "CapEff");
    assert!(found.iter().all(|value| value == "0000000000000000"), "{found:?}");
}
