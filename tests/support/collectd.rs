//! collectd's statsd plugin: the strict referee for lines without tags.
//!
//! It logs each line that it cannot parse. What it understood it writes every second to one CSV file
//! a metric. It cuts names at 127 characters and rounds counts to whole numbers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{self, Process};
use super::system_tool;
use super::udp::Inbox;

/// Longer names lose their end.
pub(crate) const NAME_CHARACTERS_MAX: usize = 127;

/// A running collectd on loopback UDP.
pub(crate) struct Collectd {
    process: Process,
    inbox: Inbox,
    /// Holds `csv/HOST/statsd/KIND-NAME-DATE`; removed after the process has ended.
    folder: TempDir,
}

impl Collectd {
    pub(crate) fn start() -> Self {
        process::start_on_free_ports("collectd", Self::try_start)
    }

    fn try_start() -> Option<Self> {
        let folder = process::folder();
        let port = process::free_udp_port();
        let config = process::write_config(&folder, &configuration(folder.path(), port));
        let mut command = Command::new(system_tool("collectd"));
        command.args(["-f", "-C"]).arg(config).current_dir(&folder);
        let mut process = Process::spawn("collectd", &command, &folder);
        let inbox = Inbox::new(&process, port);
        // collectd does not end when the port is taken: it says so.
        let bound = process.wait_or_end("socket", |process| {
            if process.log().contains("bind(2) failed") {
                return Some(false);
            }
            inbox.is_bound().then_some(true)
        })?;
        bound.then_some(Self { process, inbox, folder })
    }

    pub(crate) fn udp_port(&self) -> u16 {
        self.inbox.port()
    }

    /// Sends datagrams so that none is lost, and returns when the server has read them.
    pub(crate) fn send(&mut self, datagrams: &[Vec<u8>]) {
        self.inbox.send(&mut self.process, datagrams);
    }

    /// collectd's own words for each line that it could not read.
    pub(crate) fn unparsed_lines(&self) -> Vec<String> {
        let log = self.process.log();
        log.lines().filter(|line| line.contains("Unable to parse")).map(str::to_owned).collect()
    }

    /// The newest sum of each counter that collectd has written, rounded to a whole number.
    pub(crate) fn counters(&self) -> BTreeMap<String, f64> {
        values(self.folder.path(), "derive-")
    }

    /// The newest value of each gauge that collectd has written, with six digits behind the point.
    pub(crate) fn gauges(&self) -> BTreeMap<String, f64> {
        values(self.folder.path(), "gauge-")
    }

    /// Waits until collectd has written a value for each of these metrics.
    pub(crate) fn wait_for_names<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let names: Vec<&str> = names.into_iter().collect();
        let folder = self.folder.path();
        self.process.wait_for("written values of all metrics", |_| {
            let mut written = values(folder, "derive-");
            written.append(&mut values(folder, "gauge-"));
            names.iter().all(|name| written.contains_key(*name)).then_some(())
        });
    }
}

fn configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        r#"Hostname "test"
FQDNLookup false
BaseDir "{folder}"
Interval 1
LoadPlugin logfile
<Plugin logfile>
  LogLevel "info"
  File STDERR
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "{folder}/csv"
  StoreRates false
</Plugin>
LoadPlugin statsd
<Plugin statsd>
  Host "127.0.0.1"
  Port "{port}"
</Plugin>
"#
    )
}

/// Files are named `derive-NAME-2025-01-31`; a later day's comes later in the order of names.
fn values(folder: &Path, prefix: &str) -> BTreeMap<String, f64> {
    let folder = folder.join("csv/test/statsd");
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let values = paths.iter().filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_prefix(prefix)?;
        let name = name.get(..name.len().checked_sub("-2025-01-31".len())?)?;
        Some((name.to_owned(), last_value(path)?))
    });
    values.collect()
}

/// `epoch,value` lines below a header; the last complete one, if there is one yet.
fn last_value(path: &Path) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let complete = &text[..=text.rfind('\n')?];
    complete.lines().skip(1).last()?.split_once(',')?.1.parse().ok()
}
