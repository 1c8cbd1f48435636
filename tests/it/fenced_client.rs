//! Answers to a scrape: it is complete or an error, whatever the peer does.

use std::time::Duration;

use docker_metrics_statsd::config::ScrapeAddr;
use docker_metrics_statsd::scrape::{BODY_BYTES_MAX, scrape};
use docker_metrics_statsd::timer::block_on;

use crate::endpoint::{Endpoint, Piece, at_once, chunked, later};

const LIMIT: Duration = Duration::from_secs(2);
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn scraped(pieces: impl FnMut(usize) -> Vec<Piece> + Send + 'static) -> Result<Vec<u8>, String> {
    scraped_within(LIMIT, pieces)
}

fn scraped_within(
    limit: Duration,
    pieces: impl FnMut(usize) -> Vec<Piece> + Send + 'static,
) -> Result<Vec<u8>, String> {
    let endpoint = Endpoint::start(pieces);
    let address = ScrapeAddr::Unix { socket: endpoint.socket(), path: "/metrics".to_owned() };
    let mut body = Vec::new();
    let scraped = block_on(scrape(&address, limit, |piece| body.extend_from_slice(piece)));
    scraped.map(|()| body).map_err(|error| error.to_string())
}

#[track_caller]
fn check_body(answer: impl Into<Vec<u8>>, expected: &str) {
    let answer = answer.into();
    let body = scraped(move |_| vec![at_once(answer.clone())]);
    assert_eq!(body.map(|body| String::from_utf8(body).unwrap()).as_deref(), Ok(expected));
}

#[track_caller]
fn check_error(answer: impl Into<Vec<u8>>, expected: &str) {
    let answer = answer.into();
    let shown = String::from_utf8_lossy(&answer).into_owned();
    let error = scraped(move |_| vec![at_once(answer.clone())]).expect_err(&shown);
    assert!(error.contains(expected), "{shown:?}: {error}");
}

fn chunked_by(version: &str) -> String {
    String::from_utf8(chunked("a 1\n")).unwrap().replacen("HTTP/1.1", version, 1)
}

