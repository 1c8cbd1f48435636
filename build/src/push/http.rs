//! One request and its answer, within limits of time and size. Who asks, and what for, is not known here.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{HeaderMap, Request, Response, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, SendBody};

const CONNECT_MAX: Duration = Duration::from_secs(15);
/// A whole request and its answer, and more for a long one, by the slowest line that is waited for.
const CALL_MAX: Duration = Duration::from_secs(60);
const BYTES_PER_S_MIN: usize = 4096;
/// Tokens have kilobytes, and errors less.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// Of what a server says, as much as a person reads.
const SAID_CHARS_MAX: usize = 300;
const USER_AGENT: &str = concat!("plugin-builder/", env!("CARGO_PKG_VERSION"));

/// Sends requests.
pub(super) struct Client(Agent);

/// What goes with a request.
#[derive(Clone, Copy)]
pub(super) struct Payload<'a> {
    pub(super) media_type: &'a str,
    pub(super) bytes: &'a [u8],
}

/// An answer with its body, which is read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// For a server on this machine no proxy is asked.
    pub(super) fn new(is_loopback: bool) -> Self {
        let crypto = Arc::new(rustls::crypto::ring::default_provider());
        // The machine's own roots, so that a registry of a company works like for the docker client.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let mut config = Agent::config_builder()
            .tls_config(tls.unversioned_rustls_crypto_provider(crypto).build())
            .http_status_as_error(false)
            // A redirected upload would go on as a GET, and what a HEAD finds elsewhere is there.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_global(Some(CALL_MAX))
            .user_agent(USER_AGENT);
        if is_loopback {
            config = config.proxy(None);
        }
        Self(config.build().new_agent())
    }

    /// Sends a request without a body, or with one; then `sent` is told how many bytes of it have gone.
    pub(super) fn send(
        &self,
        method: &str,
        url: &str,
        authorization: Option<&str>,
        payload: Option<Payload<'_>>,
        sent: &mut dyn FnMut(usize),
    ) -> Result<Answer, Error> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let Some(Payload { media_type, bytes }) = payload else {
            return read(self.0.run(request.body(())?));
        };
        let mut reader = Counted { bytes, done: 0, sent };
        let request = request
            .header(header::CONTENT_TYPE, media_type)
            .header(header::CONTENT_LENGTH, bytes.len())
            .body(SendBody::from_reader(&mut reader))?;
        let limit = CALL_MAX + Duration::from_secs((bytes.len() / BYTES_PER_S_MIN) as u64);
        read(self.0.run(self.0.configure_request(request).timeout_global(Some(limit)).build()))
    }

    /// Asks with `query` behind the address.
    pub(super) fn get(
        &self,
        url: &str,
        authorization: Option<&str>,
        query: &[(&str, &str)],
    ) -> Result<Answer, Error> {
        let mut request = self.0.get(url).query_pairs(query.iter().copied());
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        read(request.call())
    }

    /// Sends what a person would fill in.
    pub(super) fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Answer, Error> {
        read(self.0.post(url).send_form(form.iter().copied()))
    }
}

impl Answer {
    /// What a server said about its refusal, in one line that is safe to print.
    pub(super) fn said(&self) -> String {
        let Ok(Errors { errors }) = serde_json::from_slice(&self.body) else { return printable(&self.body) };
        let words = errors.into_iter().map(|error| format!("{} {}", error.code, error.message));
        let words: Vec<_> = words.map(|words| words.trim().to_owned()).collect();
        printable(words.join(", ").as_bytes())
    }
}

/// The beginning of a text from outside, without what a terminal would obey.
pub(super) fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.trim().chars().take(SAID_CHARS_MAX);
    text.map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// What a registry says when it refuses.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Explanation>,
}

#[derive(Deserialize)]
struct Explanation {
    code: String,
    #[serde(default)]
    message: String,
}

/// Bytes that are sent, and who wants to know how many.
struct Counted<'a> {
    bytes: &'a [u8],
    done: usize,
    sent: &'a mut dyn FnMut(usize),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.done += count;
        if count > 0 {
            (self.sent)(self.done);
        }
        Ok(count)
    }
}

fn read(result: Result<Response<Body>, Error>) -> Result<Answer, Error> {
    let (head, body) = result?.into_parts();
    let body = body.into_with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_short_line() {
        let long = "x".repeat(10_000);
        let unauthorized =
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;
        for (body, expected) in [
            (unauthorized, "UNAUTHORIZED authentication required"),
            (r#"{"errors":[{"code":"A"},{"code":"B","message":"b"}]}"#, "A, B b"),
            ("<html>\n\u{1b}[31mno", "<html>  [31mno"),
            ("", ""),
            (&long, &long[..SAID_CHARS_MAX]),
        ] {
            let answer = Answer { status: 400, headers: HeaderMap::new(), body: body.into() };
            assert_eq!(answer.said(), expected);
        }
    }
}
