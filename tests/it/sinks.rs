//! What a socket tells about a datagram, on real sockets.

use std::iter::repeat_n;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::{Duration, Instant};

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::sink::{CONNECT_TIME_MAX, Pace, Sink};
use docker_metrics_statsd::timer::block_on;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

fn sink(address: &str) -> Sink {
    let settings = Settings::from_vars("", |name| (name == "STATSD_ADDR").then(|| address.to_owned()));
    Sink::new(settings.unwrap().statsd_addr)
}

fn send(sink: &mut Sink, datagram: &[u8]) -> Result<(), String> {
    block_on(sink.send(datagram)).map_err(|error| error.to_string())
}

#[test]
fn udp_reaches_an_address_and_a_name() {
    for host in ["127.0.0.1", "localhost"] {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sink = sink(&format!("udp://{host}:{}", server.local_addr().unwrap().port()));
        // Debian's localhost is ::1 first: what is refused there goes to the next address.
        send(&mut sink, b"a:1|c\n").or_else(|_| send(&mut sink, b"a:1|c\n")).unwrap();
        let mut buffer = [0; 100];
        let count = server.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"a:1|c\n", "{host}");
    }
}

#[test]
fn a_refused_udp_datagram_is_reported_for_itself() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let mut sink = sink(&address.to_string());
    send(&mut sink, b"1").unwrap();
    drop(server);
    for _ in 0..5 {
        assert!(send(&mut sink, b"2").unwrap_err().contains("refused"));
    }
    let server = UdpSocket::bind(address).unwrap();
    send(&mut sink, b"3").unwrap();
    server.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut buffer = [0; 10];
    assert_eq!((server.recv(&mut buffer).unwrap(), buffer[0]), (1, b'3'));
}

#[test]
fn a_name_with_an_address_that_refuses_is_reached_by_another() {
    // `localhost` is ::1 as well where the machine has IPv6.
    for listens in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(server) = UdpSocket::bind(listens) else { continue };
        let address = server.local_addr().unwrap();
        if !("localhost", address.port()).to_socket_addrs().unwrap().any(|known| known == address) {
            continue;
        }
        let mut sink = sink(&format!("udp://localhost:{}", address.port()));
        let reached = (0..4).any(|_| {
            let sent = block_on(async {
                sink.send(b"x").await?;
                sink.confirm(Duration::from_millis(20)).await
            });
            sent.is_ok()
        });
        assert!(reached, "{listens}");
    }
}

/// How many of 500 datagrams of this length arrive at a receive buffer as Linux makes it, when a server
/// reads in the pauses and at no other time.
fn arrivals(mut pace: Pace, length: usize) -> usize {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; length];
    let mut read = || repeat_n((), usize::MAX).take_while(|()| server.recv(&mut buffer).is_ok()).count();
    let mut sink = sink(&server.local_addr().unwrap().to_string());
    let (datagram, mut arrived) = (vec![b'x'; length], 0);
    for _ in 0..500 {
        if pace.before(length).is_some() {
            arrived += read();
        }
        send(&mut sink, &datagram).unwrap();
    }
    arrived + read()
}

#[test]
fn a_burst_fits_the_receive_buffer_of_a_server_that_reads_in_the_pauses() {
    for length in [1, 100, 600, 1432, 3584, 3585, 8192, 20_000, 40_000, 65_507] {
        let pace = Pace::new(repeat_n(length, 500), Duration::from_secs(1));
        assert_eq!(arrivals(pace, length), 500, "of {length} bytes");
        let unbroken = arrivals(Pace::unbroken(), length);
        assert!(unbroken < 300, "without pauses what finds no room is lost: {unbroken} of {length} bytes");
    }
}

#[test]
fn on_one_host_a_refusal_is_known_without_waiting() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut udp = sink(&server.local_addr().unwrap().to_string());
    send(&mut udp, b"1").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut tcp = sink(&format!("tcp://{}", listener.local_addr().unwrap()));
    send(&mut tcp, b"1").unwrap();
    for mut sink in [udp, tcp] {
        let confirmed = block_on(smol::future::poll_once(sink.confirm(Duration::from_secs(1))));
        assert!(matches!(confirmed, Some(Ok(()))), "{confirmed:?}");
    }
}

