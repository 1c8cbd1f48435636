//! The settings: *whatever variables say, every setting that is wrong is named, and settings that are taken keep their
//! limits, mean what they say when they are written again, and send nothing that a strict reader does not read.*

use std::time::Duration;

use docker_metrics_statsd::config::{SETTINGS, Settings, StatsdAddr};
use docker_metrics_statsd::convert::{Converter, Start};

use crate::dialect::Dialect;
use crate::edits::BODIES;

/// Variables, one `NAME=VALUE` a line; the first line is the host's name.
pub fn settings(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (hostname, text) = text.split_once('\n').unwrap_or((text, ""));
    let vars = |name: &str| {
        let lines = text.split('\n').filter_map(|line| line.split_once('='));
        lines.rev().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    match Settings::from_vars(hostname, vars) {
        Ok(settings) => check(&settings),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let setting = SETTINGS.iter().find(|setting| setting.name == error.name).expect("a setting");
                assert_eq!(setting.takes, error.takes);
                assert!(error.to_string().starts_with(&format!("setting {}: got ", setting.name)));
            }
        }
    }
}

fn check(settings: &Settings) {
    let durations = Duration::from_millis(10)..=Duration::from_secs(3600);
    assert!(durations.contains(&settings.interval) && durations.contains(&settings.scrape_timeout));
    assert!((256..=65_507).contains(&settings.max_packet_bytes));
    let again = [
        ("STATSD_ADDR", settings.statsd_addr.to_string()),
        ("SCRAPE_ADDR", settings.scrape_addr.to_string()),
    ];
    let again = Settings::from_vars("", |name| {
        again.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    });
    let again = again.expect("what was read can be read again");
    assert_eq!((&again.statsd_addr, &again.scrape_addr), (&settings.statsd_addr, &settings.scrape_addr));
    if let StatsdAddr::Udp(address) | StatsdAddr::Tcp(address) = &settings.statsd_addr {
        assert!(address.port > 0 && !address.host.is_empty());
    }
    for tag in &settings.tags {
        let is_clean = |char: char| char.is_alphanumeric() || "_-:/.".contains(char);
        assert!(tag.to_string().chars().all(is_clean) && !tag.key.is_empty(), "{tag:?}");
    }
    let dialect = Dialect::of(settings.statsd_format);
    let mut converter = Converter::new(settings, Start::Zero);
    for body in BODIES {
        if converter.convert(body.as_bytes()).is_err() {
            continue;
        }
        for index in 0..converter.datagrams() {
            let datagram = str::from_utf8(converter.datagram(index).unwrap()).unwrap();
            assert!(datagram.len() <= settings.max_packet_bytes);
            for line in datagram.strip_suffix('\n').expect("whole lines").split('\n') {
                assert!(dialect.read(line).name.starts_with(&settings.metric_prefix), "{line}");
            }
        }
    }
}
