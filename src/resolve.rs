//! Host names to addresses, without blocking the loop.
//!
//! An IP address needs no look-up. A name is looked up in a thread that ends with the look-up: the
//! runtime's own pool would keep a thread that wakes twice a second for ever.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::config::HostPort;
use crate::limit::within;

/// How long a look-up may take.
pub const LOOKUP_TIME_MAX: Duration = Duration::from_secs(2);

/// Every address of a host; never empty.
///
/// # Errors
/// The name has no address, or the look-up took too long.
pub async fn resolve(target: &HostPort) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    let (sender, receiver) = smol::channel::bounded(1);
    let name = (target.host.clone(), target.port);
    std::thread::Builder::new().name("resolve".to_owned()).spawn(move || {
        let found = name.to_socket_addrs().map(Vec::from_iter);
        // Nobody waits any more if the look-up took too long.
        let _ = sender.try_send(found);
    })?;
    let found = match within(LOOKUP_TIME_MAX, receiver.recv()).await {
        Some(Ok(found)) => found?,
        Some(Err(_)) => Vec::new(),
        None => return Err(io::Error::new(io::ErrorKind::TimedOut, "the name look-up took too long")),
    };
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(found)
}
