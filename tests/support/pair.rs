//! The converter and the slow reference side by side.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::mem;
use std::time::SystemTime;

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Converter, Incomplete, Report, Start};
use docker_metrics_statsd::state::StateFile;
use docker_metrics_statsd::statsd::Cleaning;

use crate::edits::Edit;
use crate::random::Random;
use crate::reference::Reference;

/// What happens around a scrape.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around {
    /// The plugin ends and starts again before it.
    pub(crate) restarts: bool,
    /// A scrape before it broke off when this much had come, of the body or (where that is even) of the one before,
    /// grown.
    pub(crate) fails_after: Option<usize>,
    /// The body comes in pieces, cut by this; whole if `None`.
    pub(crate) cuts: Option<u64>,
    /// The datagrams that are refused: one bit each, used again and again.
    pub(crate) refused: u8,
}

/// Both converters.
pub(crate) struct Pair {
    settings: Settings,
    start: Start,
    fast: Converter,
    slow: Reference,
    /// The last one.
    body: Vec<u8>,
    /// What it became.
    datagrams: Vec<String>,
}

impl Pair {
    pub(crate) fn new(settings: &Settings, start: Start) -> Self {
        let (fast, slow) = (Converter::new(settings, start), Reference::new(settings, start));
        Self { settings: settings.clone(), start, fast, slow, body: Vec::new(), datagrams: Vec::new() }
    }

    /// What the last body became.
    pub(crate) fn datagrams(&self) -> &[String] {
        &self.datagrams
    }

    /// One scrape of both; what differs.
    pub(crate) fn scrape(&mut self, body: &[u8], around: Around) -> Result<(), String> {
        if around.restarts {
            self.restart(&self.settings.clone());
        }
        let before = mem::replace(&mut self.body, body.to_vec());
        if let Some(bytes) = around.fails_after {
            let mut broken = if bytes.is_multiple_of(2) { before } else { body.to_vec() };
            Edit::Grow { by: 1 }.apply(&mut broken);
            self.fast.begin();
            self.fast.feed(&broken[..bytes.min(broken.len())]);
        }
        let report = match around.cuts {
            None => self.fast.convert(body),
            Some(cuts) => self.convert_in_pieces(body, &mut Random(cuts)),
        };
        // What was cleaned is counted where a line did not stand in the scrape before, and only the fast one knows.
        let report = report.map(|report| Report { cleaning: Cleaning::default(), ..report });
        same("report", &report, &self.slow.convert(body))?;
        self.deliver(around.refused)?;
        same("series", &self.fast.series_count(), &self.slow.series_count())?;
        same("owing", &self.fast.owing(), &self.slow.owing())
    }

    /// The plugin ends, and starts again with these settings.
    pub(crate) fn restart(&mut self, settings: &Settings) {
        self.settings = settings.clone();
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::new(&folder.path().join("state"));
        if let Some(snapshot) = self.fast.snapshot() {
            state.save(&snapshot, SystemTime::now()).unwrap();
        }
        self.fast = Converter::new(&self.settings, self.start);
        if let Some(baseline) = state.load(SystemTime::now()).unwrap() {
            self.fast.resume(baseline);
        }
        self.slow.restart(settings);
    }

    fn convert_in_pieces(&mut self, body: &[u8], random: &mut Random) -> Result<Report, Incomplete> {
        let largest = [1, 7, 100, 4096, 65_536][random.below(5)];
        loop {
            self.fast.begin();
            let mut rest = body;
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(rest.len().min(1 + random.below(largest)));
                self.fast.feed(piece);
                rest = behind;
            }
            let report = self.fast.finish(None);
            if report != Err(Incomplete::OtherProcess) {
                return report;
            }
        }
    }

    /// Compares what is sent, and has some of it taken.
    fn deliver(&mut self, refused: u8) -> Result<(), String> {
        let Self { fast, slow, datagrams, .. } = self;
        let indices = 0..fast.datagrams();
        let datagram = |index| str::from_utf8(fast.datagram(index).unwrap()).unwrap().to_owned();
        *datagrams = indices.map(datagram).collect();
        let entries: Vec<_> = slow.entries().iter().map(|entry| entry.text.clone()).collect();
        same("lines", &datagrams.concat(), &entries.concat())?;
        // Two lines that are equal have no order, so either of two series may have been settled by one of them.
        let late = slow.entries().iter().filter(|entry| entry.is_late).map(|entry| &entry.text);
        let is_clear = late.clone().zip(late.skip(1)).all(|(one, next)| one != next);
        let mut entry = 0;
        for (index, datagram) in datagrams.iter().enumerate() {
            let is_taken = !is_clear || refused >> (index % 8) & 1 == 0;
            if is_taken {
                fast.taken(index);
            }
            let mut bytes = 0;
            while bytes < datagram.len() {
                bytes += entries[entry].len();
                if is_taken {
                    slow.taken(entry);
                }
                entry += 1;
            }
            same("whole lines in a datagram", &bytes, &datagram.len())?;
        }
        Ok(())
    }
}

/// What differs, from the first line that does.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, fast: &T, slow: &T) -> Result<(), String> {
    if fast == slow {
        return Ok(());
    }
    let (fast, slow) = (format!("{fast:?}"), format!("{slow:?}"));
    let common = fast.bytes().zip(slow.bytes()).take_while(|(fast, slow)| fast == slow).count();
    let from = |text: &str| {
        let bytes = &text.as_bytes()[common.saturating_sub(100)..];
        String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
    };
    Err(format!("{what}:\nfast ..{}\nslow ..{}", from(&fast), from(&slow)))
}
