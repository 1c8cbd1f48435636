//! A StatsD listener for people: prints what arrives.
//!
//! For trying the plugin without a StatsD server. It reads the lines that this program sends and shows
//! anything else as it is, without what a terminal would act on.

use std::fmt;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Where to listen if nothing is said.
pub const DEFAULT_ADDR: &str = "127.0.0.1:8125";
/// The largest datagram that can arrive.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddr {
    /// An address and port over UDP.
    Udp(String),
    /// A unix datagram socket.
    Unixgram(PathBuf),
}

impl ListenAddr {
    /// Reads `[udp://]HOST:PORT`, `unix:///PATH` or `unixgram:///PATH`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once("://") {
            Some(("unix" | "unixgram", path)) if path.starts_with('/') => Some(Self::Unixgram(path.into())),
            Some(("udp", address)) => Some(Self::Udp(address.to_owned())),
            None if text.contains(':') => Some(Self::Udp(text.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(out, "udp://{address}"),
            Self::Unixgram(path) => write!(out, "unixgram://{}", path.display()),
        }
    }
}

enum Socket {
    Udp(UdpSocket),
    Unixgram(UnixDatagram),
}

/// Prints every line that arrives until `out` is closed: readable, or `raw` as it came.
///
/// # Errors
/// The address cannot be listened on, or `out` cannot be written.
pub fn listen(address: &ListenAddr, raw: bool, out: &mut impl Write) -> io::Result<()> {
    let socket = match address {
        ListenAddr::Udp(address) => Socket::Udp(UdpSocket::bind(address)?),
        ListenAddr::Unixgram(path) => {
            remove_dead_socket(path)?;
            Socket::Unixgram(UnixDatagram::bind(path)?)
        }
    };
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let count = match &socket {
            Socket::Udp(socket) => socket.recv(&mut datagram)?,
            Socket::Unixgram(socket) => socket.recv(&mut datagram)?,
        };
        let bytes = datagram.get(..count).unwrap_or_default();
        for line in String::from_utf8_lossy(bytes).lines() {
            let line: String = line.chars().map(|char| if char.is_control() { '?' } else { char }).collect();
            writeln!(out, "{}", if raw { line } else { readable(&line) })?;
        }
        out.flush()?;
    }
}

/// Removes a socket that nobody listens on. Anything else at that path is somebody's.
fn remove_dead_socket(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

/// `name value kind tags`, in columns.
fn readable(line: &str) -> String {
    let mut fields = line.split('|');
    let (Some(metric), Some(kind)) = (fields.next(), fields.next()) else { return line.to_owned() };
    let Some((name, value)) = metric.split_once(':') else { return line.to_owned() };
    let kind = match kind {
        "c" => "count",
        "g" => "gauge",
        other => other,
    };
    let rest: Vec<_> = fields.map(|field| field.strip_prefix('#').unwrap_or(field)).collect();
    format!("{name:<60} {value:>14} {kind:<5} {}", rest.join(" ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_columns() {
        let columns = |line: &str| readable(line).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(columns("a.b:1.5|c|#x:y,z:w"), ["a.b", "1.5", "count", "x:y,z:w"]);
        assert_eq!(columns("a:-2|g"), ["a", "-2", "gauge"]);
        assert_eq!(columns("a:2|ms|@0.1|#b:c"), ["a", "2", "ms", "@0.1", "b:c"]);
        assert_eq!(readable("no metric"), "no metric");
        assert_eq!(readable("_e{1,1}"), "_e{1,1}");
    }

    #[test]
    fn only_a_dead_socket_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "precious").unwrap();
        let live = std::os::unix::net::UnixListener::bind(path("live")).unwrap();
        drop(UnixDatagram::bind(path("dead")).unwrap());
        for (name, stays) in [("file", true), ("live", true), ("dead", false), ("none", false)] {
            remove_dead_socket(&path(name)).unwrap();
            assert_eq!(path(name).exists(), stays, "{name}");
        }
        drop(live);
    }

    #[test]
    fn addresses() {
        let shown = |text: &str| ListenAddr::parse(text).map(|address| address.to_string());
        assert_eq!(shown("127.0.0.1:1").as_deref(), Some("udp://127.0.0.1:1"));
        assert_eq!(shown("udp://[::1]:1").as_deref(), Some("udp://[::1]:1"));
        assert_eq!(shown("unix:///a").as_deref(), Some("unixgram:///a"));
        assert_eq!(shown("tcp://a:1"), None);
        assert_eq!(shown("a"), None);
    }
}
