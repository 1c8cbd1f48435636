//! The table: every setting's name, default, accepted form and meaning.

/// One setting: an environment variable of the plugin.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable's name.
    pub name: &'static str,
    /// The value in force when the variable is unset or empty.
    pub default: &'static str,
    /// The accepted form, as a phrase that completes "takes ...".
    pub takes: &'static str,
    /// What it does, one or two sentences.
    pub help: &'static str,
}

/// Where the metrics go.
pub const STATSD_ADDR: Setting = Setting {
    name: "STATSD_ADDR",
    default: "",
    takes: "udp://HOST[:PORT], HOST:PORT, tcp://HOST[:PORT], unix:///PATH, unixgram:///PATH, \
            unixstream:///PATH or stdout:",
    help: "Where the metrics go. stdout: is standard output (of a plugin that is the engine's log), and \
           then the log is on standard error alone. Empty: DD_DOGSTATSD_URL, else DD_AGENT_HOST and \
           DD_DOGSTATSD_PORT, else udp://127.0.0.1:8125.",
};

/// Datadog's own name for the target.
pub const DD_DOGSTATSD_URL: Setting = Setting {
    name: "DD_DOGSTATSD_URL",
    default: "",
    takes: STATSD_ADDR.takes,
    help: "Where the metrics go when STATSD_ADDR is empty, as in Datadog's own clients.",
};

/// Datadog's own name for the target's host.
pub const DD_AGENT_HOST: Setting = Setting {
    name: "DD_AGENT_HOST",
    default: "",
    takes: "a host name or IP address",
    help: "The Agent's host when STATSD_ADDR and DD_DOGSTATSD_URL are empty.",
};

/// Datadog's own name for the target's port.
pub const DD_DOGSTATSD_PORT: Setting = Setting {
    name: "DD_DOGSTATSD_PORT",
    default: "8125",
    takes: "a port from 1 to 65535",
    help: "The Agent's port, used with DD_AGENT_HOST.",
};

/// The dialect of StatsD.
pub const STATSD_FORMAT: Setting = Setting {
    name: "STATSD_FORMAT",
    default: "datadog",
    takes: "datadog, etsy, graphite, influx, librato or signalfx",
    help: "The dialect: datadog puts labels into tags and names metrics as Datadog's OpenMetrics check \
           does; etsy folds labels into the name, for servers without tags; the others keep Prometheus' \
           names and put labels behind them as tags.",
};

/// What every metric's name begins with.
pub const METRIC_PREFIX: Setting = Setting {
    name: "METRIC_PREFIX",
    default: "docker.",
    takes: "at most 100 letters, digits, '_' and '.', a letter first; write the final dot yourself",
    help: "Put before every metric name.",
};

/// Tags on every metric.
pub const TAGS: Setting = Setting {
    name: "TAGS",
    default: "",
    takes: "at most 100 KEY:VALUE,KEY:VALUE with letters, digits and _ - : / . in them, at most 200 characters each",
    help: "Tags put on every metric. {hostname} is replaced with the host's name.",
};

/// Datadog's unified service tag `env`.
pub const DD_ENV: Setting = Setting {
    name: "DD_ENV",
    default: "",
    takes: "a tag value: letters, digits and _ - : / .",
    help: "Becomes the tag env:VALUE on every metric.",
};

/// Datadog's unified service tag `service`.
pub const DD_SERVICE: Setting = Setting {
    name: "DD_SERVICE",
    default: "",
    takes: DD_ENV.takes,
    help: "Becomes the tag service:VALUE on every metric.",
};

/// Datadog's unified service tag `version`.
pub const DD_VERSION: Setting = Setting {
    name: "DD_VERSION",
    default: "",
    takes: DD_ENV.takes,
    help: "Becomes the tag version:VALUE on every metric.",
};

/// Time between scrapes.
pub const INTERVAL: Setting = Setting {
    name: "INTERVAL",
    default: "10s",
    takes: "a duration from 10ms to 1h, such as 500ms, 10s or 1m",
    help: "Time between scrapes. 10s is the resolution that Datadog stores.",
};

