//! Every setting, declared once.
//!
//! Job: turn environment variables into a [`Settings`] value, or into a list of everything that is
//! wrong with them. A [`Setting`] carries its name, default, accepted form and meaning; the parser,
//! the `settings` command, the plugin's `config.json` and `docs/settings.md` are all made from
//! [`SETTINGS`]. This module deliberately knows nothing of where the variables come from (the lookup
//! is an argument) and performs no I/O: a host name is resolved where it is used.

mod address;
mod list;
mod table;
mod value;

use std::fmt;
use std::time::Duration;

pub use address::{HostPort, ScrapeAddr, StatsdAddr};
pub use table::*;
pub use value::Tag;

use crate::glob::Glob;
use crate::statsd::Format;

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the metrics go.
    pub statsd_addr: StatsdAddr,
    /// The dialect of StatsD.
    pub statsd_format: Format,
    /// What every metric's name begins with.
    pub metric_prefix: String,
    /// Tags on every metric: `TAGS`, then the unified service tags.
    pub tags: Vec<Tag>,
    /// Time between scrapes.
    pub interval: Duration,
    /// The longest a whole scrape may take.
    pub scrape_timeout: Duration,
    /// What a histogram becomes.
    pub histograms: Histograms,
    /// Only metrics with a name that one of these matches; empty: all.
    pub include: Vec<Glob>,
    /// No metrics with a name that one of these matches.
    pub exclude: Vec<Glob>,
    /// Labels that are not sent.
    pub drop_labels: Vec<String>,
    /// Labels that are sent under another name: the old one, which stands once, and the new one.
    pub rename_labels: Vec<(String, String)>,
    /// The largest datagram, in bytes.
    pub max_packet_bytes: usize,
    /// Whether the plugin tells of itself.
    pub self_metrics: bool,
    /// Verbosity of the log.
    pub log_level: LogLevel,
    /// What is scraped.
    pub scrape_addr: ScrapeAddr,
}

/// What a histogram becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Histograms {
    /// A counter for each bucket, and the count and sum.
    Buckets,
    /// Values of a distribution, and the count and sum; with [`Format::Datadog`] only.
    Distributions,
    /// The count and sum.
    Counts,
    /// Nothing.
    Off,
}

/// Verbosity of the log; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something was lost, or a person is needed.
    Error,
    /// Something is wrong and nothing is lost.
    Warn,
    /// A change of state.
    Info,
    /// Each scrape.
    Debug,
}

/// A setting whose value is not of the accepted form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// The setting's name.
    pub name: &'static str,
    /// The value found.
    pub got: String,
    /// The accepted form.
    pub takes: &'static str,
}

/// How much of a value an error shows, in characters: a line of 64 KiB would be the last that an engine logs of the plugin.
pub const GOT_CHARS_MAX: usize = 500;

impl fmt::Display for SettingError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut got: String = self.got.chars().take(GOT_CHARS_MAX).collect();
        if got.len() < self.got.len() {
            got.push('…');
        }
        write!(out, "setting {}: got {got:?}, takes {}", self.name, self.takes)
    }
}

impl std::error::Error for SettingError {}

/// The largest datagram over UDP: an Ethernet frame less its headers, as Datadog's clients use.
pub const UDP_PACKET_BYTES_MAX: usize = 1432;
/// The largest datagram over a unix socket, and the largest write of a stream: what the Datadog Agent
/// reads at once.
pub const UNIX_PACKET_BYTES_MAX: usize = 8192;
/// The largest write to standard output, whatever `MAX_PACKET_BYTES` says: what a pipe with room takes
/// whole and without blocking (`PIPE_BUF`, pipe(7)).
pub const STDOUT_PACKET_BYTES_MAX: usize = 4096;

