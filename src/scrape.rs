//! One scrape: `GET /metrics`, bounded in time and size, complete or an error.
//!
//! It hands the body out as it comes and never holds it. It knows addresses and limits; it does not look into
//! the body. A body that was cut short, an answer other than 200 and one that is too large or too late are errors, so
//! that whoever used the pieces can rely on having had all of them.

mod connection;

use std::fmt;
use std::io;
use std::time::Duration;

use async_net::TcpStream;
use smol::future::yield_now;

use crate::config::ScrapeAddr;
use crate::http::client::{Get, GetError, Pieces};
use crate::limit::within;
use crate::privileges;
use crate::resolve::resolve;
use connection::Connection;

/// The largest body: about two million samples. An engine's is 33 to 240 KB.
pub const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Text format 0.0.4: the engine would answer with protocol buffers too.
const ACCEPT: &str = "text/plain;version=0.0.4";

/// Why a scrape failed.
#[derive(Debug)]
pub enum ScrapeError {
    /// No connection.
    Connect(io::Error),
    /// No complete answer.
    Get(GetError),
    /// The body is larger than [`BODY_BYTES_MAX`].
    TooLarge,
    /// It took longer than allowed.
    TimedOut(Duration),
}

impl fmt::Display for ScrapeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(out, "cannot connect: {error}{}", privileges::advice(error, true)),
            Self::Get(error) => error.fmt(out),
            Self::TooLarge => write!(out, "the body is larger than {BODY_BYTES_MAX} bytes"),
            Self::TimedOut(limit) => write!(out, "not complete after {limit:?}"),
        }
    }
}

impl std::error::Error for ScrapeError {}

impl ScrapeError {
    /// Whether nobody listens at the address.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let refused = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
        };
        matches!(self, Self::Connect(error) if refused(error))
    }
}

/// Scrapes one address again and again.
#[derive(Debug)]
pub struct Scraper {
    address: ScrapeAddr,
    /// Made for the first scrape.
    request: Option<Get>,
}

impl Scraper {
    /// A scraper of `address`, which is not looked at yet.
    #[must_use]
    pub fn new(address: ScrapeAddr) -> Self {
        Self { address, request: None }
    }

    /// Scrapes once; `piece` is given the body, cut anywhere.
    ///
    /// # Errors
    /// There is no complete body within `limit`.
    pub async fn scrape(&mut self, limit: Duration, piece: impl FnMut(&[u8])) -> Result<(), ScrapeError> {
        within(limit, self.whole_scrape(piece)).await.unwrap_or(Err(ScrapeError::TimedOut(limit)))
    }

    async fn whole_scrape(&mut self, piece: impl FnMut(&[u8])) -> Result<(), ScrapeError> {
        let request = match &mut self.request {
            Some(request) => request,
            empty => {
                let request = Get::new(&url(&self.address), ACCEPT).await.map_err(ScrapeError::Get)?;
                empty.insert(request)
            }
        };
        let answer = match &self.address {
            ScrapeAddr::Unix { socket, .. } => {
                request.send(Connection::open(socket).map_err(ScrapeError::Connect)?).await
            }
            ScrapeAddr::Tcp { address, .. } => {
                let addresses = resolve(address).await.map_err(ScrapeError::Connect)?;
                let stream = TcpStream::connect(addresses.as_slice()).await.map_err(ScrapeError::Connect)?;
                request.send(stream).await
            }
        };
        whole_body(answer.map_err(ScrapeError::Get)?, piece).await
    }
}

/// Scrapes `address` once, as [`Scraper::scrape`] does.
///
/// # Errors
/// There is no complete body within `limit`.
pub async fn scrape(
    address: &ScrapeAddr,
    limit: Duration,
    piece: impl FnMut(&[u8]),
) -> Result<(), ScrapeError> {
    Scraper::new(address.clone()).scrape(limit, piece).await
}

/// A unix socket has no host name; its servers do not ask for one.
fn url(address: &ScrapeAddr) -> String {
    match address {
        ScrapeAddr::Unix { path, .. } => format!("http://localhost{path}"),
        ScrapeAddr::Tcp { address, path } => format!("http://{address}{path}"),
    }
}

async fn whole_body(mut pieces: Pieces, mut piece: impl FnMut(&[u8])) -> Result<(), ScrapeError> {
    let mut bytes = 0;
    loop {
        let next = pieces.next().await.map_err(|error| ScrapeError::Get(error.into()))?;
        if next.is_empty() {
            return Ok(());
        }
        bytes += next.len();
        if bytes > BODY_BYTES_MAX {
            return Err(ScrapeError::TooLarge);
        }
        piece(next);
        // An endpoint that sends faster than it is read never makes a read wait, and nothing could end it.
        yield_now().await;
    }
}
