//! UDP without luck: the kernel's table of sockets says whether a server has bound its port, whether
//! it has read everything sent to it, and whether anything was ever dropped.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;

use super::process::Process;

/// Datagrams sent before waiting for the receiver to have read them. The kernel's default buffer
/// holds about ninety full ones.
const BURST_DATAGRAMS: usize = 32;

/// The receiving end of a server's UDP socket, as the kernel sees it.
pub(crate) struct Inbox {
    /// `/proc/PID/net/udp`: the table of the network namespace that the server is in.
    table: PathBuf,
    port: u16,
}

/// One line of the table.
struct Row {
    waiting_bytes: u64,
    drops: u64,
}

impl Inbox {
    pub(crate) fn new(server: &Process, port: u16) -> Self {
        Self { table: format!("/proc/{}/net/udp", server.id()).into(), port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.row().is_some()
    }

    /// Datagrams that the kernel threw away because the server read too slowly.
    pub(crate) fn drops(&self) -> u64 {
        self.row().expect("a bound socket").drops
    }

    /// Sends from this process' network namespace; returns when the server has taken all from the
    /// kernel, and panics if a datagram was lost.
    pub(crate) fn send(&self, server: &mut Process, datagrams: &[Vec<u8>]) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket to send from");
        socket.connect((Ipv4Addr::LOCALHOST, self.port)).expect("an address to send to");
        for burst in datagrams.chunks(BURST_DATAGRAMS) {
            for datagram in burst {
                socket.send(datagram).expect("the server's socket is bound");
            }
            server.wait_for("reading of the datagrams", |_| self.row().filter(|row| row.waiting_bytes == 0));
        }
        assert_eq!(self.drops(), 0, "datagrams were lost before the server read them");
    }

    fn row(&self) -> Option<Row> {
        let table = fs::read_to_string(&self.table).ok()?;
        table.lines().skip(1).find_map(|line| self.read_row(line))
    }

    /// `sl local_address rem_address st tx_queue:rx_queue ... drops`, numbers in hexadecimal except
    /// the last.
    fn read_row(&self, line: &str) -> Option<Row> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (_, port) = words.get(1)?.split_once(':')?;
        let (_, waiting) = words.get(4)?.split_once(':')?;
        (u16::from_str_radix(port, 16) == Ok(self.port)).then(|| Row {
            waiting_bytes: u64::from_str_radix(waiting, 16).expect("a hexadecimal length"),
            drops: words.last().and_then(|drops| drops.parse().ok()).expect("a count of drops"),
        })
    }
}