impl Settings {
    /// Reads every setting through `lookup`, which returns a variable's value if it is set.
    ///
    /// `hostname` replaces `{hostname}` in `TAGS`. An empty value means the default, because
    /// `docker plugin set NAME=` is how a setting is cleared.
    ///
    /// # Errors
    /// Every setting that is wrong, not only the first.
    pub fn from_vars(
        hostname: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<SettingError>> {
        let mut reader = Reader { lookup, errors: Vec::new(), read: Vec::new() };
        let settings = reader.settings(hostname);
        debug_assert!(SETTINGS.iter().all(|setting| reader.read.contains(&setting.name)));
        match settings {
            Some(settings) if reader.errors.is_empty() => Ok(settings),
            _ => Err(reader.errors),
        }
    }
}

struct Reader<F> {
    lookup: F,
    errors: Vec<SettingError>,
    read: Vec<&'static str>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// `None` only when an error was recorded.
    fn settings(&mut self, hostname: &str) -> Option<Settings> {
        let statsd_addr = self.statsd_addr();
        let statsd_format = self.read(&STATSD_FORMAT, Format::from_name);
        let metric_prefix = self.read(&METRIC_PREFIX, value::prefix);
        let tags = self.tags(hostname);
        let interval = self.read(&INTERVAL, value::duration);
        let scrape_timeout = self.read(&SCRAPE_TIMEOUT, value::duration);
        let histograms = self.histograms(statsd_format);
        let include = self.read(&INCLUDE, list::globs);
        let exclude = self.read(&EXCLUDE, list::globs);
        let drop_labels = self.read(&DROP_LABELS, list::labels);
        let rename_labels = self.read(&RENAME_LABELS, list::renames);
        let max_packet_bytes = self.read(&MAX_PACKET_BYTES, value::packet_bytes);
        let self_metrics = self.read(&SELF_METRICS, value::boolean);
        let log_level = self.read(&LOG_LEVEL, value::log_level);
        let scrape_addr = self.read(&SCRAPE_ADDR, ScrapeAddr::parse);
        let statsd_addr = statsd_addr?;
        let max_packet_bytes = match statsd_addr {
            StatsdAddr::Udp(_) => max_packet_bytes?.unwrap_or(UDP_PACKET_BYTES_MAX),
            StatsdAddr::Tcp(_)
            | StatsdAddr::Unix(_)
            | StatsdAddr::Unixgram(_)
            | StatsdAddr::Unixstream(_) => max_packet_bytes?.unwrap_or(UNIX_PACKET_BYTES_MAX),
            StatsdAddr::Stdout => max_packet_bytes?.unwrap_or(usize::MAX).min(STDOUT_PACKET_BYTES_MAX),
        };
        Some(Settings {
            statsd_addr,
            statsd_format: statsd_format?,
            metric_prefix: metric_prefix?,
            tags: tags?,
            interval: interval?,
            scrape_timeout: scrape_timeout?,
            histograms: histograms?,
            include: include?,
            exclude: exclude?,
            drop_labels: drop_labels?,
            rename_labels: rename_labels?,
            max_packet_bytes,
            self_metrics: self_metrics?,
            log_level: log_level?,
            scrape_addr: scrape_addr?,
        })
    }

    /// `STATSD_ADDR`, else the variables of Datadog's own clients in their own order.
    fn statsd_addr(&mut self) -> Option<StatsdAddr> {
        let own = self.read_optional(&STATSD_ADDR, StatsdAddr::parse);
        let url = self.read_optional(&DD_DOGSTATSD_URL, StatsdAddr::parse);
        let host = self.read_optional(&DD_AGENT_HOST, value::host);
        let port = self.read(&DD_DOGSTATSD_PORT, value::port);
        let (own, url, host, port) = (own?, url?, host?, port?);
        let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
        Some(own.or(url).unwrap_or(StatsdAddr::Udp(HostPort { host, port })))
    }

    /// Only one dialect has a word for a distribution.
    fn histograms(&mut self, format: Option<Format>) -> Option<Histograms> {
        let is_spoken = format.is_none_or(|format| format == Format::Datadog);
        self.read(&HISTOGRAMS, |text| {
            value::histograms(text).filter(|histograms| is_spoken || *histograms != Histograms::Distributions)
        })
    }

    fn tags(&mut self, hostname: &str) -> Option<Vec<Tag>> {
        let tags = self.read(&TAGS, |text| value::tags(text, hostname));
        let unified = [("env", &DD_ENV), ("service", &DD_SERVICE), ("version", &DD_VERSION)]
            .map(|(key, setting)| self.read_optional(setting, |text| value::unified_tag(key, text)));
        let mut tags = tags?;
        for tag in unified {
            tags.extend(tag?);
        }
        Some(tags)
    }

    /// The setting's value or its default; `None` records an error.
    fn read<T>(&mut self, setting: &'static Setting, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.read.push(setting.name);
        let text = self.lookup(setting);
        let text = if text.is_empty() { setting.default } else { &text };
        let value = parse(text);
        if value.is_none() {
            self.errors.push(SettingError { name: setting.name, got: text.to_owned(), takes: setting.takes });
        }
        value
    }

    /// As [`Self::read`], for a setting that may stay empty: `Some(None)`.
    #[expect(clippy::option_option, reason = "the outer one is the parse, the inner one the setting")]
    fn read_optional<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        self.read(setting, |text| if text.is_empty() { Some(None) } else { parse(text).map(Some) })
    }

