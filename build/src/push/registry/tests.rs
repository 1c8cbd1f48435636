//! What a registry may answer and should not, from a stand-in that answers what it is told to.
//! How real ones answer is in `tests/engine`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use super::*;
use crate::push::Reference;

const BLOB: &[u8] = b"a blob";

/// Gives one answer to each connection, in order, with its own address for `SELF` and its port for `PORT`; its end has the requests, heads and bodies.
struct StandIn {
    address: SocketAddr,
    requests: JoinHandle<Vec<String>>,
}

impl StandIn {
    fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (server, port) = (address.to_string(), address.port().to_string());
        let filled_in = |answer: &&str| answer.replace("SELF", &server).replace("PORT", &port);
        let answers: Vec<_> = answers.iter().map(filled_in).collect();
        let requests = thread::spawn(move || {
            let answer = |answer: String| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") {
                    assert_ne!(reader.read_line(&mut request).unwrap(), 0, "{request}");
                }
                let length = request.to_lowercase().lines().find_map(|line| {
                    line.strip_prefix("content-length: ").map(|length| length.parse::<u64>().unwrap())
                });
                reader.take(length.unwrap_or(0)).read_to_string(&mut request).unwrap();
                let (head, body) = answer.split_once("\n\n").unwrap_or((&answer, ""));
                let head = head.replace('\n', "\r\n");
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
                // Who asked may have had enough of a long one.
                let _ = stream.write_all(answer.as_bytes());
                request
            };
            answers.into_iter().map(answer).collect()
        });
        Self { address, requests }
    }

    fn repository(&self) -> Repository {
        Reference::parse(&format!("{}/a", self.address)).unwrap().repository
    }

    fn requests(self) -> Vec<String> {
        self.requests.join().unwrap()
    }
}

fn blob() -> Blob {
    let digest = super::super::bundle::digest(BLOB);
    Blob { media_type: "application/octet-stream", digest, bytes: BLOB.to_vec() }
}

/// What uploading comes to when the registry answers so.
fn uploaded(answers: &[&str]) -> (Result<(), String>, Vec<String>) {
    let server = StandIn::start(answers);
    let repository = server.repository();
    let credentials = Credentials::Password { user: "ada".to_owned(), password: "secret".to_owned() };
    let mut registry = Registry::new(&repository, Some(credentials));
    let result = registry.upload(&blob(), &mut |_| {}).map_err(|error| error.to_string());
    (result, server.requests())
}

#[test]
fn an_upload_goes_where_the_registry_says() {
    for location in ["/v2/a/blobs/uploads/1?state=x", "http://SELF/v2/a/blobs/uploads/1?state=x"] {
        let (result, requests) = uploaded(&[&format!("202 Accepted\nLocation: {location}"), "201 Created"]);
        result.unwrap();
        let put = &requests[1];
        assert!(put.starts_with("PUT /v2/a/blobs/uploads/1?state=x&digest=sha256:"), "{put}");
        assert!(put.ends_with("\r\n\r\na blob"), "{put}");
    }
}

/// Whether it tells user and password: `printf ada:secret | base64`.
fn has_password(request: &str) -> bool {
    request.lines().any(|line| line.eq_ignore_ascii_case("authorization: Basic YWRhOnNlY3JldA=="))
}

#[test]
fn an_upload_that_goes_on_elsewhere_does_not_tell_who_asks() {
    let basic = "401 Unauthorized\nWWW-Authenticate: Basic realm=\"a\"";
    // The same address under another name.
    let begun = "202 Accepted\nLocation: http://localhost:PORT/upload";
    let (result, requests) = uploaded(&[basic, begun, "201 Created"]);
    result.unwrap();
    assert_eq!(
        requests.iter().map(|request| has_password(request)).collect::<Vec<_>>(),
        [false, true, false]
    );
}

#[test]
fn who_asks_is_told_when_the_registry_wants_it_and_again_when_it_forgot() {
    let basic = "401 Unauthorized\nWWW-Authenticate: Basic realm=\"a\"";
    let begun = "202 Accepted\nLocation: /upload";
    let (result, requests) = uploaded(&[basic, begun, basic, "201 Created"]);
    result.unwrap();
    assert_eq!(
        requests.iter().map(|request| has_password(request)).collect::<Vec<_>>(),
        [false, true, true, true]
    );
    assert!(requests[3].ends_with("a blob"), "the whole of it is sent again");
}

