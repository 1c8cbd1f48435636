//! The connection to a unix socket that is kept from one scrape to the next: whatever the server does with it, a scrape
//! gets the answer to its own request, and a connection that was closed meanwhile is no error.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use docker_metrics_statsd::config::{HostPort, ScrapeAddr};
use docker_metrics_statsd::scrape::Scraper;
use docker_metrics_statsd::timer::block_on;

use crate::endpoint::{Endpoint, chunked, request};

/// For what is there at once.
const LIMIT: Duration = Duration::from_secs(10);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(200);
const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n";

/// A scraper, and which connection and which request of it were answered, each from 0.
struct Bench {
    scraper: Scraper,
    asked: mpsc::Receiver<(usize, usize)>,
    endpoint: Endpoint,
}

impl Bench {
    /// `answer` is given each request; a connection ends when it returns false.
    fn start(mut answer: impl FnMut(usize, usize, &mut UnixStream) -> bool + Send + 'static) -> Self {
        let (sender, asked) = mpsc::channel();
        let endpoint = Endpoint::serve(move |connection, stream| {
            for number in 0.. {
                let _ = sender.send((connection, number));
                if !answer(connection, number, stream) || request(stream).is_empty() {
                    return;
                }
            }
        });
        let address = ScrapeAddr::Unix { socket: endpoint.socket(), path: "/metrics".to_owned() };
        Self { scraper: Scraper::new(address), asked, endpoint }
    }

    fn scrape(&mut self, limit: Duration) -> Result<String, String> {
        let mut body = Vec::new();
        let scraped = block_on(self.scraper.scrape(limit, |piece| body.extend_from_slice(piece)));
        scraped.map(|()| String::from_utf8(body).unwrap()).map_err(|error| error.to_string())
    }

    /// What was asked since this was called last.
    fn asked(&self) -> Vec<(usize, usize)> {
        self.asked.try_iter().collect()
    }
}

/// Tells which connection and which request it answers.
fn good(connection: usize, number: usize, stream: &mut UnixStream) -> bool {
    stream.write_all(&chunked(&format!("a {connection}{number}\n"))).is_ok()
}

#[test]
fn scrapes_go_over_one_connection_with_the_same_request() {
    let (sender, requests) = mpsc::channel();
    let endpoint = Endpoint::serve(move |_, stream| {
        while stream.write_all(&chunked("a 1\n")).is_ok() {
            let request = request(stream);
            if request.is_empty() {
                break;
            }
            sender.send(request).unwrap();
        }
        sender.send("closed".to_owned()).unwrap();
    });
    let address = ScrapeAddr::Unix { socket: endpoint.socket(), path: "/metrics".to_owned() };
    let mut scraper = Scraper::new(address);
    (0..4).for_each(|_| block_on(scraper.scrape(LIMIT, |_| {})).unwrap());
    for _ in 0..3 {
        let request = requests.recv_timeout(LIMIT).unwrap();
        assert!(request.starts_with("get /metrics http/1.1\r\nhost: localhost\r\n"), "{request}");
        assert!(request.contains("\r\naccept: text/plain;version=0.0.4\r\n"), "{request}");
        assert!(request.contains("\r\naccept-encoding: identity\r\n"), "{request}");
        assert!(!request.contains("\r\nconnection:"), "{request}");
    }
    scraper.hang_up();
    assert_eq!(requests.recv_timeout(LIMIT).unwrap(), "closed");
}

fn send(stream: &mut UnixStream, answer: &str) -> bool {
    stream.write_all(answer.as_bytes()).is_ok()
}

/// Sends this and goes on no more.
fn cut(stream: &mut UnixStream, answer: &str) -> bool {
    send(stream, answer);
    false
}

/// How a server answers number n of a connection, and whether it goes on with that.
type Answer = fn(usize, &mut UnixStream) -> bool;

/// The first scrape's connection is answered by `first`, each other one is good.
fn start(first: Answer) -> Bench {
    Bench::start(move |connection, number, stream| match connection {
        0 => first(number, stream),
        _ => good(connection, number, stream),
    })
}

#[test]
fn a_connection_that_is_closed_while_it_is_idle_is_replaced() {
    let answers: [(&str, Answer); 4] = [
        ("behind the answer", |number, stream| {
            good(0, number, stream);
            false
        }),
        ("its writing half, behind the answer", |number, stream| {
            good(0, number, stream) && stream.shutdown(Shutdown::Write).is_ok()
        }),
        ("with the next request unread, which resets it", |number, stream| {
            good(0, number, stream) && stream.read_exact(&mut [0]).is_err()
        }),
        ("with the next request read", |number, stream| number == 0 && good(0, number, stream)),
    ];
    for (what, answer) in answers {
        let mut bench = start(answer);
        for body in ["a 00\n", "a 10\n", "a 11\n"] {
            assert_eq!(bench.scrape(LIMIT).as_deref(), Ok(body), "{what}");
        }
    }
}

