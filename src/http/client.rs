//! A GET, and its body in pieces: complete or an error.

use std::fmt;
use std::io;

use http_types::{Method, Request, Url};
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::framing::{Body, Framing};
use super::head::{HeadError, Stream, closes, header, length, read_head};

/// Why there is no body.
#[derive(Debug)]
pub enum GetError {
    /// The connection failed or ended early.
    Io(io::Error),
    /// It did before anything of an answer came. One that was open for long may have been closed meanwhile, and then
    /// the request is sent over another one (RFC 9112, 9.3.1).
    Unanswered(io::Error),
    /// The response is not what this client accepts.
    Response(String),
    /// Nothing tells where the body ends, so a whole one could not be told from one that was cut.
    Unframed,
}

impl fmt::Display for GetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) | Self::Unanswered(error) => error.fmt(out),
            Self::Response(problem) => out.write_str(problem),
            Self::Unframed => out.write_str("the answer says neither its length nor that it is chunked"),
        }
    }
}

impl std::error::Error for GetError {}

impl From<io::Error> for GetError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is read of a body at once. With each read an engine is woken, because its socket has room again, and may take
/// the processor; so a quarter of its answer is better than less. More is memory that is kept.
const PIECE_BYTES: usize = 12 * 1024;

/// The body of a response, as it comes.
pub struct Pieces<'a> {
    stream: Stream<'a>,
    /// What came along with the head, first; then memory to read into.
    buffer: &'a mut Vec<u8>,
    /// How much came along.
    ahead: usize,
    body: Body,
    /// The server goes on with this connection.
    stays_open: bool,
}

impl Pieces<'_> {
    /// The next piece; empty at the end, which is an error if the body was cut short.
    pub async fn next(&mut self) -> io::Result<&[u8]> {
        let mut taken = 0;
        while taken == 0 && !self.body.has_ended() {
            let count = match std::mem::take(&mut self.ahead) {
                0 => self.stream.read(self.buffer).await?,
                ahead => ahead,
            };
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body was cut short"));
            }
            // It may be framing alone.
            taken = self.body.take_out(self.buffer.get_mut(..count).unwrap_or_default())?;
        }
        Ok(self.buffer.get(..taken).unwrap_or_default())
    }

    /// Whether another request can be sent over the same connection: all of the body was handed out, nothing came behind
    /// it, and the server does not close.
    #[must_use]
    pub fn is_connection_reusable(&self) -> bool {
        self.stays_open && self.ahead == 0 && self.body.has_ended_cleanly()
    }
}

/// What becomes of a connection behind the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// It may carry another request.
    KeepAlive,
    /// Whoever answers is to close it.
    Close,
}

/// A request for one URL as it is sent: encoded once, for any number of scrapes.
#[derive(Debug)]
pub struct Get {
    request: Vec<u8>,
    /// Memory to read answers into.
    buffer: Vec<u8>,
}

impl Get {
    /// The request for `url`.
    ///
    /// # Errors
    /// The URL is malformed.
    pub async fn new(url: &str, accept: &str, persistence: Persistence) -> Result<Self, GetError> {
        let url = Url::parse(url).map_err(|error| GetError::Response(format!("{url}: {error}")))?;
        let mut request = Request::new(Method::Get, url);
        if persistence == Persistence::Close {
            request.insert_header("Connection", "close");
        }
        request.insert_header("Accept", accept);
        request.insert_header("Accept-Encoding", "identity");
        let mut bytes = Vec::new();
        async_h1::client::Encoder::new(request).read_to_end(&mut bytes).await?;
        Ok(Self { request: bytes, buffer: Vec::new() })
    }

    /// Sends it and reads the head of the response.
    ///
    /// # Errors
    /// The connection failed, or the response is not what this client accepts.
    pub async fn send<'a, S>(&'a mut self, stream: &'a mut S) -> Result<Pieces<'a>, GetError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        stream.write_all(&self.request).await.map_err(GetError::Unanswered)?;
        response(stream, &mut self.buffer).await
    }
}

async fn response<'a>(stream: Stream<'a>, buffer: &'a mut Vec<u8>) -> Result<Pieces<'a>, GetError> {
    buffer.clear();
    let head = read_head(stream, buffer).await;
    let head = head.map_err(|error| head_error(error, buffer.is_empty()))?;
    let (framing, stays_open) = (framing(&head)?, stays_open(&head));
    let ahead = buffer.len();
    buffer.resize(PIECE_BYTES.max(ahead), 0);
    Ok(Pieces { stream, buffer, ahead, body: Body::new(framing), stays_open })
}

/// Whether the server goes on with the connection behind this answer (RFC 9112, 9.3). Of HTTP/1.0 none is expected to.
fn stays_open(head: &str) -> bool {
    head.starts_with("HTTP/1.1 ") && !closes(head)
}

/// How the body ends. What does not say so exactly is refused: a body that was cut could not be told from a whole one
/// (RFC 9112, 6.3).
fn framing(head: &str) -> Result<Framing, GetError> {
    let status = head.lines().next().unwrap_or_default();
    let mut words = status.split(' ');
    let version = words.next().unwrap_or_default();
    if !matches!(version, "HTTP/1.0" | "HTTP/1.1") || words.next() != Some("200") {
        return Err(GetError::Response(format!("the answer is \"{status}\"")));
    }
    let mut codings = header(head, "content-encoding");
    if let Some(coding) = codings.find(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(GetError::Response(format!(
            "the answer is compressed (\"{coding}\"), which nobody asked for"
        )));
    }
    let lengths: Vec<_> = header(head, "content-length").collect();
    let encodings: Vec<_> = header(head, "transfer-encoding").collect();
    let refuse = |problem: String| Err(GetError::Response(problem));
    match (lengths.as_slice(), encodings.as_slice()) {
        ([bytes], []) => match length(bytes) {
            Some(bytes) => Ok(Framing::Length(bytes)),
            None => refuse(format!("the answer's Content-Length is \"{bytes}\"")),
        },
        // HTTP/1.0 has no chunks: whoever says so does not know what it sends (RFC 9112, 6.1).
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") && version == "HTTP/1.1" => {
            Ok(Framing::Chunked)
        }
        ([], []) => Err(GetError::Unframed),
        ([], [coding]) => refuse(format!("the answer's Transfer-Encoding is \"{coding}\" in {version}")),
        _ => refuse("the answer says more than once where it ends".to_owned()),
    }
}

/// `is_first`: nothing of a head came before.
fn head_error(error: HeadError, is_first: bool) -> GetError {
    let closed = |words| io::Error::new(io::ErrorKind::UnexpectedEof, words);
    match error {
        HeadError::Io(error) if is_first => GetError::Unanswered(error),
        HeadError::Io(error) => GetError::Io(error),
        HeadError::Closed => GetError::Unanswered(closed("the connection was closed without an answer")),
        HeadError::Cut => GetError::Io(closed("the connection was closed within the answer's head")),
        HeadError::Malformed => GetError::Response("the answer's head is malformed".to_owned()),
        HeadError::TooLong => GetError::Response("the answer's head is too long".to_owned()),
        HeadError::NotAscii => GetError::Response("the answer's head holds bytes outside ASCII".to_owned()),
    }
}
