//! Serves one connection: requests in, answers out, every one of them bounded in size and time.
//!
//! A request is read whole before async-h1 sees it, and decoded from memory. So the decoder never
//! waits, keep-alive and pipelining cannot lose what was read ahead, and every refusal is answered
//! where async-h1 would close without a word.

use std::str::FromStr;
use std::time::Duration;

use http_types::{Method, Response};
use smol::future::yield_now;
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Cursor};

use super::head::{HeadError, Stream, closes, header, length, read_head, read_more};
use crate::limit::within;

/// The largest request body. The protocol has none; `{}` is what its document shows.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long a connection may be without a request.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a request may take to arrive, from its first byte.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a peer may take to read an answer.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// A whole request; bodies mean nothing in this protocol and are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method, in capitals.
    pub method: String,
    /// The path, without its query.
    pub path: String,
}

/// A request that is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Why, in words.
    pub reason: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// Serves a connection until the peer closes it, asks for that, or breaks a rule.
pub async fn serve<S>(mut stream: S, mut answer: impl AsyncFnMut(Result<Call, Refusal>) -> Answer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = Vec::new();
    loop {
        // The engine tries the socket with a connection that says nothing: no request, no answer.
        let waits = buffer.is_empty();
        if waits && !matches!(within(IDLE_TIME_MAX, read_more(&mut stream, &mut buffer)).await, Some(Ok(1..)))
        {
            return;
        }
        let request = within(REQUEST_TIME_MAX, read_request(&mut stream, &mut buffer)).await;
        let (call, keep_alive) = match request.unwrap_or_else(|| refuse(408, "the request took too long")) {
            Ok(request) => (Ok(request.call), request.keep_alive),
            Err(Some(refusal)) => (Err(refusal), false),
            Err(None) => return,
        };
        let method = call.as_ref().map_or("GET", |call| &call.method).to_owned();
        let answer = answer(call).await;
        let bytes = encode(&answer, &method, keep_alive).await;
        let sent = within(ANSWER_TIME_MAX, stream.write_all(&bytes)).await;
        if !keep_alive || !matches!(sent, Some(Ok(()))) {
            let _ = within(ANSWER_TIME_MAX, stream.close()).await;
            return;
        }
        // A peer that writes as fast as it is answered never makes a read wait, and others would never be served.
        yield_now().await;
    }
}

struct WholeRequest {
    call: Call,
    keep_alive: bool,
}

/// `Err(None)` if the peer is gone and there is nobody to answer.
type Read<T> = Result<T, Option<Refusal>>;

fn refuse<T>(status: u16, reason: impl Into<String>) -> Read<T> {
    Err(Some(Refusal { status, reason: reason.into() }))
}

async fn read_request(stream: Stream<'_>, buffer: &mut Vec<u8>) -> Read<WholeRequest> {
    let head = match read_head(stream, buffer).await {
        Ok(head) => head,
        Err(HeadError::TooLong) => return refuse(431, "the request's head is too long"),
        Err(HeadError::NotAscii) => return refuse(400, "the request's head holds bytes outside ASCII"),
        Err(HeadError::Malformed) => return refuse(400, "the request's head is malformed"),
        Err(HeadError::Cut) => return refuse(400, "the request ended within its head"),
        Err(HeadError::Closed | HeadError::Io(_)) => return Err(None),
    };
    let body_bytes = check_head(&head)?;
    while buffer.len() < body_bytes {
        match read_more(stream, buffer).await {
            Ok(0) => return refuse(400, "the request ended within its body"),
            Ok(_) => {}
            Err(_) => return Err(None),
        }
    }
    buffer.drain(..body_bytes);
    let keep_alive = !closes(&head);
    let call = decode(&head).await?;
    Ok(WholeRequest { call, keep_alive })
}

/// Refuses what async-h1 would close, hang or start threads on; returns the length of the body.
fn check_head(head: &str) -> Read<usize> {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return refuse(400, "the request line is malformed");
    };
    if version != "HTTP/1.1" {
        return refuse(505, "only HTTP/1.1 is served");
    }
    // http-types takes small letters for the same method.
    if !Method::from_str(method).is_ok_and(|known| known.as_ref() == method) {
        return refuse(405, format!("method {method} is not served"));
    }
    // A host in it would be read as one: whoever sends it chooses what a parser of host names is given.
    if !target.starts_with('/') {
        return refuse(400, "the request is for no path");
    }
    if header(head, "transfer-encoding").next().is_some() {
        return refuse(411, "the request must say its length");
    }
    // async-h1 starts a thread for each processor on this one.
    if header(head, "expect").next().is_some() {
        return refuse(417, "no expectation is met");
    }
    let mut lengths = header(head, "content-length");
    let Some(first) = lengths.next() else { return Ok(0) };
    match length(first).map(usize::try_from) {
        Some(Ok(bytes)) if bytes <= BODY_BYTES_MAX && lengths.all(|other| other == first) => Ok(bytes),
        Some(Ok(bytes)) if bytes > BODY_BYTES_MAX => {
            refuse(413, format!("the request's body is larger than {BODY_BYTES_MAX} bytes"))
        }
        _ => refuse(400, "the request's Content-Length is malformed"),
    }
}

/// Hands a checked head to async-h1, which takes the first `Host` for the authority: engine 20.10
/// sends an empty one, from which async-h1 would take the method's name for a host and leave the path
/// empty. On a unix socket the header says nothing, so a name of our own goes first. The path is the one that was
/// sent: http-types resolves dots in it.
async fn decode(head: &str) -> Read<Call> {
    let (request_line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let fenced = format!("{request_line}\nHost: plugin\r\n{headers}");
    match async_h1::server::decode(Cursor::new(fenced.into_bytes())).await {
        Ok(Some((request, _))) => {
            let target = request_line.split(' ').nth(1).unwrap_or_default();
            let path = target.split('?').next().unwrap_or_default();
            Ok(Call { method: request.method().to_string(), path: path.to_owned() })
        }
        Ok(None) => refuse(400, "the request's head is malformed"),
        Err(error) => refuse(400, format!("the request is malformed: {error}")),
    }
}

async fn encode(answer: &Answer, method: &str, keep_alive: bool) -> Vec<u8> {
    let mut response = Response::new(answer.status);
    response.set_body(answer.body.as_str());
    response.insert_header("Content-Type", answer.content_type);
    if !keep_alive {
        response.insert_header("Connection", "close");
    }
    if answer.status == 405 {
        response.insert_header("Allow", "POST");
    }
    let method = Method::from_str(method).unwrap_or(Method::Get);
    let mut bytes = Vec::new();
    // Reading from memory into memory: this cannot fail.
    let _ = async_h1::server::Encoder::new(response, method).read_to_end(&mut bytes).await;
    bytes
}
