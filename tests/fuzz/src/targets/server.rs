//! The plugin's socket: *for every stream, in whatever pieces it comes, each request that a slow reader finds has its one
//! answer, the calls are made that it finds and no others, and the first thing that is no request ends the connection,
//! with an answer that says why.*

use std::cell::{Cell, RefCell};

use docker_metrics_statsd::plugin::{self, Call};

use super::http::{HEAD_BYTES_MAX, Head, is_token, length, take};
use crate::peer::{Peer, complete};

const BODY_BYTES_MAX: usize = 64 * 1024;
/// With more the head is refused; the server adds one of its own to the 128 that async-h1 takes.
const FIELDS_MAX: usize = 127;

/// One byte that cuts, and the stream.
pub fn server(input: &[u8]) {
    let Some((cuts, stream)) = input.split_first() else { return };
    let peer = Peer::new(stream, *cuts);
    let got = peer.got();
    let calls = RefCell::new(Vec::new());
    let handle = async |call| {
        calls.borrow_mut().push(call);
        // A call that failed is answered too.
        if calls.borrow().len().is_multiple_of(3) { Err("a\r\n\"b\"".to_owned()) } else { Ok(()) }
    };
    complete(plugin::connection(peer, &handle, &Cell::new(false)));
    let answers = answers(&got.lock().unwrap());
    let (expected, expected_calls) = expected(stream, &answers);
    assert_eq!(calls.into_inner(), expected_calls);
    let is_refusal = |status| matches!(status, 400 | 405 | 411 | 413 | 417 | 431 | 505);
    let is_right = |(answer, expected): (&Answer, &Expected)| match expected {
        Expected::Answer(expected) => answer == expected,
        Expected::Refusal => is_refusal(answer.status) && !answer.goes_on && answer.has_body,
    };
    assert!(
        answers.len() == expected.len() && answers.iter().zip(&expected).all(is_right),
        "{answers:?} {expected:?}"
    );
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Answer {
    status: u16,
    /// The connection does.
    goes_on: bool,
    has_body: bool,
}

#[derive(Debug)]
enum Expected {
    Answer(Answer),
    /// Of what is no request, for one of the reasons that there are, and it is the last answer.
    Refusal,
}

fn answers(mut stream: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !stream.is_empty() {
        let head = Head::take(&mut stream).expect("the head of an answer");
        assert_eq!(head.words[0], "HTTP/1.1");
        let status = head.words[1].parse().unwrap();
        let goes_on = head.values("connection") != ["close"];
        let [bytes] = head.values("content-length")[..] else { panic!("an answer without its length") };
        let has_body = stream.starts_with(b"{");
        if has_body {
            let body = take(&mut stream, length(bytes).unwrap()).expect("the body of an answer");
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let is_error = body["Err"].as_str().is_some_and(|error| !error.is_empty());
            assert_eq!(is_error, status != 200, "{body}");
        }
        answers.push(Answer { status, goes_on, has_body });
    }
    answers
}

/// What there must be; whether an odd request is one at all, `answered` says.
fn expected(mut stream: &[u8], answered: &[Answer]) -> (Vec<Expected>, Vec<Call>) {
    let (mut answers, mut calls) = (Vec::new(), Vec::new());
    loop {
        let is_over = stream.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        if is_over && stream.len() <= HEAD_BYTES_MAX {
            return (answers, calls);
        }
        let request = request(&mut stream);
        let was_refused =
            matches!(answered.get(answers.len()), Some(Answer { status: 400 | 405, goes_on: false, .. }));
        let Some(Request { path, method, goes_on, .. }) =
            request.filter(|request| !request.is_odd || !was_refused)
        else {
            answers.push(Expected::Refusal);
            return (answers, calls);
        };
        let call = match path.as_str() {
            "/Plugin.Activate" => Some(Call::Activate),
            "/MetricsCollector.StartMetrics" => Some(Call::StartMetrics),
            "/MetricsCollector.StopMetrics" => Some(Call::StopMetrics),
            _ => None,
        };
        let status = match call {
            None => 404,
            Some(_) if method != "POST" => 405,
            Some(Call::Activate) => 200,
            Some(call) => {
                calls.push(call);
                if calls.len().is_multiple_of(3) { 500 } else { 200 }
            }
        };
        answers.push(Expected::Answer(Answer { status, goes_on, has_body: method != "HEAD" }));
        if !goes_on {
            return (answers, calls);
        }
    }
}

struct Request {
    path: String,
    method: String,
    /// Its method is none that every server knows (RFC 9110), or its target is more than a plain path.
    is_odd: bool,
    goes_on: bool,
}

/// Takes a request from the beginning of a stream; `None` if there is none that is served.
fn request(stream: &mut &[u8]) -> Option<Request> {
    let head = Head::take(stream)?;
    let words: Vec<&str> = head.words.iter().map(String::as_str).collect();
    let [method, target, "HTTP/1.1"] = words[..] else { return None };
    let is_whole = !method.is_empty() && method.bytes().all(is_token) && target.starts_with('/');
    let is_plain = head.values("transfer-encoding").is_empty() && head.values("expect").is_empty();
    let lengths = head.values("content-length");
    let bytes = match lengths.as_slice() {
        [] => 0,
        [first, others @ ..] => length(first).filter(|_| others.iter().all(|other| other == first))?,
    };
    if !is_whole || !is_plain || bytes > BODY_BYTES_MAX || head.fields.len() > FIELDS_MAX {
        return None;
    }
    take(stream, bytes)?;
    let options = head.values("connection");
    let mut options = options.iter().flat_map(|value| value.split(',')).map(str::trim);
    Some(Request {
        path: target.split('?').next().unwrap().to_owned(),
        method: method.to_owned(),
        is_odd: !["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(&method)
            || !target.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)),
        goes_on: !options.any(|option| option.eq_ignore_ascii_case("close")),
    })
}
