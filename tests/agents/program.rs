//! Runs `docker-metrics-statsd convert`, reads its lines and puts them into datagrams.

use std::path::Path;
use std::process::{Command, Output};

use crate::exposition::Kind;

/// What fits into one Ethernet frame with room for tunnels: the program's own limit on UDP.
const DATAGRAM_BYTES_MAX: usize = 1432;

/// Runs `convert` in a dialect, with no other setting.
pub(crate) fn convert(dialect: &str, arguments: &[&Path]) -> Output {
    command(dialect, arguments).output().expect("the program starts")
}

fn command(dialect: &str, arguments: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docker-metrics-statsd"));
    command.arg("convert").args(arguments).env_clear().env("STATSD_FORMAT", dialect);
    command
}

/// The lines that `convert` prints of one complete scrape, counted from zero, with histograms as distributions.
pub(crate) fn distributions_from_zero(scrape: &Path) -> Vec<String> {
    let mut command = command("datadog", &[Path::new("--from-zero"), scrape]);
    lines_of(&command.env("HISTOGRAMS", "distributions").output().expect("the program starts"))
}

/// The lines that `convert` prints.
pub(crate) fn lines(dialect: &str, arguments: &[&Path]) -> Vec<String> {
    lines_of(&convert(dialect, arguments))
}

fn lines_of(output: &Output) -> Vec<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "convert: {}: {errors}", output.status);
    let text = str::from_utf8(&output.stdout).expect("lines in UTF-8");
    assert!(text.ends_with('\n'), "the last line ends");
    text.lines().map(str::to_owned).collect()
}

/// The lines of one complete scrape, counted from zero.
pub(crate) fn lines_from_zero(dialect: &str, scrape: &Path) -> Vec<String> {
    lines(dialect, &[Path::new("--from-zero"), scrape])
}

/// Whole lines, each ended by a line feed, in datagrams of at most the limit.
pub(crate) fn pack(lines: &[String]) -> Vec<Vec<u8>> {
    let mut datagrams: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        let bytes = line.len() + 1;
        assert!(bytes <= DATAGRAM_BYTES_MAX, "a line larger than a datagram: {line}");
        match datagrams.last_mut() {
            Some(last) if last.len() + bytes <= DATAGRAM_BYTES_MAX => last.extend(line.bytes()),
            _ => datagrams.push(line.clone().into_bytes()),
        }
        datagrams.last_mut().expect("the line's datagram").push(b'\n');
    }
    datagrams
}

/// A line of the program, read by the form that every server takes: `name:value|type[|#tags]`.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) kind: Kind,
    pub(crate) tags: Vec<String>,
}

impl Line {
    pub(crate) fn read(text: &str) -> Self {
        let (line, tags) = text.split_once("|#").unwrap_or((text, ""));
        let (name, rest) = line.split_once(':').expect("name:value");
        let (value, letter) = rest.split_once('|').expect("value|type");
        let kind = match letter {
            "c" => Kind::Counter,
            "g" => Kind::Gauge,
            _ => panic!("a type of no use here: {text}"),
        };
        let plain = value.chars().all(|char| char.is_ascii_digit() || matches!(char, '.' | '-'));
        assert!(plain, "not a plain decimal: {text}");
        Self {
            name: name.to_owned(),
            value: value.parse().expect("a number"),
            kind,
            tags: tags.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        }
    }
}
