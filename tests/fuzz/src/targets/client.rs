//! The client's stream: *for every answer, in whatever pieces it comes, the body is the one that a slow reader finds, or
//! there is an error where that finds none; and the connection is used again if that says so and nothing else was taken from
//! it.*

use docker_metrics_statsd::http::client::{Get, GetError, Persistence};

use super::http::{Head, length, take};
use crate::peer::{Peer, complete};

/// One byte that cuts, and the answer.
pub fn client(input: &[u8]) {
    let Some((cuts, answer)) = input.split_first() else { return };
    let mut peer = Peer::new(answer, *cuts);
    let got = complete(got(&mut peer));
    let left = peer.left();
    match (got, expected(answer)) {
        (Ok((body, is_usable)), Some(expected)) => {
            assert_eq!(body, expected.body);
            assert_eq!(is_usable, expected.stays_open && left == expected.behind);
        }
        (Err(_), None) => {}
        (Err(_), Some(expected)) if expected.is_measured && expected.behind > 0 => {}
        (got, expected) => panic!("got {got:?}, expected {:?}", expected.map(|expected| expected.body)),
    }
}

/// The body, and whether the connection can be used again.
async fn got(peer: &mut Peer) -> Result<(Vec<u8>, bool), GetError> {
    let mut body = Vec::new();
    let mut get = Get::new("http://localhost/metrics", "text/plain", Persistence::KeepAlive).await?;
    let mut pieces = get.send(peer).await?;
    loop {
        match pieces.next().await? {
            [] => return Ok((body, pieces.is_connection_reusable())),
            piece => body.extend_from_slice(piece),
        }
    }
}

struct Expected {
    body: Vec<u8>,
    /// The answer says how long it is. If more comes with its end, that is an error.
    is_measured: bool,
    /// How many bytes come behind it.
    behind: usize,
    stays_open: bool,
}

/// The body of an answer, if it is one of those that are accepted and all of it is there.
fn expected(mut answer: &[u8]) -> Option<Expected> {
    let mut head = Head::take(&mut answer)?;
    let version = head.words.pop_front()?;
    let is_accepted = matches!(version.as_str(), "HTTP/1.0" | "HTTP/1.1") && head.words.pop_front()? == "200";
    let is_plain =
        head.values("content-encoding").iter().all(|coding| coding.eq_ignore_ascii_case("identity"));
    let mut options = head.values("connection").into_iter().flat_map(|options| options.split(','));
    let closes = options.any(|option| option.trim().eq_ignore_ascii_case("close"));
    let stays_open = version == "HTTP/1.1" && !closes;
    match (head.values("content-length").as_slice(), head.values("transfer-encoding").as_slice()) {
        _ if !is_accepted || !is_plain => None,
        ([bytes], []) => {
            let body = take(&mut answer, length(bytes)?)?.to_vec();
            Some(Expected { body, is_measured: true, behind: answer.len(), stays_open })
        }
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") && version == "HTTP/1.1" => {
            let body = put_together(&mut answer)?;
            Some(Expected { body, is_measured: false, behind: answer.len(), stays_open })
        }
        _ => None,
    }
}

fn put_together(chunks: &mut &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let digits = chunks.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let digits = str::from_utf8(take(chunks, digits)?).ok().filter(|digits| digits.len() <= 8)?;
        let bytes = usize::from_str_radix(digits, 16).ok()?;
        (take(chunks, 2)? == b"\r\n").then_some(())?;
        body.extend_from_slice(take(chunks, bytes)?);
        (take(chunks, 2)? == b"\r\n").then_some(())?;
        if bytes == 0 {
            return Some(body);
        }
    }
}
