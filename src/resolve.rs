//! Host names to addresses, without blocking the loop.
//!
//! An IP address needs no look-up. A name is looked up in a thread that ends with the look-up: the
//! runtime's own pool would keep a thread that wakes twice a second for ever. A look-up cannot be ended by
//! anybody else, so of those that hang only a few are left to themselves at a time.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::config::HostPort;
use crate::limit::within;

/// How long a look-up may take.
pub const LOOKUP_TIME_MAX: Duration = Duration::from_secs(2);
/// The most look-ups at once, those included that took too long and have not ended: a thread each.
pub const LOOKUPS_MAX: usize = 4;
/// The most addresses of a name that are used.
pub const ADDRESSES_MAX: usize = 64;

/// How many look-ups have not ended.
static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// Every address of a host, [`ADDRESSES_MAX`] at most; never empty.
///
/// # Errors
/// The name has no address, or the look-up took too long.
pub async fn resolve(target: &HostPort) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    let late = |words| io::Error::new(io::ErrorKind::TimedOut, words);
    let lookup = Lookup::begin().ok_or_else(|| late("earlier name look-ups have not ended"))?;
    let (sender, receiver) = smol::channel::bounded(1);
    let name = (target.host.clone(), target.port);
    std::thread::Builder::new().name("resolve".to_owned()).spawn(move || {
        let found = name.to_socket_addrs().map(|found| found.take(ADDRESSES_MAX).collect::<Vec<_>>());
        drop(lookup);
        // Nobody waits any more if the look-up took too long.
        let _ = sender.try_send(found);
    })?;
    let found = match within(LOOKUP_TIME_MAX, receiver.recv()).await {
        Some(Ok(found)) => found?,
        Some(Err(_)) => Vec::new(),
        None => return Err(late("the name look-up took too long")),
    };
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(found)
}

/// A look-up that has not ended.
struct Lookup;

impl Lookup {
    /// `None` if there are [`LOOKUPS_MAX`].
    fn begin() -> Option<Self> {
        let one_more = |count| (count < LOOKUPS_MAX).then_some(count + 1);
        let begun = LOOKUPS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        begun.ok().map(|_| Self)
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        LOOKUPS.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_that_do_not_end_are_bounded() {
        let target = HostPort { host: "localhost".to_owned(), port: 8125 };
        let hanging: Vec<_> = std::iter::from_fn(Lookup::begin).collect();
        assert_eq!(hanging.len(), LOOKUPS_MAX);
        let error = crate::timer::block_on(resolve(&target)).unwrap_err();
        assert_eq!(error.to_string(), "earlier name look-ups have not ended");
        drop(hanging);
        assert!(!crate::timer::block_on(resolve(&target)).unwrap().is_empty());
    }
}