#[test]
fn chunked_and_measured_bodies_come_whole() {
    check_body(chunked("a 1\n"), "a 1\n");
    check_body(chunked(&"a{b=\"é\"} 1\n".repeat(10_000)), &"a{b=\"é\"} 1\n".repeat(10_000));
    check_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n", "a 1\n");
    check_body("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n", "a 1\n");
    check_body("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "");
    check_body("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\na 1\n", "a 1\n");
}

#[test]
fn a_final_line_end_in_two_reads_does_not_hang() {
    // async-h1 sleeps for ever here: it returns Pending without having asked to be woken.
    let whole = chunked("a 1\n");
    for cut in 1..whole.len() {
        if cut < whole.len() - 6 && cut % 7 != 0 {
            continue;
        }
        let whole = whole.clone();
        let body = scraped(move |_| vec![at_once(&whole[..cut]), later(&whole[cut..])]);
        assert_eq!(body.as_deref(), Ok(&b"a 1\n"[..]), "cut at {cut}");
    }
}

#[test]
fn a_body_cut_short_is_an_error_wherever_it_is_cut() {
    let whole = chunked("a 1\nb 2\n");
    let head = whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    for cut in head..whole.len() {
        check_error(&whole[..cut], "the body was cut short");
    }
    // async-h1 gives the first 4 bytes as the whole body.
    check_error("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na 1\n", "the body was cut short");
    check_error("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na 1000\n", "longer than the answer says");
}

#[test]
fn a_body_without_framing_is_an_error() {
    let expected = "the answer says neither its length nor that it is chunked";
    check_error("HTTP/1.1 200 OK\r\n\r\na 1\n", expected);
    check_error("HTTP/1.0 200 OK\r\n\r\na 1\n", expected);
}

#[test]
fn a_body_whose_end_is_not_certain_is_an_error() {
    let answer = |head: &str| format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n");
    check_error(
        answer("Transfer-Encoding: gzip, chunked"),
        "Transfer-Encoding is \"gzip, chunked\" in HTTP/1.1",
    );
    check_error(chunked_by("HTTP/1.0"), "Transfer-Encoding is \"chunked\" in HTTP/1.0");
    check_error(answer("Content-Length: -4"), "Content-Length is \"-4\"");
    check_error(answer("Content-Length: +4"), "Content-Length is \"+4\"");
    for head in [
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        check_error(answer(head), "the answer says more than once where it ends");
    }
}

#[test]
fn only_200_is_an_answer() {
    check_error(
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\na 1\n",
        "500 Internal Server Error",
    );
    check_error("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 Not Found");
    check_error("HTTP/1.1 204 No Content\r\n\r\n", "204 No Content");
    check_error("HTTP/1.1 100 Continue\r\n\r\n", "100 Continue");
    check_error("SSH-2.0-OpenSSH_9.2\r\n\r\n", "SSH-2.0");
    check_error("SSH-2.0 200 OK\r\nContent-Length: 4\r\n\r\na 1\n", "SSH-2.0 200 OK");
}

#[test]
fn a_head_that_can_be_read_in_two_ways_is_an_error() {
    let expected = "the answer's head is malformed";
    for field in [
        "Content-Length : 4",
        "A:\r\n Content-Length: 4",
        "Content-Length\r\n: 4",
        "A: \0\r\nContent-Length: 4",
    ] {
        check_error(format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\na 1\n"), expected);
    }
    check_error("HTTP/1.1 200 OK\nContent-Length: 4\n\na 1\n", expected);
}

#[test]
fn a_compressed_body_is_refused() {
    let gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x08\0\0";
    check_error(gzip, "the answer is compressed (\"gzip\")");
    check_body("HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 4\r\n\r\na 1\n", "a 1\n");
}

#[test]
fn bytes_outside_ascii_do_not_panic() {
    // http-types panics on such a header or trailer, which ends the process.
    check_error("HTTP/1.1 200 OK\r\nA: é\r\nContent-Length: 0\r\n\r\n", "outside ASCII");
    check_error(format!("{CHUNKED}0\r\nA: é\r\n\r\n"), "trailers are not accepted");
    check_error(&b"HTTP/1.1 200 OK\r\nA: \xff\r\nContent-Length: 0\r\n\r\n"[..], "outside ASCII");
}

#[test]
fn malformed_chunks_are_errors() {
    check_error(format!("{CHUNKED}x\r\n"), "malformed chunked body");
    check_error(format!("{CHUNKED}4;a=b\r\na 1\n\r\n0\r\n\r\n"), "malformed chunked body");
    check_error(format!("{CHUNKED}3\r\na 1\n\r\n0\r\n\r\n"), "malformed chunked body");
    check_error(format!("{CHUNKED}fffffffffffffffff\r\n"), "malformed chunked body");
}

#[test]
fn an_answer_without_end_is_bounded_in_time_and_size() {
    check_error("", "closed without an answer");
    check_error(format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(10_000)), "head is too long");
    check_error("\r\n".repeat(5_000), "head is too long");
    let dribble = scraped(|_| (0..60).map(|_| later("H")).collect());
    assert_eq!(dribble.unwrap_err(), "not complete after 2s");
    let piece = format!("100000\r\n{}\r\n", "x".repeat(0x10_0000));
    // A machine that does much else takes its time for so many bytes.
    let endless = scraped_within(30 * LIMIT, move |_| {
        let pieces = (0..=BODY_BYTES_MAX >> 20).map(|_| at_once(piece.clone()));
        std::iter::once(at_once(CHUNKED)).chain(pieces).collect()
    });
    assert_eq!(endless.unwrap_err(), format!("the body is larger than {BODY_BYTES_MAX} bytes"));
}

#[test]
fn a_missing_and_a_stale_socket_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let address =
        |name: &str| ScrapeAddr::Unix { socket: folder.path().join(name), path: "/metrics".to_owned() };
    let error = |name: &str| block_on(scrape(&address(name), LIMIT, |_| {})).unwrap_err().to_string();
    assert!(error("missing").starts_with("cannot connect: No such file"));
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("stale")).unwrap());
    assert!(error("stale").starts_with("cannot connect: Connection refused"));
}