/// Limit on one scrape.
pub const SCRAPE_TIMEOUT: Setting = Setting {
    name: "SCRAPE_TIMEOUT",
    default: "5s",
    takes: INTERVAL.takes,
    help: "The longest a whole scrape may take, body included.",
};

/// What a histogram becomes.
pub const HISTOGRAMS: Setting = Setting {
    name: "HISTOGRAMS",
    default: "buckets",
    takes: "buckets, distributions (with STATSD_FORMAT=datadog only), counts or off",
    help: "What a histogram becomes: buckets sends a counter for each bucket and the count and sum; \
           distributions sends what was observed as a distribution, each observation as the middle of its \
           bucket, and the count and sum; counts sends only the count and sum; off sends nothing.",
};

/// The metrics to send.
pub const INCLUDE: Setting = Setting {
    name: "INCLUDE",
    default: "",
    takes: "at most 100 names with * (any characters) and ? (any one) in them, between commas",
    help: "Only metrics with these names are sent; empty: all. The names are Prometheus', as a scrape has \
           them, without the _bucket, _sum and _count of a histogram or summary.",
};

/// The metrics not to send.
pub const EXCLUDE: Setting = Setting {
    name: "EXCLUDE",
    default: "",
    takes: INCLUDE.takes,
    help: "Metrics with these names are not sent, also where INCLUDE names them.",
};

/// The labels not to send.
pub const DROP_LABELS: Setting = Setting {
    name: "DROP_LABELS",
    default: "",
    takes: "at most 100 names of labels between commas, not le and quantile",
    help: "Labels that are not sent. Counters that become one are added up; of gauges the last one \
           stays.",
};

/// The labels to send under other names.
pub const RENAME_LABELS: Setting = Setting {
    name: "RENAME_LABELS",
    default: "",
    takes: "OLD:NEW,OLD:NEW, at most 100 labels, each OLD once, not le and quantile",
    help: "Labels that are sent under another name; a label that has the new name is replaced.",
};

/// Limit on one datagram.
pub const MAX_PACKET_BYTES: Setting = Setting {
    name: "MAX_PACKET_BYTES",
    default: "auto",
    takes: "auto, or bytes from 256 to 65507",
    help: "The largest datagram sent. auto is 1432 over UDP, else 8192; on standard output it is 4096, and \
           more is not possible.",
};

/// What the plugin says of itself.
pub const SELF_METRICS: Setting = Setting {
    name: "SELF_METRICS",
    default: "true",
    takes: "true or false",
    help: "Whether the plugin tells of itself: whether the engine can be scraped (docker.up, and to Datadog the \
           service check docker.metrics.can_scrape), and what scraping and sending came to \
           (docker.metrics.*).",
};

/// Verbosity of the log.
pub const LOG_LEVEL: Setting = Setting {
    name: "LOG_LEVEL",
    default: "info",
    takes: "error, warn, info or debug",
    help: "How much is logged.",
};

/// What is scraped.
pub const SCRAPE_ADDR: Setting = Setting {
    name: "SCRAPE_ADDR",
    default: "unix:///run/docker/metrics.sock",
    takes: "unix:///PATH[:/METRICS] or http://HOST:PORT/METRICS",
    help: "What is scraped. The engine puts its own socket at the default path.",
};

/// All of them, in the order they are shown.
pub const SETTINGS: &[&Setting] = &[
    &STATSD_ADDR,
    &STATSD_FORMAT,
    &METRIC_PREFIX,
    &TAGS,
    &DD_ENV,
    &DD_SERVICE,
    &DD_VERSION,
    &DD_DOGSTATSD_URL,
    &DD_AGENT_HOST,
    &DD_DOGSTATSD_PORT,
    &INTERVAL,
    &SCRAPE_TIMEOUT,
    &HISTOGRAMS,
    &INCLUDE,
    &EXCLUDE,
    &DROP_LABELS,
    &RENAME_LABELS,
    &MAX_PACKET_BYTES,
    &SELF_METRICS,
    &LOG_LEVEL,
    &SCRAPE_ADDR,
];
