//! What a run came to, and the bounds of what a process may hold.

use std::time::{Duration, Instant};

use bench::Error;

use crate::fault::Faults;
use crate::law::Law;
use crate::plugin::Figures;
use crate::reader::Reader;
use crate::stretch::Stretch;

/// What memory may grow by from when a process is warmed up to its end.
const GROWTH_KIB_MAX: usize = 1024;
/// What no process may reach, a huge scrape that is owed whole included.
const PEAK_KIB_MAX: usize = 64 * 1024;
const DESCRIPTORS_MAX: usize = 24;
const THREADS_MAX: usize = 4;

/// A process that lives long, warmed up and at last.
#[derive(Debug, Clone, Copy)]
struct Life {
    first: Figures,
    last: Figures,
}

#[derive(Debug)]
pub(crate) struct Tally {
    begin: Instant,
    pub(crate) faults: Faults,
    /// Scrapes that were asked for, that were complete, and behind which everything was settled.
    pub(crate) scrapes: u64,
    pub(crate) complete: u64,
    pub(crate) settled: u64,
    /// Complete ones whose state found no room, and after which a process ended before its state was saved.
    pub(crate) unsaved: u64,
    pub(crate) unsaved_at_end: u64,
    pub(crate) series_max: usize,
    pub(crate) packets: u64,
    pub(crate) log_lines: u64,
    pub(crate) processes: u64,
    /// The longest end of a process that was told to.
    pub(crate) end_max: Duration,
    peak: Figures,
    life: Option<Life>,
    lives: Vec<(Stretch, Life)>,
}

impl Tally {
    pub(crate) fn new(begin: Instant) -> Self {
        Self {
            begin,
            faults: Faults::none(),
            scrapes: 0,
            complete: 0,
            settled: 0,
            unsaved: 0,
            unsaved_at_end: 0,
            series_max: 0,
            packets: 0,
            log_lines: 0,
            processes: 0,
            end_max: Duration::ZERO,
            peak: Figures::default(),
            life: None,
            lives: Vec::new(),
        }
    }

    /// Figures of the process; in a calm moment of a long life they can be compared with others.
    pub(crate) fn look(&mut self, figures: Figures, is_calm: bool) -> Result<(), Error> {
        self.peak = Figures {
            rss_kib: self.peak.rss_kib.max(figures.rss_kib),
            peak_kib: self.peak.peak_kib.max(figures.peak_kib),
            threads: self.peak.threads.max(figures.threads),
            descriptors: self.peak.descriptors.max(figures.descriptors),
            children: self.peak.children.max(figures.children),
        };
        let Figures { peak_kib, threads, descriptors, children, .. } = self.peak;
        if peak_kib > PEAK_KIB_MAX || threads > THREADS_MAX || descriptors > DESCRIPTORS_MAX || children > 0 {
            return Err(Error::Wrong(format!("the process holds too much: {figures:?}")));
        }
        if is_calm {
            let life = self.life.get_or_insert(Life { first: figures, last: figures });
            life.last = figures;
        }
        Ok(())
    }

    /// The last process of a part has ended.
    pub(crate) fn end_of_life(&mut self, stretch: Stretch) -> Result<(), Error> {
        let Some(Life { first, last }) = self.life.take() else { return Ok(()) };
        self.lives.push((stretch, Life { first, last }));
        let has_grown = last.rss_kib > first.rss_kib + GROWTH_KIB_MAX
            || last.descriptors > first.descriptors
            || last.threads > first.threads;
        if has_grown {
            Err(Error::Wrong(format!("the process grew: {first:?}, then {last:?}")))
        } else {
            Ok(())
        }
    }

    /// One line on the way.
    pub(crate) fn status(&self, stretch: Stretch, figures: Figures) -> String {
        let Stretch { mode, transport, .. } = stretch;
        let Self { scrapes, settled, faults, processes, .. } = self;
        let Figures { rss_kib, descriptors, .. } = figures;
        format!(
            "{:>5} s  {mode:?} over {transport:?}: {scrapes} scrapes, {settled} settled, {} faults, {processes} \
             processes ended, RSS {rss_kib} KiB, {descriptors} descriptors\n",
            self.begin.elapsed().as_secs(),
            faults.sum(),
        )
    }

    pub(crate) fn summary(&self, law: &Law, reader: &Reader) -> String {
        let Self { scrapes, complete, settled, unsaved, unsaved_at_end, series_max, packets, .. } = self;
        let Self { faults, log_lines, processes, end_max, peak, .. } = self;
        let lives: String = self.lives.iter().map(|(stretch, life)| life.text(*stretch)).collect();
        format!(
            "{faults}{:>9} faults in {} s\n\
             {scrapes} scrapes, {complete} complete, of {series_max} series at most; {packets} packets, {} lines, none malformed\n\
             the law held: behind {settled} scrapes nothing was owed, behind all nothing had come that was not due\n\
             {unsaved} states found no room; {unsaved_at_end} processes ended before the last scrape was saved, {} counts \
             came again\n\
             {} counts came short with a server that died with them, as stated\n\
             {processes} processes logged {log_lines} lines; told to end, the slowest took {end_max:?}\n\
             {lives}at most {} KiB of memory, {} descriptors, {} threads, {} children\n",
            faults.sum(),
            self.begin.elapsed().as_secs(),
            reader.lines,
            law.repeated,
            law.missed,
            peak.peak_kib,
            peak.descriptors,
            peak.threads,
            peak.children,
        )
    }
}

impl Life {
    fn text(self, stretch: Stretch) -> String {
        let Stretch { mode, transport, time, .. } = stretch;
        let Self { first, last } = self;
        format!(
            "{mode:?} over {transport:?} for {} s: RSS {} KiB warmed up, {} KiB at the end; {} descriptors, then {}\n",
            time.as_secs(),
            first.rss_kib,
            last.rss_kib,
            first.descriptors,
            last.descriptors,
        )
    }
}
