//! A GET, and its body in pieces: complete or an error.

use std::fmt;
use std::io;
use std::pin::Pin;

use http_types::{Method, Request, Url};
use smol::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Chain,
    Cursor,
};

use super::framing::{Body, Framing};
use super::head::{HeadError, header, length, read_head};

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

/// Of any kind, so that what reads it is compiled once.
type Stream<'a> = &'a mut (dyn AsyncRead + Unpin);

/// The body of a response, as it comes.
pub struct Pieces<'a> {
    body: BufReader<Body<Chain<Cursor<Vec<u8>>, Stream<'a>>>>,
    /// The length of the piece that was handed out last.
    used: usize,
    /// The server goes on with this connection.
    stays_open: bool,
}

impl Pieces<'_> {
    /// The next piece; empty at the end, which is an error if the body was cut short.
    pub async fn next(&mut self) -> io::Result<&[u8]> {
        Pin::new(&mut self.body).consume(self.used);
        let piece = self.body.fill_buf().await?;
        self.used = piece.len();
        Ok(piece)
    }

    /// Whether another request can be sent over the same connection: all of the body was handed out, nothing came behind
    /// it, and the server does not close.
    #[must_use]
    pub fn leave_connection_usable(&self) -> bool {
        let body = self.body.get_ref();
        let (surplus, _) = body.inner().get_ref();
        let is_used_up = surplus.position() == surplus.get_ref().len() as u64;
        self.stays_open && is_used_up && body.has_ended_cleanly()
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
pub struct Get(Vec<u8>);

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
        Ok(Self(bytes))
    }

    /// Sends it and reads the head of the response.
    ///
    /// # Errors
    /// The connection failed, or the response is not what this client accepts.
    pub async fn send<'a, S>(&self, stream: &'a mut S) -> Result<Pieces<'a>, GetError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        stream.write_all(&self.0).await.map_err(GetError::Unanswered)?;
        response(stream).await
    }
}

async fn response(mut stream: Stream<'_>) -> Result<Pieces<'_>, GetError> {
    let mut surplus = Vec::new();
    let head = read_head(&mut stream, &mut surplus).await;
    let head = head.map_err(|error| head_error(error, surplus.is_empty()))?;
    let (framing, stays_open) = (framing(&head)?, stays_open(&head));
    let body = Body::new(Cursor::new(surplus).chain(stream), framing);
    Ok(Pieces { body: BufReader::new(body), used: 0, stays_open })
}

/// Whether the server goes on with the connection behind this answer (RFC 9112, 9.3). Of HTTP/1.0 none is expected to.
fn stays_open(head: &str) -> bool {
    let closes = |options: &str| options.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
    head.starts_with("HTTP/1.1 ") && !header(head, "connection").any(closes)
}

/// How the body ends. async-h1 gives an empty body, and no error, for a body that ends with the
/// connection and for any Transfer-Encoding that is not exactly `chunked`.
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
    match (lengths.as_slice(), encodings.as_slice()) {
        // HTTP/1.0 has no chunks: whoever says so does not know what it sends (RFC 9112, 6.1).
        ([], ["chunked"]) if version == "HTTP/1.1" => Ok(Framing::Chunked),
        ([bytes], []) => match length(bytes) {
            Some(bytes) => Ok(Framing::Length(bytes)),
            None => Err(GetError::Response(format!("the answer's Content-Length is \"{bytes}\""))),
        },
        _ => Err(GetError::Unframed),
    }
}

/// `is_first`: nothing of a head came before.
fn head_error(error: HeadError, is_first: bool) -> GetError {
    let ended = if is_first { GetError::Unanswered } else { GetError::Io };
    match error {
        HeadError::Io(error) => ended(error),
        HeadError::Closed(_) => {
            ended(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed without an answer"))
        }
        HeadError::Malformed => GetError::Response("the answer's head is malformed".to_owned()),
        HeadError::TooLong => GetError::Response("the answer's head is too long".to_owned()),
        HeadError::NotAscii => GetError::Response("the answer's head holds bytes outside ASCII".to_owned()),
    }
}
