//! Datadog's own DogStatsD code, from the program that Datadog publishes for serverless platforms.
//!
//! Its log says at once what it could not parse, and every ten seconds which series it would
//! forward; the address it forwards to is a closed port of its own loopback. It binds every address
//! of the machine, so it runs in a network namespace of its own, where only loopback exists. A unix
//! datagram socket leads in: `socat`, beside it, hands on what arrives there.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;

use super::process::{self, Process};
use super::udp::Inbox;
use super::{installed_tool, system_tool};

/// The server's log shows at most a thousand series of one flush: send fewer before each.
pub(crate) const SERIES_PER_FLUSH_MAX: usize = 1000;
/// Nobody else is in the namespace, so the ports can be fixed.
const PORT: u16 = 8125;
/// Datagrams sent before waiting for the server to have read them.
const BURST_DATAGRAMS: usize = 32;
/// The shell that runs this is the first process of a namespace of processes: when it ends, the
/// kernel ends `socat` too.
const PREPARE: &str = r#"ip link set lo up || exit 1
socat -b 65536 -u "UNIX-RECV:$AGENT_SOCKET" UDP-SENDTO:127.0.0.1:8125 &"#;

/// A series as the server would have sent it to Datadog.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// The server's word: `Count` or `Gauge`.
    pub(crate) kind: String,
    pub(crate) value: f64,
    /// Sorted, without the server's own `origin` tags.
    pub(crate) tags: Vec<String>,
}

/// A distribution of a series as the server would have sent it to Datadog.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sketch {
    pub(crate) name: String,
    /// Sorted, without the server's own `origin` tags.
    pub(crate) tags: Vec<String>,
    /// How many values there were.
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
}

/// A running DogStatsD server, reached through a unix datagram socket.
pub(crate) struct Datadog {
    process: Process,
    socket: PathBuf,
    /// Datagrams that `send` has handed over.
    sent_datagrams: usize,
    /// Removed after the process has ended: fields are dropped in this order.
    _folder: TempDir,
}

impl Datadog {
    pub(crate) fn start() -> Self {
        let folder = process::folder();
        let socket = folder.path().join("dsd.socket");
        let mut process = Process::spawn_guarded("Datadog's DogStatsD", command(&socket), &folder);
        process.wait_for("listening line", |process| {
            process.log().contains("starting to listen on port").then_some(())
        });
        let inbox = Inbox::new(&process, PORT);
        process.wait_for("socket", |_| (inbox.is_bound() && socket.exists()).then_some(()));
        Self { process, socket, sent_datagrams: 0, _folder: folder }
    }

    /// The unix datagram socket, which can be written to from any network namespace.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends datagrams so that none is lost, and returns when the server has read them all.
    /// Nothing else may be sending meanwhile.
    pub(crate) fn send(&mut self, datagrams: &[Vec<u8>]) {
        let sender = UnixDatagram::unbound().expect("a socket to send from");
        sender.connect(&self.socket).expect("socat's socket");
        for burst in datagrams.chunks(BURST_DATAGRAMS) {
            for datagram in burst {
                sender.send(datagram).expect("a datagram, waiting while the queue is full");
            }
            self.sent_datagrams += burst.len();
            let sent = self.sent_datagrams;
            self.process.wait_for("reading of the datagrams", |process| {
                (received_datagrams(&process.log()) == sent).then_some(())
            });
        }
    }

    /// Every series that the server would have forwarded so far, in the order of its flushes.
    pub(crate) fn flushed_series(&self) -> Vec<Series> {
        let log = self.process.log();
        // The last line may still be in the middle of being written.
        let complete = log.rfind('\n').map_or("", |end| &log[..end]);
        complete.lines().filter(|line| line.contains("Sending body: ")).flat_map(series).collect()
    }

    /// Waits for flushes until at least `count` series were flushed since the start.
    pub(crate) fn wait_for_series(&mut self, count: usize) {
        self.process.wait_for("flush with all series", |process| {
            // Reading names is enough here, and cheap on a log of a megabyte.
            (process.log().matches("Metric { metric: ").count() >= count).then_some(())
        });
    }