#[test]
fn a_long_lived_token_is_exchanged() {
    let server = StandIn::start(&[
        "401 Unauthorized\nWWW-Authenticate: Bearer realm=\"http://SELF/token\",service=\"a b\"",
        "200 OK\n\n{\"access_token\":\"short\"}",
        "200 OK",
    ]);
    let repository = server.repository();
    let mut registry = Registry::new(&repository, Some(Credentials::Identity("long".to_owned())));
    assert!(registry.has(&blob()).unwrap());
    let requests = server.requests();
    assert!(requests[1].starts_with("POST /token HTTP/1.1\r\n"), "{}", requests[1]);
    for part in ["grant_type=refresh_token", "refresh_token=long", "scope=repository%3Aa%3Apull%2Cpush"] {
        assert!(requests[1].contains(part), "{}", requests[1]);
    }
    assert!(requests[2].to_lowercase().contains("authorization: bearer short\r\n"), "{}", requests[2]);
}

#[test]
fn answers_that_cannot_be_trusted_end_the_push() {
    let begun = "202 Accepted\nLocation: /upload";
    let bearer = |rest: &str| format!("401 Unauthorized\nWWW-Authenticate: Bearer {rest}");
    let other_digest = format!("201 Created\nDocker-Content-Digest: sha256:{}", "0".repeat(64));
    let long = format!("400 Bad Request\n\n{}", "x".repeat((1 << 20) + 1));
    for (answers, problem) in [
        (&[begun, &other_digest][..], " has sha256:0000"),
        (&["202 Accepted"], " does not say where to"),
        (
            &["202 Accepted\nLocation: http://registry.example/a"],
            " sends it to http://registry.example/a, which has no TLS",
        ),
        (
            &["202 Accepted\nLocation: //registry.example/a"],
            " sends it to //registry.example/a, which has no TLS",
        ),
        (&["200 OK"], " answers 200"),
        (&["307 Temporary Redirect\nLocation: http://SELF/"], " answers 307"),
        (
            &["429 Too Many Requests\n\n{\"errors\":[{\"code\":\"TOOMANYREQUESTS\"}]}"],
            " answers 429: TOOMANYREQUESTS",
        ),
        (&["403 Forbidden"], " does not let \"ada\" push to a"),
        (&["401 Unauthorized"], " answers 401 and neither Basic nor Bearer"),
        (
            &[&bearer("realm=\"http://auth.example/token\"")],
            " sends for it to http://auth.example/token, which has no TLS",
        ),
        (
            &[&bearer("realm=\"http://SELF/\""), "200 OK\n\n{}"],
            " sends for it to a server that answers without one",
        ),
        (&[&bearer("realm=\"http://SELF/\""), "500 Oops"], " answers 500"),
        (&[&long], "no answer from"),
    ] {
        let error = uploaded(answers).0.unwrap_err();
        assert!(error.contains(problem), "{problem}: {error}");
    }
}

#[test]
fn credentials_go_over_tls_or_stay_on_this_machine() {
    for (reference, server, expected) in [
        ("registry.example/a", "https://auth.example/token", true),
        ("registry.example/a", "http://auth.example/token", false),
        ("registry.example/a", "http://127.0.0.1/token", false),
        ("127.0.0.1:5000/a", "http://127.0.0.1:5001/token", true),
        ("127.0.0.1:5000/a", "http://[::1]:5001/token", true),
        ("127.0.0.1:5000/a", "http://auth.example/token", false),
        ("127.0.0.1:5000/a", "https://auth.example/token", true),
        ("127.0.0.1:5000/a", "ftp://127.0.0.1/token", false),
        ("127.0.0.1:5000/a", "/token", false),
    ] {
        let repository = Reference::parse(reference).unwrap().repository;
        let registry = Registry::new(&repository, None);
        assert_eq!(registry.may_know(&server.parse().unwrap()), expected, "{reference} {server}");
    }
}
