//! Graphite's names for what comes through Etsy's statsd, and what a Grafana dashboard asks of them.

/// What Etsy's statsd, with `legacyNamespace: false`, writes to Graphite for a line of `STATSD_FORMAT=graphite`.
pub(crate) fn paths(line: &str) -> Vec<String> {
    let (series, value) = line.split_once(':').expect("series:value");
    let (name, tags) = series.split_at(series.find(';').unwrap_or(series.len()));
    match value.rsplit_once('|').expect("value|kind").1 {
        "c" => ["rate", "count"].map(|end| format!("stats.counters.{name}.{end}{tags}")).into(),
        "g" => vec![format!("stats.gauges.{name}{tags}")],
        _ => panic!("a kind of no use here: {line}"),
    }
}
