//! The same job as most Rust programs would do it: `prometheus-parse`, a hash map of last values, and
//! `cadence` behind it.
//!
//! Written as the crates' documentation suggests. The map is keyed by the text of the series.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use cadence::prelude::*;
use cadence::{MetricSink, StatsdClient};
use prometheus_parse::{Labels, Scrape, Value};

use crate::Error;

/// The pipeline, and what it remembers.
#[derive(Debug)]
pub struct Pipeline {
    last: HashMap<String, f64>,
    client: StatsdClient,
    datagrams: Arc<Mutex<Datagrams>>,
    key: String,
    is_first: bool,
}

impl Pipeline {
    /// A pipeline that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        let datagrams = Arc::new(Mutex::new(Datagrams::default()));
        let client = StatsdClient::from_sink("docker", Sink(Arc::clone(&datagrams)));
        Self { last: HashMap::new(), client, datagrams, key: String::new(), is_first: true }
    }

    /// Reads a scrape and hands over the datagrams of its gauges and differences.
    pub fn scrape(&mut self, body: &[u8], send: impl FnMut(&[u8])) -> Result<(), Error> {
        let text = std::str::from_utf8(body).map_err(|error| Error::Wrong(error.to_string()))?;
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = Scrape::parse(lines).map_err(Error::io("parse with prometheus-parse"))?;
        for sample in &scrape.samples {
            let (name, labels) = (sample.metric.as_str(), &sample.labels);
            match &sample.value {
                Value::Counter(value) => {
                    self.count(name.strip_suffix("_total").unwrap_or(name), "count", labels, None, *value);
                }
                Value::Gauge(value) => self.gauge(name, labels, None, *value),
                Value::Histogram(buckets) => {
                    for bucket in buckets.iter().filter(|bucket| bucket.less_than.is_finite()) {
                        let bound = Some(("upper_bound", bucket.less_than));
                        self.count(name, "bucket", labels, bound, bucket.count);
                    }
                }
                Value::Summary(quantiles) => {
                    for quantile in quantiles {
                        let bound = Some(("quantile", quantile.quantile));
                        self.gauge(&format!("{name}.quantile"), labels, bound, quantile.count);
                    }
                }
                // The parser does not know that these belong to a histogram or a summary.
                Value::Untyped(value) => match name.rsplit_once('_') {
                    Some((family, part @ ("sum" | "count"))) => {
                        self.count(family, part, labels, None, *value);
                    }
                    _ => self.gauge(name, labels, None, *value),
                },
            }
        }
        self.is_first = false;
        self.datagrams.lock().unwrap_or_else(PoisonError::into_inner).drain(send);
        Ok(())
    }

    fn count(&mut self, name: &str, part: &str, labels: &Labels, bound: Option<(&str, f64)>, value: f64) {
        self.key.clear();
        // Writing into a string cannot fail.
        let _ = write!(self.key, "{name}.{part}{{{labels}}}{bound:?}");
        let before = if let Some(before) = self.last.get_mut(&self.key) {
            std::mem::replace(before, value)
        } else {
            self.last.insert(self.key.clone(), value);
            if self.is_first { value } else { 0.0 }
        };
        let growth = whole(if value < before { value } else { value - before });
        if growth != 0 {
            let bound = bound.map(|(key, bound)| (key, bound.to_string()));
            let name = format!("{name}.{part}");
            let mut metric = self.client.count_with_tags(&name, growth);
            for (key, value) in labels.iter() {
                metric = metric.with_tag(key, value);
            }
            if let Some((key, bound)) = &bound {
                metric = metric.with_tag(key, bound);
            }
            metric.send();
        }
    }

    fn gauge(&self, name: &str, labels: &Labels, bound: Option<(&str, f64)>, value: f64) {
        if !value.is_finite() {
            return;
        }
        let bound = bound.map(|(key, bound)| (key, bound.to_string()));
        let mut metric = self.client.gauge_with_tags(name, value);
        for (key, value) in labels.iter() {
            metric = metric.with_tag(key, value);
        }
        if let Some((key, bound)) = &bound {
            metric = metric.with_tag(key, bound);
        }
        metric.send();
    }
}

impl Default for Pipeline {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "cadence counts in whole numbers")]
fn whole(growth: f64) -> i64 {
    growth as i64
}

/// Datagrams of at most [`DATAGRAM_BYTES_MAX`], as a buffered sink of cadence's fills them.
#[derive(Debug, Default)]
struct Datagrams {
    bytes: Vec<u8>,
    /// Where the finished ones end.
    ends: Vec<usize>,
}

/// As for a unix socket.
const DATAGRAM_BYTES_MAX: usize = 8192;

impl Datagrams {
    fn push(&mut self, line: &str) {
        let begin = self.ends.last().copied().unwrap_or(0);
        if self.bytes.len() + line.len() + 1 - begin > DATAGRAM_BYTES_MAX {
            self.ends.push(self.bytes.len());
        }
        self.bytes.extend_from_slice(line.as_bytes());
        self.bytes.push(b'\n');
    }

    fn drain(&mut self, mut send: impl FnMut(&[u8])) {
        self.ends.push(self.bytes.len());
        let mut begin = 0;
        for end in self.ends.drain(..) {
            send(self.bytes.get(begin..end).unwrap_or_default());
            begin = end;
        }
        self.bytes.clear();
    }
}

struct Sink(Arc<Mutex<Datagrams>>);

impl MetricSink for Sink {
    fn emit(&self, line: &str) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(line.len())
    }
}
