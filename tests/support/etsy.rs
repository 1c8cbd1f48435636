//! Etsy's statsd, the original: exact sums over its management port.
//!
//! Its flush interval is an hour, so no flush ever clears what a test wants to read; unless it is there
//! for what it flushes to Graphite. It counts what it cannot read as `bad_lines_seen`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::process::{self, Process};
use super::udp::Inbox;
use super::{installed_tool, system_tool};

/// An answer that takes longer is a server that hangs.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Prints what it flushes, which is nothing.
const QUIET: &str = r#"backends: ["./backends/console"]"#;
/// Too long for any test.
const NEVER: Duration = Duration::from_secs(3600);

/// A running Etsy statsd on loopback UDP.
pub(crate) struct Etsy {
    process: Process,
    inbox: Inbox,
    management_port: u16,
    /// Removed after the process has ended: fields are dropped in this order.
    _folder: TempDir,
}

impl Etsy {
    pub(crate) fn start() -> Self {
        process::start_on_free_ports("Etsy statsd", || {
            Self::try_start(process::free_udp_port(), QUIET, NEVER)
        })
    }

    /// Starts one that flushes to a carbon on the same address, under names that are not the legacy ones.
    pub(crate) fn start_before_carbon(carbon_port: u16, flush_interval: Duration) -> Self {
        let backend = format!(
            r#"backends: ["./backends/graphite"], graphiteHost: "127.0.0.1", graphitePort: {carbon_port},
  graphite: {{ legacyNamespace: false }}"#
        );
        let start = || Self::try_start(process::free_udp_port(), &backend, flush_interval);
        process::start_on_free_ports("Etsy statsd", start)
    }

    /// Starts on a given UDP port, which another server has just left.
    pub(crate) fn start_on(port: u16) -> Self {
        process::start_on_free_ports("Etsy statsd", || Self::try_start(port, QUIET, NEVER))
    }

    fn try_start(port: u16, backend: &str, flush_interval: Duration) -> Option<Self> {
        let program = installed_tool("statsd/node_modules/statsd/stats.js");
        let management_port = process::free_tcp_port();
        let folder = process::folder();
        let config =
            process::write_config(&folder, &configuration(port, management_port, backend, flush_interval));
        let mut command = Command::new(system_tool("node"));
        command.arg(program).arg(config).current_dir(&folder);
        let mut process = Process::spawn("Etsy statsd", &command, &folder);
        let inbox = Inbox::new(&process, port);
        process.wait_or_end("socket", |_| {
            let answers = TcpStream::connect((Ipv4Addr::LOCALHOST, management_port)).is_ok();
            (answers && inbox.is_bound()).then_some(())
        })?;
        Some(Self { process, inbox, management_port, _folder: folder })
    }

    pub(crate) fn udp_port(&self) -> u16 {
        self.inbox.port()
    }

    /// Sends datagrams so that none is lost, and returns when the server has read them.
    pub(crate) fn send(&mut self, datagrams: &[Vec<u8>]) {
        self.inbox.send(&mut self.process, datagrams);
    }

    /// The sum of each counter's lines. The server's own counters are left out.
    pub(crate) fn counters(&self) -> BTreeMap<String, f64> {
        let mut counters = self.table("counters");
        counters.retain(|name, _| !name.starts_with("statsd."));
        counters
    }

    /// The value of each gauge. The server's own gauges are left out.
    pub(crate) fn gauges(&self) -> BTreeMap<String, f64> {
        let mut gauges = self.table("gauges");
        gauges.retain(|name, _| !name.starts_with("statsd."));
        gauges
    }

    /// Waits until a counter's sum is this or more.
    pub(crate) fn wait_for_counter(&mut self, name: &str, sum: f64) {
        let port = self.management_port;
        let reached = || read_object(&ask(port, "counters")).get(name).is_some_and(|found| *found >= sum);
        self.process.wait_for("sum of a counter", |_| reached().then_some(()));
    }

    /// Looks until `look` finds what the server has flushed.
    pub(crate) fn wait_for_flushed<T>(&mut self, mut look: impl FnMut() -> Option<T>) -> T {
        self.process.wait_for("flush", |_| look())
    }

    /// Lines that the server could not read.
    pub(crate) fn bad_lines_seen(&self) -> u64 {
        let stats = self.ask("stats");
        let line = stats.lines().find_map(|line| line.strip_prefix("messages.bad_lines_seen: "));
        line.and_then(|count| count.parse().ok()).expect("bad_lines_seen in its stats")
    }

    /// The datagrams and lines that reached the server.
    pub(crate) fn received(&self) -> (u64, u64) {
        let counters = self.table("counters");
        let count = |name: &str| counters[name].to_string().parse().expect("a whole count");
        (count("statsd.packets_received"), count("statsd.metrics_received"))
    }

    /// What the server logged of lines that it could not read, for a test that fails.
    pub(crate) fn bad_lines(&self) -> Vec<String> {
        let log = self.process.log();
        log.lines().filter(|line| line.contains("Bad line")).map(str::to_owned).collect()
    }

    fn table(&self, command: &str) -> BTreeMap<String, f64> {
        read_object(&self.ask(command))
    }

    fn ask(&self, command: &str) -> String {
        ask(self.management_port, command)
    }
}

/// One command of the management port; the answer without its `END`.
fn ask(management_port: u16, command: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, management_port)).expect("the management port");
    stream.set_read_timeout(Some(ANSWER_MAX)).expect("a time-out above zero");
    writeln!(stream, "{command}").expect("the management port takes a command");
    let mut answer = String::new();
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        let length = lines.read_line(&mut line).expect("an answer of the management port");
        assert_ne!(length, 0, "the answer to {command} ended without END: {answer}");
        if line == "END\n" {
            return answer;
        }
        answer.push_str(&line);
    }
}

fn configuration(port: u16, management_port: u16, backend: &str, flush_interval: Duration) -> String {
    format!(
        r#"{{ flushInterval: {}, {backend}, automaticConfigReload: false,
  mgmt_address: "127.0.0.1", mgmt_port: {management_port},
  servers: [{{ server: "./servers/udp", address: "127.0.0.1", port: {port} }}] }}
"#,
        flush_interval.as_millis()
    )
}

/// The server prints a table as node's inspector does: `{ 'docker.a': 1, b: 2.5 }`, on one line or
/// on many, every key of it. It has cleaned names of quotes, commas, colons and spaces before.
fn read_object(text: &str) -> BTreeMap<String, f64> {
    let inside = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let inside = inside.unwrap_or_else(|| panic!("not a table: {text}"));
    let entries = inside.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (name, value) = entry.rsplit_once(": ").expect("name: value");
            let value = value.parse().unwrap_or_else(|_| panic!("not a number: {entry}"));
            (name.trim_matches('\'').to_owned(), value)
        })
        .collect()
}
