//! Sends a Docker Engine's own metrics to StatsD and Datadog.
//!
//! The engine publishes its metrics as Prometheus text on a unix socket and tells a
//! *MetricsCollector* plugin when that socket can be scraped. This crate is that plugin; the binary
//! is a thin `main` around it. The modules, in the order the data flows:
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | the command line: which command, its arguments, its exit code |
//! | [`config`] | every setting, declared once |
//! | [`plugin`] | the engine's side: the plugin protocol on a unix socket |
//! | [`collector`] | the loop between StartMetrics and the end of the process |
//! | [`scrape`] | one `GET /metrics`: complete or nothing |
//! | [`http`] | the only user of async-h1 and http-types, and the fences around them |
//! | [`exposition`] | pure: Prometheus text to samples |
//! | [`decimal`] | pure: exact numbers |
//! | [`glob`] | pure: patterns of metric names |
//! | [`fingerprint`] | pure: 64 bits that stand for a text |
//! | [`series`] | pure: what is known of each line of a scrape, and what is owed |
//! | [`convert`] | pure: scrapes to datagrams; the only module that knows both vocabularies |
//! | [`wide`] | pure: eight and sixteen bytes of text at once |
//! | [`statsd`] | pure: names, tags, lines, datagrams |
//! | [`vitals`] | pure: what the program says of itself |
//! | [`sink`] | sends datagrams |
//! | [`resolve`] | host names to addresses |
//! | [`state`] | the baseline kept over restarts |
//! | [`mount`] | whether the plugin's only mount is set |
//! | [`privileges`] | what the process gives up when it has started |
//! | [`boot`] | when this machine was booted |
//! | [`timer`], [`limit`] | the thread's own timers; a time limit is a race |
//! | [`listen`] | a StatsD listener for people |
//! | [`log`] | bounded lines for the engine's log |

#![forbid(unsafe_code)]

pub mod boot;
pub mod cli;
pub mod collector;
pub mod config;
pub mod convert;
pub mod decimal;
pub mod exposition;
pub mod fingerprint;
pub mod glob;
pub mod http;
pub mod limit;
pub mod listen;
pub mod log;
pub mod mount;
pub mod plugin;
pub mod privileges;
pub mod resolve;
pub mod scrape;
pub mod series;
pub mod sink;
pub mod state;
pub mod statsd;
pub mod timer;
pub mod vitals;
pub mod wide;