#[test]
fn a_connection_is_not_kept_behind_an_answer_that_does_not_end_cleanly() {
    let answers: [(&str, Answer); 6] = [
        ("it closes", |_, stream| send(stream, &WHOLE.replace("OK\r\n", "OK\r\nConnection: close\r\n"))),
        ("it closes, among others", |_, stream| {
            send(stream, &WHOLE.replace("OK\r\n", "OK\r\nA: b\r\nconnection: x, Close\r\n"))
        }),
        ("HTTP/1.0", |_, stream| {
            send(stream, &WHOLE.replace("1.1 200 OK\r\n", "1.0 200 OK\r\nConnection: keep-alive\r\n"))
        }),
        ("another answer behind chunks", |_, stream| {
            let answer = String::from_utf8(chunked("a 1\n")).unwrap();
            send(stream, &(answer + WHOLE))
        }),
        ("one byte behind chunks", |_, stream| {
            let answer = String::from_utf8(chunked("a 1\n")).unwrap();
            send(stream, &(answer + "\n"))
        }),
        ("another answer behind an empty body", |_, stream| {
            send(stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n{WHOLE}"))
        }),
    ];
    for (what, answer) in answers {
        let mut bench = start(answer);
        let first = bench.scrape(LIMIT).unwrap();
        assert!(["a 1\n", ""].contains(&&*first), "{what}: {first}");
        assert_eq!(bench.scrape(LIMIT).as_deref(), Ok("a 10\n"), "{what}");
        assert_eq!(bench.asked(), [(0, 0), (1, 0)], "{what}");
    }
}

#[test]
fn a_connection_on_which_something_came_unasked_is_replaced() {
    for surplus in ["\n", WHOLE, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"] {
        let (read, is_read) = mpsc::channel();
        let (sent, is_sent) = mpsc::channel();
        let mut bench = Bench::start(move |connection, number, stream| {
            let is_good = good(connection, number, stream);
            if connection == 0 {
                is_read.recv().unwrap();
                send(stream, surplus);
                sent.send(()).unwrap();
            }
            is_good
        });
        assert_eq!(bench.scrape(LIMIT).as_deref(), Ok("a 00\n"));
        read.send(()).unwrap();
        is_sent.recv().unwrap();
        for body in ["a 10\n", "a 11\n"] {
            assert_eq!(bench.scrape(LIMIT).as_deref(), Ok(body), "{surplus:?}");
        }
    }
}

#[test]
fn a_request_is_sent_again_only_once_and_only_if_nothing_of_an_answer_came() {
    let answers: [(&str, Answer); 4] = [
        ("closed without an answer", |_, _| false),
        ("the body was cut short", |_, stream| cut(stream, &WHOLE[..WHOLE.len() - 1])),
        ("closed within the answer's head", |_, stream| cut(stream, "HTTP/1.1 2")),
        ("500 Internal Server Error", |_, stream| {
            send(stream, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
        }),
    ];
    for (number, (error, answer)) in answers.into_iter().enumerate() {
        // Each other one is no better than the first.
        let mut bench = Bench::start(move |connection, number, stream| match (connection, number) {
            (0, 0) => good(connection, number, stream),
            _ => answer(number, stream),
        });
        bench.scrape(LIMIT).unwrap();
        let failure = bench.scrape(LIMIT).unwrap_err();
        assert!(failure.contains(error), "{failure}");
        let again = [(1, 0)].into_iter().filter(|_| number == 0);
        let asked: Vec<_> = [(0, 0), (0, 1)].into_iter().chain(again).collect();
        assert_eq!(bench.asked(), asked, "{error}");
        // It is not used any more.
        assert!(bench.scrape(LIMIT).is_err());
        assert_eq!(bench.asked(), [(asked.last().unwrap().0 + 1, 0)], "{error}");
    }
}

#[test]
fn a_connection_without_an_answer_is_given_up_with_its_scrape() {
    let (end, is_over) = mpsc::channel();
    let mut bench = Bench::start(move |connection, number, stream| match (connection, number) {
        (0, 1) => is_over.recv().is_ok(),
        _ => good(connection, number, stream),
    });
    bench.scrape(LIMIT).unwrap();
    assert_eq!(bench.scrape(SHORT), Err(format!("not complete after {SHORT:?}")));
    end.send(()).unwrap();
    assert_eq!(bench.scrape(LIMIT).as_deref(), Ok("a 10\n"));
}

#[test]
fn a_socket_that_takes_the_place_of_another_is_the_one_that_is_scraped() {
    let mut bench = start(|number, stream| good(0, number, stream));
    assert_eq!(bench.scrape(LIMIT).as_deref(), Ok("a 00\n"));
    let path = bench.endpoint.socket();
    std::fs::remove_file(&path).unwrap();
    let gone = bench.scrape(LIMIT).unwrap_err();
    assert!(gone.starts_with("cannot connect: No such file"), "{gone}");

    let listener = UnixListener::bind(&path).unwrap();
    let other = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        request(&mut stream);
        good(7, 7, &mut stream)
    });
    assert_eq!(bench.scrape(LIMIT).as_deref(), Ok("a 77\n"));
    assert!(other.join().unwrap());
}

#[test]
fn connections_over_tcp_are_not_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = HostPort { host: "127.0.0.1".to_owned(), port: listener.local_addr().unwrap().port() };
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let request = request(&mut stream);
            assert!(request.contains("\r\nconnection: close\r\n"), "{request}");
            stream.write_all(WHOLE.as_bytes()).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it is closed, though the server keeps it open");
        }
    });
    let mut scraper = Scraper::new(ScrapeAddr::Tcp { address, path: "/metrics".to_owned() });
    (0..2).for_each(|_| block_on(scraper.scrape(LIMIT, |_| {})).unwrap());
    server.join().unwrap();
}
