//! Addresses as settings write them: where metrics go and where they are scraped.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use super::value;

/// The port of StatsD servers and of the Datadog Agent.
const STATSD_PORT: u16 = 8125;
/// Standard output as an address.
const STDOUT: &str = "stdout:";
/// The longest path that fits a unix socket address (`sun_path` less its final zero, unix(7)).
const UNIX_PATH_BYTES_MAX: usize = 107;
/// The longest path of a request: the request's head is to be one that servers take.
const REQUEST_PATH_BYTES_MAX: usize = 2000;

/// A host, as a name or an IP address without brackets, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A host name or an IP address.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

impl HostPort {
    /// Reads `HOST:PORT`, or `HOST` alone where there is a default port. IPv6 stands in brackets.
    fn parse(text: &str, default_port: Option<u16>) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (host, after) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            let port = match after.strip_prefix(':') {
                Some(port) => value::port(port)?,
                None if after.is_empty() => default_port?,
                None => return None,
            };
            return Some(Self { host: host.to_owned(), port });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, value::port(port)?),
            None => (text, default_port?),
        };
        Some(Self { host: value::host(host)?, port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// Where metrics go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatsdAddr {
    /// `udp://HOST[:PORT]` or `HOST:PORT`.
    Udp(HostPort),
    /// `tcp://HOST[:PORT]`: lines over a stream.
    Tcp(HostPort),
    /// `unix:///PATH`: a datagram socket, or a stream socket if it is one.
    Unix(PathBuf),
    /// `unixgram:///PATH`: a datagram socket.
    Unixgram(PathBuf),
    /// `unixstream:///PATH`: a stream socket on which every datagram has its length before it.
    Unixstream(PathBuf),
    /// `stdout:`: lines on standard output.
    Stdout,
}

impl StatsdAddr {
    /// The path, if it is that of a socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) | Self::Unixgram(path) | Self::Unixstream(path) => Some(path),
            Self::Udp(_) | Self::Tcp(_) | Self::Stdout => None,
        }
    }

    /// Whether it is the path of a socket.
    #[must_use]
    pub fn is_path(&self) -> bool {
        self.path().is_some()
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == STDOUT {
            return Some(Self::Stdout);
        }
        match text.split_once("://") {
            Some(("udp", rest)) => HostPort::parse(rest, Some(STATSD_PORT)).map(Self::Udp),
            Some(("tcp", rest)) => HostPort::parse(rest, Some(STATSD_PORT)).map(Self::Tcp),
            Some(("unix", path)) => unix_path(path).map(Self::Unix),
            Some(("unixgram", path)) => unix_path(path).map(Self::Unixgram),
            Some(("unixstream", path)) => unix_path(path).map(Self::Unixstream),
            Some(_) => None,
            None => HostPort::parse(text, None).map(Self::Udp),
        }
    }
}

impl fmt::Display for StatsdAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(out, "udp://{address}"),
            Self::Tcp(address) => write!(out, "tcp://{address}"),
            Self::Unix(path) => write!(out, "unix://{}", path.display()),
            Self::Unixgram(path) => write!(out, "unixgram://{}", path.display()),
            Self::Unixstream(path) => write!(out, "unixstream://{}", path.display()),
            Self::Stdout => out.write_str(STDOUT),
        }
    }
}

/// What is scraped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScrapeAddr {
    /// `unix:///SOCKET[:/PATH]`.
    Unix {
        /// The socket's path.
        socket: PathBuf,
        /// The path of the request.
        path: String,
    },
    /// `http://HOST:PORT/PATH`.
    Tcp {
        /// The server.
        address: HostPort,
        /// The path of the request.
        path: String,
    },
}

impl ScrapeAddr {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once("://")? {
            ("unix", rest) => {
                let (socket, path) = match rest.split_once(":/") {
                    Some((socket, path)) => (socket, format!("/{path}")),
                    None => (rest, "/metrics".to_owned()),
                };
                Some(Self::Unix { socket: unix_path(socket)?, path: request_path(path)? })
            }
            ("http", rest) => {
                let (address, path) = match rest.find('/') {
                    Some(slash) => rest.split_at(slash),
                    None => (rest, "/metrics"),
                };
                let address = HostPort::parse(address, Some(80))?;
                Some(Self::Tcp { address, path: request_path(path.to_owned())? })
            }
            _ => None,
        }
    }
}

