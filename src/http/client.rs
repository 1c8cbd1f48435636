//! One GET, and its body in pieces: complete or an error.

use std::fmt;
use std::io;

use http_types::{Body, Method, Request, Url};
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Cursor};

use super::framing::ChunkFence;
use super::head::{HeadError, header, read_head};

/// Why there is no body.
#[derive(Debug)]
pub enum GetError {
    /// The connection failed or ended early.
    Io(io::Error),
    /// The response is not what this client accepts.
    Response(String),
}

impl fmt::Display for GetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(out),
            Self::Response(problem) => out.write_str(problem),
        }
    }
}

impl std::error::Error for GetError {}

impl From<io::Error> for GetError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The body of a response.
#[derive(Debug)]
pub struct Pieces {
    body: Body,
    /// What is still to come, where the response said how long it is.
    left: Option<u64>,
}

impl Pieces {
    /// Reads the next piece; 0 at the end, which is an error if the body was cut short.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer).await?;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(count as u64);
            // async-h1 passes a body that ended before its Content-Length as whole.
            if count == 0 && *left > 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body was cut short"));
            }
        }
        Ok(count)
    }
}

/// Sends `GET url` and reads the head of the response. The connection serves this one request.
pub async fn get<S>(mut stream: S, url: &str, accept: &str) -> Result<Pieces, GetError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    let url = Url::parse(url).map_err(|error| GetError::Response(format!("{url}: {error}")))?;
    let mut request = Request::new(Method::Get, url);
    request.insert_header("Connection", "close");
    request.insert_header("Accept", accept);
    let mut bytes = Vec::new();
    async_h1::client::Encoder::new(request).read_to_end(&mut bytes).await?;
    stream.write_all(&bytes).await?;

    let mut surplus = Vec::new();
    let mut head = read_head(&mut stream, &mut surplus).await.map_err(head_error)?;
    let left = body_length(&head)?;
    if left.is_some() && head.starts_with("HTTP/1.0 ") {
        // async-h1 refuses the version; with a Content-Length the rest reads the same.
        head.replace_range(.."HTTP/1.0".len(), "HTTP/1.1");
    }
    let rest = Cursor::new(surplus).chain(stream);
    let head = Cursor::new(head.into_bytes());
    let response = match left {
        Some(_) => async_h1::client::decode(head.chain(rest)).await,
        None => async_h1::client::decode(head.chain(ChunkFence::new(rest))).await,
    };
    let mut response = response.map_err(|error| GetError::Response(error.to_string()))?;
    Ok(Pieces { body: response.take_body(), left })
}

/// The body's length, or `None` if it is chunked. async-h1 gives an empty body, and no error, for a
/// body that ends with the connection and for any Transfer-Encoding that is not exactly `chunked`.
fn body_length(head: &str) -> Result<Option<u64>, GetError> {
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(GetError::Response(format!("the answer is \"{status}\"")));
    }
    let lengths: Vec<_> = header(head, "content-length").collect();
    let encodings: Vec<_> = header(head, "transfer-encoding").collect();
    match (lengths.as_slice(), encodings.as_slice()) {
        ([], ["chunked"]) => Ok(None),
        ([length], []) => match length.parse() {
            Ok(length) => Ok(Some(length)),
            Err(_) => Err(GetError::Response(format!("the answer's Content-Length is \"{length}\""))),
        },
        _ => Err(GetError::Response("the answer says neither its length nor that it is chunked".to_owned())),
    }
}

fn head_error(error: HeadError) -> GetError {
    match error {
        HeadError::Io(error) => GetError::Io(error),
        HeadError::Closed(_) => GetError::Io(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection was closed without an answer",
        )),
        HeadError::TooLong => GetError::Response("the answer's head is too long".to_owned()),
        HeadError::NotAscii => GetError::Response("the answer's head holds bytes outside ASCII".to_owned()),
    }
}