    fn lookup(&self, setting: &Setting) -> String {
        (self.lookup)(setting.name).map_or_else(String::new, |text| text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> Result<Settings, Vec<SettingError>> {
        Settings::from_vars("host-1", |name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn defaults_alone_are_valid() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.statsd_addr.to_string(), "udp://127.0.0.1:8125");
        assert_eq!(settings.scrape_addr.to_string(), "unix:///run/docker/metrics.sock");
        assert_eq!(settings.interval, Duration::from_secs(10));
        assert_eq!(settings.max_packet_bytes, UDP_PACKET_BYTES_MAX);
        assert_eq!(settings.metric_prefix, "docker.");
    }

    #[test]
    fn an_empty_value_means_the_default() {
        let empty: Vec<_> = SETTINGS.iter().map(|setting| (setting.name, "")).collect();
        assert_eq!(settings(&empty), settings(&[]));
    }

    #[test]
    fn target_follows_the_order_of_datadogs_clients() {
        let all = [
            ("STATSD_ADDR", "unix:///run/a.sock"),
            ("DD_DOGSTATSD_URL", "udp://agent:1"),
            ("DD_AGENT_HOST", "10.0.0.1"),
            ("DD_DOGSTATSD_PORT", "99"),
        ];
        let target = |vars: &[(&str, &str)]| settings(vars).unwrap().statsd_addr.to_string();
        assert_eq!(target(&all), "unix:///run/a.sock");
        assert_eq!(target(&all[1..]), "udp://agent:1");
        assert_eq!(target(&all[2..]), "udp://10.0.0.1:99");
        assert_eq!(target(&all[3..]), "udp://127.0.0.1:99");
    }

    #[test]
    fn the_largest_datagram_is_that_of_the_transport_unless_set() {
        for (address, packet_bytes, expected) in [
            ("udp://agent", "auto", 1432),
            ("udp://agent", "60000", 60_000),
            ("tcp://agent", "auto", 8192),
            ("unix:///run/a.sock", "auto", 8192),
            ("unix:///run/a.sock", "1000", 1000),
            ("stdout:", "auto", 4096),
            ("stdout:", "1000", 1000),
            ("stdout:", "60000", 4096),
        ] {
            let settings = settings(&[("STATSD_ADDR", address), ("MAX_PACKET_BYTES", packet_bytes)]);
            assert_eq!(settings.unwrap().max_packet_bytes, expected, "{address} {packet_bytes}");
        }
    }

    #[test]
    fn unified_service_tags_follow_the_tags() {
        let settings =
            settings(&[("TAGS", "team:core,host:{hostname}"), ("DD_ENV", "prod"), ("DD_VERSION", "1.2")]);
        let tags: Vec<_> = settings.unwrap().tags.iter().map(ToString::to_string).collect();
        assert_eq!(tags, ["team:core", "host:host-1", "env:prod", "version:1.2"]);
    }

    #[test]
    fn distributions_are_for_datadog_alone() {
        let errors = |format| {
            let vars = [("STATSD_FORMAT", format), ("HISTOGRAMS", "distributions"), ("INTERVAL", "x")];
            let errors = settings(&vars).unwrap_err();
            errors.iter().map(|error| error.name).collect::<Vec<_>>().join(" ")
        };
        for format in ["etsy", "graphite", "influx", "librato", "signalfx"] {
            assert_eq!(errors(format), "INTERVAL HISTOGRAMS", "{format}");
        }
        assert_eq!(errors("datadog"), "INTERVAL");
        assert_eq!(errors("json"), "STATSD_FORMAT INTERVAL", "of a wrong format nothing follows");
        assert_eq!(
            settings(&[("STATSD_FORMAT", "etsy"), ("HISTOGRAMS", "distributions")]).unwrap_err()[0]
                .to_string(),
            "setting HISTOGRAMS: got \"distributions\", takes buckets, distributions (with \
             STATSD_FORMAT=datadog only), counts or off"
        );
    }

    #[test]
    fn a_long_value_is_cut_where_it_is_shown() {
        let shown = |chars: usize| settings(&[("LOG_LEVEL", &"é".repeat(chars))]).unwrap_err()[0].to_string();
        let takes = "\", takes error, warn, info or debug";
        assert!(shown(GOT_CHARS_MAX).ends_with(&format!("é{takes}")));
        let cut = shown(100_000);
        assert!(cut.ends_with(&format!("é…{takes}")) && cut.chars().count() < GOT_CHARS_MAX + 100, "{cut}");
    }

    #[test]
    fn every_wrong_setting_is_listed_with_what_it_takes() {
        let wrong = [
            ("STATSD_ADDR", "ftp://x"),
            ("DD_DOGSTATSD_URL", "x"),
            ("DD_AGENT_HOST", "a b"),
            ("DD_DOGSTATSD_PORT", "0"),
            ("STATSD_FORMAT", "json"),
            ("METRIC_PREFIX", "9."),
            ("TAGS", "a|b"),
            ("DD_ENV", "a,b"),
            ("DD_SERVICE", "a b"),
            ("DD_VERSION", "a#b"),
            ("INTERVAL", "10"),
            ("SCRAPE_TIMEOUT", "2h"),
            ("HISTOGRAMS", "yes"),
            ("INCLUDE", "a b"),
            ("EXCLUDE", "[a]"),
            ("DROP_LABELS", "le"),
            ("RENAME_LABELS", "a"),
            ("MAX_PACKET_BYTES", "10"),
            ("SELF_METRICS", "yes"),
            ("LOG_LEVEL", "loud"),
            ("SCRAPE_ADDR", "run/docker"),
        ];
        let errors = settings(&wrong).unwrap_err();
        for (name, got) in wrong {
            let error = errors.iter().find(|error| error.name == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(error.got, got);
        }
        assert_eq!(errors.len(), SETTINGS.len());
        assert_eq!(
            errors.iter().find(|error| error.name == "LOG_LEVEL").unwrap().to_string(),
            "setting LOG_LEVEL: got \"loud\", takes error, warn, info or debug"
        );
    }
}