    /// Waits for flushes until at least `values` values of distributions were flushed; every sketch of them, in
    /// the order of the flushes.
    pub(crate) fn wait_for_sketches(&mut self, values: u64) -> Vec<Sketch> {
        self.process.wait_for("flush with all values", |process| {
            let log = process.log();
            let complete = log.rfind('\n').map_or("", |end| &log[..end]);
            let payloads = complete.lines().filter(|line| line.contains("Sending distributions: "));
            let sketches: Vec<_> = payloads.flat_map(sketches).collect();
            let count: u64 = sketches.iter().map(|sketch| sketch.count).sum();
            (count >= values).then_some(sketches)
        })
    }

    /// The server's own words for each line that it could not read.
    pub(crate) fn parse_failures(&self) -> Vec<String> {
        let log = self.process.log();
        log.lines().filter(|line| line.contains("Failed to parse")).map(str::to_owned).collect()
    }
}

fn command(socket: &Path) -> Command {
    // Found first, so that a missing one is named.
    for tool in ["ip", "socat"] {
        system_tool(tool);
    }
    let program = installed_tool("datadog/bin/linux-amd64/datadog-serverless-compat");
    let mut command = Command::new(system_tool("unshare"));
    // An ordinary user may make namespaces as the root of a user namespace.
    if fs::metadata("/proc/self").expect("/proc is mounted").uid() != 0 {
        command.arg("--map-root-user");
    }
    let path = env::var("PATH").unwrap_or_default();
    command
        .args(["--net", "--pid", "--fork", "--kill-child", "sh", "-c"])
        .arg(format!("{PREPARE}\n{}", process::GUARD))
        .arg("sh")
        .arg(program)
        .env_clear()
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("AGENT_SOCKET", socket)
        // It starts only where it recognises a serverless platform.
        .env("ASCSVCRT_SPRING__APPLICATION__NAME", "x")
        .env("DD_API_KEY", "0".repeat(32))
        .env("DD_LOG_LEVEL", "trace")
        .env("DD_SITE", "localhost:1")
        .env("DD_PROXY_HTTPS", "http://127.0.0.1:9")
        .env("DD_DOGSTATSD_PORT", PORT.to_string())
        .env("DD_APM_RECEIVER_PORT", "8126");
    command
}

fn received_datagrams(log: &str) -> usize {
    log.matches("dogstatsd::dogstatsd: Received packet: ").count()
}

/// Reads Rust's debug form of the request's body:
/// `Metric { metric: "n", points: [Point { timestamp: 1, value: 3.0 }], resources: [], kind: Count,
/// tags: ["a:b"], metadata: None }`.
fn series(line: &str) -> Vec<Series> {
    line.split("Metric { metric: \"").skip(1).map(one_series).collect()
}

fn one_series(text: &str) -> Series {
    let name = text.split_once("\", points: ").expect("a name before the points").0;
    Series {
        name: name.to_owned(),
        kind: between(text, "kind: ", ", ").to_owned(),
        value: between(text, "value: ", " }").parse().expect("a number"),
        tags: tags(between(text, "tags: [", "], metadata: ")),
    }
}

/// Reads Rust's debug form of a payload, as far as it is of use: `Sketch { metric: "n", host: "",
/// distributions: [], tags: ["a:b"], dogsketches: [Dogsketch { ts: 1, cnt: 1, min: 0.5, max: 0.5, avg: 0.5,
/// sum: 0.5, k: [1293], ..`
fn sketches(line: &str) -> Vec<Sketch> {
    line.split("Sketch { metric: \"").skip(1).map(one_sketch).collect()
}

fn one_sketch(text: &str) -> Sketch {
    let number = |name: &str| between(text, &format!(" {name}: "), ", ").parse().expect("a number");
    assert_eq!(text.matches("Dogsketch {").count(), 1, "one time in a flush: {text}");
    Sketch {
        name: text.split_once("\", host: ").expect("a name before the host").0.to_owned(),
        tags: tags(between(text, " tags: [", "], dogsketches: ")),
        count: between(text, " cnt: ", ", ").parse().expect("a whole number"),
        min: number("min"),
        max: number("max"),
        sum: number("sum"),
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} in {rest}")).0
}

/// Sorted, without the server's own.
fn tags(text: &str) -> Vec<String> {
    let tags = text.split(", ").map(|tag| tag.trim_matches('"').to_owned());
    let mut tags: Vec<String> =
        tags.filter(|tag| !tag.starts_with("origin:") && !tag.starts_with("dd.origin:")).collect();
    tags.sort();
    tags
}
