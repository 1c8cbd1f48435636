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
    /// The response is not what this client accepts.
    Response(String),
    /// Nothing tells where the body ends, so a whole one could not be told from one that was cut.
    Unframed,
}

impl fmt::Display for GetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(out),
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

type Stream = Box<dyn AsyncRead + Unpin + Send + Sync>;

/// The body of a response, as it comes.
pub struct Pieces {
    body: BufReader<Body<Chain<Cursor<Vec<u8>>, Stream>>>,
    /// The length of the piece that was handed out last.
    used: usize,
}

impl Pieces {
    /// The next piece; empty at the end, which is an error if the body was cut short.
    pub async fn next(&mut self) -> io::Result<&[u8]> {
        Pin::new(&mut self.body).consume(self.used);
        let piece = self.body.fill_buf().await?;
        self.used = piece.len();
        Ok(piece)
    }
}

/// A request for one URL as it is sent: encoded once, for any number of scrapes.
#[derive(Debug)]
pub struct Get(Vec<u8>);

impl Get {
    /// The request for `url`.
    ///
    /// # Errors
    /// The URL is malformed.
    pub async fn new(url: &str, accept: &str) -> Result<Self, GetError> {
        let url = Url::parse(url).map_err(|error| GetError::Response(format!("{url}: {error}")))?;
        let mut request = Request::new(Method::Get, url);
        request.insert_header("Connection", "close");
        request.insert_header("Accept", accept);
        request.insert_header("Accept-Encoding", "identity");
        let mut bytes = Vec::new();
        async_h1::client::Encoder::new(request).read_to_end(&mut bytes).await?;
        Ok(Self(bytes))
    }

    /// Sends it and reads the head of the response. The connection serves this one request.
    ///
    /// # Errors
    /// The connection failed, or the response is not what this client accepts.
    pub async fn send<S>(&self, mut stream: S) -> Result<Pieces, GetError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
    {
        stream.write_all(&self.0).await?;
        // Boxed, so that what reads it is compiled once and not for each kind of stream.
        response(Box::new(stream)).await
    }
}

async fn response(mut stream: Stream) -> Result<Pieces, GetError> {
    let mut surplus = Vec::new();
    let head = read_head(&mut stream, &mut surplus).await.map_err(head_error)?;
    let framing = framing(&head)?;
    let body = Body::new(Cursor::new(surplus).chain(stream), framing);
    Ok(Pieces { body: BufReader::new(body), used: 0 })
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

fn head_error(error: HeadError) -> GetError {
    match error {
        HeadError::Io(error) => GetError::Io(error),
        HeadError::Closed(_) => GetError::Io(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection was closed without an answer",
        )),
        HeadError::Malformed => GetError::Response("the answer's head is malformed".to_owned()),
        HeadError::TooLong => GetError::Response("the answer's head is too long".to_owned()),
        HeadError::NotAscii => GetError::Response("the answer's head holds bytes outside ASCII".to_owned()),
    }
}
