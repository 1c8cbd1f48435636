//! What arrives, read strictly: whole lines of a known metric, each of them one of the forms that there are.
//!
//! Which line stands for which series is what the slow reference of the tests makes of the series alone. What the
//! plugin says of itself is kept apart, by name.

use std::collections::HashMap;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::Start;

use crate::engine::{Engine, Kind};
use crate::number::{self, Amount};
use crate::reference::Reference;

/// How the plugin's own lines begin; a service check is none of the others.
const OWN: [&str; 2] = ["docker.metrics.", "docker.up:"];
const CHECK: &str = "_sc|docker.metrics.can_scrape|";
/// What the labels of the wide family's first series end with.
const FIRST_OF_WIDE: &str = "number:0";

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// A counter grew.
    Count(usize, Amount),
    /// A gauge has a value.
    Gauge(usize, Amount),
    /// Something of the plugin's own, or a gauge that is not followed.
    Other,
}

/// Everything that may arrive.
#[derive(Debug)]
pub(crate) struct Reader {
    /// By what a line is without its value.
    known: HashMap<String, Meaning>,
    /// The sums and last values of the plugin's own, since its process began.
    pub(crate) own: HashMap<String, Amount>,
    /// The series that are sent.
    pub(crate) sent: Vec<bool>,
    /// Lines so far.
    pub(crate) lines: u64,
    /// Put together again and again.
    identity: String,
}

#[derive(Debug, Clone, Copy)]
enum Meaning {
    Series(usize, Kind),
    NotFollowed,
}

impl Reader {
    pub(crate) fn new(engine: &Engine, settings: &Settings) -> Self {
        let mut known = HashMap::new();
        let mut sent = vec![false; engine.series().len()];
        for (number, body) in engine.specimens() {
            // Without it an engine is taken to be starting.
            let body = body + "engine_daemon_engine_info 1\n";
            let mut reference = Reference::new(settings, Start::Zero);
            let _ = reference.convert(body.as_bytes());
            let Some(text) = reference.entries().first().map(|entry| entry.text.trim_end()) else { continue };
            let Some((name, _, rest)) = parts(text) else { continue };
            let series = number.and_then(|number| Some((number, engine.series().get(number)?.kind)));
            let is_of_info = number.is_some() && name == "docker.engine_daemon_engine_info";
            let Some((number, kind)) = series.filter(|_| !is_of_info) else {
                known.insert(format!("{name}{rest}"), Meaning::NotFollowed);
                continue;
            };
            let is_wide = number == engine.narrow;
            for like in number..if is_wide { engine.series().len() } else { number + 1 } {
                let rest = if is_wide {
                    rest.replace(FIRST_OF_WIDE, &format!("number:{}", like - number))
                } else {
                    rest.to_owned()
                };
                known.insert(format!("{name}{rest}"), Meaning::Series(like, kind));
                sent.iter_mut().skip(like).take(1).for_each(|sent| *sent = true);
            }
        }
        Self { known, own: HashMap::new(), sent, lines: 0, identity: String::new() }
    }

    /// Reads whole lines, each with its line feed.
    pub(crate) fn read(&mut self, text: &[u8], mut take: impl FnMut(Line)) -> Result<(), String> {
        let text = str::from_utf8(text).map_err(|error| format!("a datagram is no text: {error}"))?;
        let lines = text.strip_suffix('\n').ok_or_else(|| format!("no line feed at the end: {text:?}"))?;
        for line in lines.split('\n') {
            take(self.line(line).ok_or_else(|| format!("not a line that may come: {line:?}"))?);
            self.lines += 1;
        }
        Ok(())
    }

    /// The counters among lines that were read before.
    pub(crate) fn counters(&mut self, text: &[u8]) -> Vec<(usize, Amount)> {
        let text = String::from_utf8_lossy(text);
        let others = text.lines().filter(|line| !OWN.iter().any(|own| line.starts_with(own)));
        let counters = others.filter_map(|line| match self.line(line) {
            Some(Line::Count(number, amount)) => Some((number, amount)),
            _ => None,
        });
        counters.collect()
    }

    fn line(&mut self, line: &str) -> Option<Line> {
        if let Some(check) = line.strip_prefix(CHECK) {
            return matches!(check.split('|').next(), Some("0" | "1" | "2")).then_some(Line::Other);
        }
        let (name, value, rest) = parts(line)?;
        let value = number::parse_plain(value)?;
        if OWN.iter().any(|own| line.starts_with(own)) {
            let own = self.own.entry(name.to_owned()).or_default();
            match rest {
                "|c" => *own += value,
                "|g" => *own = value,
                _ => return None,
            }
            return Some(Line::Other);
        }
        self.identity.clear();
        self.identity += name;
        self.identity += rest;
        Some(match *self.known.get(&self.identity)? {
            Meaning::Series(number, Kind::Cumulative) if value > 0 => Line::Count(number, value),
            Meaning::Series(_, Kind::Cumulative) => return None,
            Meaning::Series(number, Kind::Gauge) => Line::Gauge(number, value),
            Meaning::NotFollowed => Line::Other,
        })
    }
}

/// Name, value, and what follows them.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = line.split_once(':')?;
    let (value, rest) = rest.split_at_checked(rest.find('|')?)?;
    Some((name, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::ONE;

    #[test]
    fn only_lines_that_may_come_are_read() {
        let settings = Settings::from_vars("", |_| None).unwrap();
        let mut reader = Reader::new(&Engine::new(), &settings);
        let mut read = |text: &str| {
            let mut lines = Vec::new();
            reader.read(text.as_bytes(), |line| lines.push(line)).map(|()| lines)
        };
        let [Line::Count(_, amount), Line::Other] =
            read("docker.builder_builds_triggered.count:1.5|c\ndocker.up:1|g\n").unwrap()[..]
        else {
            panic!("not what was said");
        };
        assert_eq!(amount, ONE + ONE / 2);
        let wide = read("docker.soak_wide.count:1|c|#number:99999\n").unwrap();
        assert!(matches!(wide[..], [Line::Count(_, ONE)]));
        for text in [
            "docker.builder_builds_triggered.count:1|c",
            "docker.builder_builds_triggered.count:0|c\n",
            "docker.builder_builds_triggered.count:-1|c\n",
            "docker.builder_builds_triggered.count:1e3|c\n",
            "docker.builder_builds_triggered.count:1|g\n",
            "docker.builder_builds_triggered.count:1|c|#a:b\n",
            "docker.builder_builds_triggered_total:1|c\n",
            "docker.soak_wide.count:1|c|#number:100000\n",
            "docker.up:1|g\n\ndocker.up:1|g\n",
            "_sc|docker.metrics.can_scrape|3\n",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