#[test]
fn a_unix_socket_that_is_created_again_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    let mut sink = sink(&format!("unix://{}", path.display()));
    assert!(send(&mut sink, b"0").unwrap_err().starts_with("cannot connect: No such file"));
    for round in 0..3 {
        let server = UnixDatagram::bind(&path).unwrap();
        send(&mut sink, b"1").unwrap_or_else(|error| panic!("round {round}: {error}"));
        let mut buffer = [0; 10];
        assert_eq!(server.recv(&mut buffer).unwrap(), 1);
        drop(server);
        assert!(send(&mut sink, b"2").is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(send(&mut sink, b"2").is_err());
    }
}

#[test]
fn a_full_unix_socket_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    let server = UnixDatagram::bind(&path).unwrap();
    let mut sink = sink(&format!("unix://{}", path.display()));
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 10];
        (0..100).for_each(|_| {
            server.recv(&mut buffer).unwrap();
        });
        server
    });
    for number in 0..100 {
        send(&mut sink, b"x").unwrap_or_else(|error| panic!("{number}: {error}"));
    }
    let server = reader.join().unwrap();
    // The kernel's own queue holds ten datagrams, and systemd's setting is 512.
    let taken = (0..10_000).take_while(|_| send(&mut sink, b"x").is_ok()).count();
    assert!((1..10_000).contains(&taken), "a server that does not read takes what its queue holds: {taken}");
    assert!(send(&mut sink, b"x").unwrap_err().contains("does not read"));
    drop(server);
}

/// What a listening stream socket accepts and reads, as the test asks for it.
fn read_exactly(stream: &mut impl std::io::Read, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn tcp_sends_lines_and_finds_a_restarted_server() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let mut sink = sink(&format!("tcp://{address}"));
    send(&mut sink, b"a:1|c\n").unwrap();
    send(&mut sink, b"b:1|c\n").unwrap();
    let (mut stream, _) = server.accept().unwrap();
    assert_eq!(read_exactly(&mut stream, 12), b"a:1|c\nb:1|c\n");
    drop(stream);
    send(&mut sink, b"c:1|c\n").unwrap();
    let (mut stream, _) = server.accept().unwrap();
    assert_eq!(read_exactly(&mut stream, 6), b"c:1|c\n", "sent over a new connection, not into the dead one");
    drop((stream, server));
    assert!(send(&mut sink, b"d:1|c\n").unwrap_err().contains("refused"));
}

#[test]
fn a_connection_that_is_reset_does_not_confirm() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sink = sink(&format!("tcp://{}", server.local_addr().unwrap()));
    send(&mut sink, b"a:1|c\n").unwrap();
    // Closing with unread bytes resets: the server has not seen them.
    drop(server.accept().unwrap());
    let confirmed = block_on(sink.confirm(Duration::from_secs(1)));
    assert!(confirmed.is_err(), "{confirmed:?}");
}

#[test]
fn a_unix_stream_carries_datagrams_behind_their_length() {
    for scheme in ["unixstream", "unix"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dsd.socket");
        let server = UnixListener::bind(&path).unwrap();
        let mut sink = sink(&format!("{scheme}://{}", path.display()));
        send(&mut sink, b"a:1|c\n").unwrap();
        send(&mut sink, b"bc:1|c\n").unwrap();
        let (mut stream, _) = server.accept().unwrap();
        assert_eq!(read_exactly(&mut stream, 21), b"\x06\0\0\0a:1|c\n\x07\0\0\0bc:1|c\n");
        drop(stream);
        send(&mut sink, b"d:1|c\n").unwrap();
        let (mut stream, _) = server.accept().unwrap();
        assert_eq!(read_exactly(&mut stream, 10), b"\x06\0\0\0d:1|c\n");
    }
}

#[test]
fn a_server_that_does_not_accept_is_given_up() {
    let server = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&server, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    // A queue for one, which is soon full.
    listen(&server, 0).unwrap();
    let address = std::net::TcpListener::from(server.try_clone().unwrap()).local_addr().unwrap();
    let mut waiting: Vec<_> = (0..8).map(|_| sink(&format!("tcp://{address}"))).collect();
    let begin = Instant::now();
    let late = waiting.iter_mut().find_map(|sink| send(sink, b"a:1|c\n").err()).unwrap();
    assert!(late.starts_with("cannot connect: "), "{late}");
    assert!((CONNECT_TIME_MAX..5 * CONNECT_TIME_MAX).contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[test]
fn a_stream_that_nobody_reads_is_given_up() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sink = sink(&format!("tcp://{}", server.local_addr().unwrap()));
    let datagram = vec![b'x'; 8192];
    let taken = (0..10_000).take_while(|_| send(&mut sink, &datagram).is_ok()).count();
    assert!((1..10_000).contains(&taken), "what the kernel's buffers hold: {taken}");
    drop(server);
}
