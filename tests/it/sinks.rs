//! What a socket tells about a datagram, on real sockets.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::sink::Sink;

fn sink(address: &str) -> Sink {
    let settings = Settings::from_vars("", |name| (name == "STATSD_ADDR").then(|| address.to_owned()));
    Sink::new(settings.unwrap().statsd_addr)
}

fn send(sink: &mut Sink, datagram: &[u8]) -> Result<(), String> {
    smol::block_on(sink.send(datagram)).map_err(|error| error.to_string())
}

#[test]
fn udp_reaches_an_address_and_a_name() {
    for host in ["127.0.0.1", "localhost"] {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sink = sink(&format!("udp://{host}:{}", server.local_addr().unwrap().port()));
        send(&mut sink, b"a:1|c\n").unwrap();
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
    let taken = (0..100).take_while(|_| send(&mut sink, b"x").is_ok()).count();
    assert!((1..100).contains(&taken), "a server that does not read takes what its queue holds: {taken}");
    assert!(send(&mut sink, b"x").unwrap_err().contains("does not read"));
    drop(server);
}
