//! The client's stream: *for every answer, in whatever pieces it comes, the body is the one that a slow reader finds, or
//! there is an error where that finds none.*

use docker_metrics_statsd::http::client::{Get, GetError};

use super::http::{Head, length, take};
use crate::peer::{Peer, complete};

/// One byte that cuts, and the answer.
pub fn client(input: &[u8]) {
    let Some((cuts, answer)) = input.split_first() else { return };
    let body = complete(got(Peer::new(answer, *cuts)));
    match (body, expected(answer)) {
        (Ok(body), Some(expected)) => assert_eq!(body, expected.body),
        (Err(_), None) => {}
        (Err(_), Some(expected)) if expected.has_more => {}
        (body, expected) => panic!("got {body:?}, expected {:?}", expected.map(|expected| expected.body)),
    }
}

async fn got(peer: Peer) -> Result<Vec<u8>, GetError> {
    let mut body = Vec::new();
    let mut pieces = Get::new("http://localhost/metrics", "text/plain").await?.send(peer).await?;
    loop {
        match pieces.next().await? {
            [] => return Ok(body),
            piece => body.extend_from_slice(piece),
        }
    }
}

struct Expected {
    body: Vec<u8>,
    /// More comes than the answer says, which is noticed if it comes with the end of the body.
    has_more: bool,
}

/// The body of an answer, if it is one of those that are accepted and all of it is there.
fn expected(mut answer: &[u8]) -> Option<Expected> {
    let mut head = Head::take(&mut answer)?;
    let version = head.words.pop_front()?;
    let is_accepted = matches!(version.as_str(), "HTTP/1.0" | "HTTP/1.1") && head.words.pop_front()? == "200";
    let is_plain =
        head.values("content-encoding").iter().all(|coding| coding.eq_ignore_ascii_case("identity"));
    match (head.values("content-length").as_slice(), head.values("transfer-encoding").as_slice()) {
        _ if !is_accepted || !is_plain => None,
        ([bytes], []) => {
            let body = take(&mut answer, length(bytes)?)?.to_vec();
            Some(Expected { body, has_more: !answer.is_empty() })
        }
        ([], ["chunked"]) if version == "HTTP/1.1" => {
            Some(Expected { body: put_together(answer)?, has_more: false })
        }
        _ => None,
    }
}

fn put_together(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let digits = chunks.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let digits = str::from_utf8(take(&mut chunks, digits)?).ok().filter(|digits| digits.len() <= 8)?;
        let bytes = usize::from_str_radix(digits, 16).ok()?;
        (take(&mut chunks, 2)? == b"\r\n").then_some(())?;
        body.extend_from_slice(take(&mut chunks, bytes)?);
        (take(&mut chunks, 2)? == b"\r\n").then_some(())?;
        if bytes == 0 {
            return Some(body);
        }
    }
}
