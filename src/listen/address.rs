//! Where to listen, as the command line writes it.

use std::fmt;
use std::path::PathBuf;

/// Where to listen if nothing is said.
pub const DEFAULT_ADDR: &str = "127.0.0.1:8125";
/// The port of StatsD servers, for an address without one.
const STATSD_PORT: u16 = 8125;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddr {
    /// An address and port over UDP.
    Udp(String),
    /// A unix datagram socket.
    Unixgram(PathBuf),
    /// An address and port over TCP: lines.
    Tcp(String),
    /// A unix stream socket: datagrams, each behind its length.
    Unixstream(PathBuf),
}

impl ListenAddr {
    /// Reads `HOST:PORT`, `udp://HOST[:PORT]`, `tcp://HOST[:PORT]`, `unix:///PATH`, `unixgram:///PATH` or
    /// `unixstream:///PATH`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once("://") {
            Some(("unix" | "unixgram", path)) if path.starts_with('/') => Some(Self::Unixgram(path.into())),
            Some(("unixstream", path)) if path.starts_with('/') => Some(Self::Unixstream(path.into())),
            Some(("tcp", address)) => Some(Self::Tcp(with_port(address))),
            Some(("udp", address)) => Some(Self::Udp(with_port(address))),
            None if text.contains(':') => Some(Self::Udp(text.to_owned())),
            _ => None,
        }
    }
}

/// A colon within brackets is part of an IPv6 address.
fn with_port(address: &str) -> String {
    let has_port = address.rsplit(']').next().is_some_and(|end| end.contains(':'));
    if has_port { address.to_owned() } else { format!("{address}:{STATSD_PORT}") }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(out, "udp://{address}"),
            Self::Unixgram(path) => write!(out, "unixgram://{}", path.display()),
            Self::Tcp(address) => write!(out, "tcp://{address}"),
            Self::Unixstream(path) => write!(out, "unixstream://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let shown = ListenAddr::parse(text).map(|address| address.to_string());
        assert_eq!(shown.as_deref(), expected, "{text}");
    }

    #[test]
    fn addresses() {
        check("127.0.0.1:1", Some("udp://127.0.0.1:1"));
        check("udp://[::1]:1", Some("udp://[::1]:1"));
        check("udp://[::1]", Some("udp://[::1]:8125"));
        check("udp://0.0.0.0", Some("udp://0.0.0.0:8125"));
        check("unix:///a", Some("unixgram:///a"));
        check("unixgram:///a", Some("unixgram:///a"));
        check("unixstream:///a", Some("unixstream:///a"));
        check("tcp://localhost", Some("tcp://localhost:8125"));
        for wrong in ["a", "http://a:1", "unix://a", ""] {
            check(wrong, None);
        }
    }
}
