//! One scrape: `GET /metrics`, bounded in time and size, complete or an error.
//!
//! It hands the body out as it comes and never holds it. It knows addresses and limits; it does not look into
//! the body. A body that was cut short, an answer other than 200 and one that is too large or too late are errors, so
//! that whoever used the pieces can rely on having had all of them. A connection to a unix socket is kept for the next
//! scrape, if its answer was whole and nothing else came.

mod connection;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use async_net::TcpStream;
use smol::future::yield_now;

use crate::config::ScrapeAddr;
use crate::http::client::{Get, GetError, Persistence, Pieces};
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
    Connect {
        /// Why.
        error: io::Error,
        /// The address is the path of a socket.
        has_path: bool,
    },
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
            Self::Connect { error, has_path } => {
                write!(out, "cannot connect: {error}{}", privileges::advice(error, *has_path))
            }
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
        matches!(self, Self::Connect { error, .. } if refused(error))
    }
}

/// Scrapes one address again and again.
#[derive(Debug)]
pub struct Scraper {
    address: ScrapeAddr,
    /// Made for the first scrape.
    request: Option<Get>,
    /// Open, with nothing under way.
    kept: Option<Connection>,
}

impl Scraper {
    /// A scraper of `address`, which is not looked at yet.
    #[must_use]
    pub fn new(address: ScrapeAddr) -> Self {
        Self { address, request: None, kept: None }
    }

    /// Scrapes once; `piece` is given the body, cut anywhere.
    ///
    /// # Errors
    /// There is no complete body within `limit`.
    pub async fn scrape(&mut self, limit: Duration, piece: impl FnMut(&[u8])) -> Result<(), ScrapeError> {
        within(limit, self.whole_scrape(piece)).await.unwrap_or(Err(ScrapeError::TimedOut(limit)))
    }

    /// Closes the connection that was kept: the next scrape opens a new one.
    pub fn hang_up(&mut self) {
        self.kept = None;
    }

    async fn whole_scrape(&mut self, piece: impl FnMut(&[u8])) -> Result<(), ScrapeError> {
        let Self { address, request, kept } = self;
        let request = match request {
            Some(request) => request,
            empty => empty.insert(request_to(address).await.map_err(ScrapeError::Get)?),
        };
        match address {
            ScrapeAddr::Unix { socket, .. } => over_unix(socket, request, kept, piece).await,
            ScrapeAddr::Tcp { address, .. } => {
                let failed = |error| ScrapeError::Connect { error, has_path: false };
                let addresses = resolve(address).await.map_err(failed)?;
                let mut stream = TcpStream::connect(addresses.as_slice()).await.map_err(failed)?;
                let mut pieces = request.send(&mut stream).await.map_err(ScrapeError::Get)?;
                whole_body(&mut pieces, piece).await
            }
        }
    }
}

/// Over the connection that was kept, or a new one; it is kept behind a whole answer. Whatever else happens, an end
/// amid the answer included, nothing is kept.
async fn over_unix(
    socket: &Path,
    request: &mut Get,
    kept: &mut Option<Connection>,
    piece: impl FnMut(&[u8]),
) -> Result<(), ScrapeError> {
    loop {
        let idle = kept.take().filter(|connection| connection.is_idle(socket));
        let was_kept = idle.is_some();
        let mut connection = match idle {
            Some(connection) => connection,
            None => {
                Connection::open(socket).map_err(|error| ScrapeError::Connect { error, has_path: true })?
            }
        };
        let mut pieces = match request.send(&mut connection).await {
            // Closed while it was idle, which is the server's right. Only once: nothing is kept now.
            Err(GetError::Unanswered(_)) if was_kept => continue,
            answer => answer.map_err(ScrapeError::Get)?,
        };
        whole_body(&mut pieces, piece).await?;
        if pieces.is_connection_reusable() {
            *kept = Some(connection);
        }
        return Ok(());
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

/// Connections over TCP are not kept. A name may lead to another address by the next scrape, a firewall between may have
/// forgotten the connection without a word, and either is found only at the end of a scrape's time.
async fn request_to(address: &ScrapeAddr) -> Result<Get, GetError> {
    let persistence = match address {
        ScrapeAddr::Unix { .. } => Persistence::KeepAlive,
        ScrapeAddr::Tcp { .. } => Persistence::Close,
    };
    Get::new(&url(address), ACCEPT, persistence).await
}

/// A unix socket has no host name; its servers do not ask for one.
fn url(address: &ScrapeAddr) -> String {
    match address {
        ScrapeAddr::Unix { path, .. } => format!("http://localhost{path}"),
        ScrapeAddr::Tcp { address, path } => format!("http://{address}{path}"),
    }
}

async fn whole_body(pieces: &mut Pieces<'_>, mut piece: impl FnMut(&[u8])) -> Result<(), ScrapeError> {
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
