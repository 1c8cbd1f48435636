//! What is sent, without sending it: the lines that scrapes become, and what the program says of itself.

use std::fs;
use std::time::Duration;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Converter, Start};
use docker_metrics_statsd::vitals::{Attempt, Count, Now, Status, Vitals};

/// Defaults but for the dialect.
fn settings(format: &str) -> Settings {
    Settings::from_vars("", |name| (name == "STATSD_FORMAT").then(|| format.to_owned())).unwrap()
}

/// The lines that a scrape becomes, counted from zero.
pub(crate) fn lines(format: &str, body: &[u8]) -> Vec<String> {
    let mut converter = Converter::new(&settings(format), Start::Zero);
    converter.convert(body).unwrap();
    split((0..converter.datagrams()).map(|index| converter.datagram(index).unwrap().to_vec()))
}

/// What the program says of itself, with each of its counts.
pub(crate) fn lines_of_itself(format: &str) -> Vec<String> {
    let mut vitals = Vitals::new(&settings(format));
    Count::ALL.iter().for_each(|count| vitals.add(*count, 1));
    let attempt = Some(Attempt { time: Duration::from_millis(2), body: Some((1, 1)) });
    vitals.write(Now { status: Status::Up, attempt, series: 1, owing: 1 });
    split((0..vitals.datagrams()).map(|index| vitals.datagram(index).unwrap().to_vec()))
}

fn split(datagrams: impl Iterator<Item = Vec<u8>>) -> Vec<String> {
    let text = String::from_utf8(datagrams.flatten().collect()).unwrap();
    assert!(text.ends_with('\n'));
    text.split_terminator('\n').map(str::to_owned).collect()
}

/// The recorded scrapes of engines that had started, by their names, `28.5.2-active`. What is 0 in them is 1 here:
/// a count of nothing is not sent, and what is asked is under which name it would be.
pub(crate) fn scrapes() -> Vec<(String, String)> {
    let files = fs::read_dir("tests/fixtures/scrapes").unwrap().map(|entry| entry.unwrap().path());
    let mut scrapes: Vec<_> = files
        .filter_map(|path| {
            let name = path.file_stem()?.to_str()?.strip_prefix("engine-")?.to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (!name.ends_with("-starting")).then(|| (name, text.replace(" 0\n", " 1\n")))
        })
        .collect();
    scrapes.sort();
    assert!(scrapes.len() > 5, "{scrapes:?}");
    scrapes
}