impl fmt::Display for ScrapeAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { socket, path } if path == "/metrics" => {
                write!(out, "unix://{}", socket.display())
            }
            Self::Unix { socket, path } => write!(out, "unix://{}:{path}", socket.display()),
            Self::Tcp { address, path } => write!(out, "http://{address}{path}"),
        }
    }
}

fn unix_path(text: &str) -> Option<PathBuf> {
    let fits = text.starts_with('/') && text.len() <= UNIX_PATH_BYTES_MAX && !text.contains('\0');
    fits.then(|| Path::new(text).to_owned())
}

/// A request path goes into the request line as it is, so nothing may end that line early.
fn request_path(path: String) -> Option<String> {
    let allowed = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    (allowed && path.len() <= REQUEST_PATH_BYTES_MAX).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_statsd(text: &str, expected: Option<&str>) {
        let shown = StatsdAddr::parse(text).map(|address| address.to_string());
        assert_eq!(shown.as_deref(), expected, "{text}");
    }

    #[test]
    fn paths_are_bounded() {
        let path = |bytes: usize| format!("/{}", "x".repeat(bytes - 1));
        for (bytes, is_taken) in [(UNIX_PATH_BYTES_MAX, true), (UNIX_PATH_BYTES_MAX + 1, false)] {
            assert_eq!(StatsdAddr::parse(&format!("unix://{}", path(bytes))).is_some(), is_taken, "{bytes}");
            assert_eq!(ScrapeAddr::parse(&format!("unix://{}", path(bytes))).is_some(), is_taken, "{bytes}");
        }
        for (bytes, is_taken) in [(REQUEST_PATH_BYTES_MAX, true), (REQUEST_PATH_BYTES_MAX + 1, false)] {
            assert_eq!(
                ScrapeAddr::parse(&format!("http://a:1{}", path(bytes))).is_some(),
                is_taken,
                "{bytes}"
            );
        }
    }

    #[test]
    fn statsd_addresses() {
        check_statsd("udp://agent", Some("udp://agent:8125"));
        check_statsd("udp://10.1.2.3:99", Some("udp://10.1.2.3:99"));
        check_statsd("udp://[::1]", Some("udp://[::1]:8125"));
        check_statsd("[::1]:99", Some("udp://[::1]:99"));
        check_statsd("agent.local:8125", Some("udp://agent.local:8125"));
        check_statsd("unix:///var/run/datadog/dsd.socket", Some("unix:///var/run/datadog/dsd.socket"));
        check_statsd("unixgram:///a", Some("unixgram:///a"));
        check_statsd("unixstream:///a", Some("unixstream:///a"));
        check_statsd("tcp://agent", Some("tcp://agent:8125"));
        check_statsd("stdout:", Some("stdout:"));
        for wrong in [
            "agent",
            "stdout",
            "stdout://",
            "udp://",
            "udp://a:0",
            "udp://a:x",
            "udp://::1",
            "udp://[::1",
            "udp://[x]:1",
            "udp://[::1]x",
            "unix://relative",
            "unix://",
            "http://a:1",
            "udp://a b",
            ":8125",
        ] {
            check_statsd(wrong, None);
        }
        check_statsd(&format!("unix:///{}", "a".repeat(107)), None);
    }

    #[test]
    fn scrape_addresses() {
        let shown = |text: &str| ScrapeAddr::parse(text).map(|address| address.to_string());
        for same in [
            "unix:///run/docker/metrics.sock",
            "unix:///run/a.sock:/other/metrics",
            "http://127.0.0.1:9323/metrics",
            "http://[::1]:9323/m?x=y",
        ] {
            assert_eq!(shown(same).as_deref(), Some(same));
        }
        assert_eq!(shown("http://h:1").as_deref(), Some("http://h:1/metrics"));
        assert_eq!(shown("http://h/m").as_deref(), Some("http://h:80/m"));
        for wrong in ["/run/a.sock", "https://h/m", "http://h/a b", "http://h/a\r\nX: y", "unix://a"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
