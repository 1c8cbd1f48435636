//! What may go wrong, how often, and how it is counted.

use std::fmt;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    // One scrape.
    OtherStatus,
    CutShort,
    CutShortInChunks,
    NoAnswer,
    EmptyBody,
    OtherText,
    LateAnswer,
    SlowAnswer,
    EngineStarting,
    BrokenLine,
    // The engine.
    EngineRestarts,
    CounterReset,
    SeriesComeAndGo,
    OrderChanges,
    HugeScrapes,
    StartWanders,
    EngineGone,
    SocketStale,
    StopAndStart,
    // The server.
    ServerGone,
    ServerGoneAmid,
    ServerStalls,
    // The plugin.
    DiskFull,
    Terminated,
    TerminatedAmid,
    Killed,
    KilledAmid,
    // While there is no process.
    StateTorn,
    StateOld,
    StateOfTomorrow,
    ClockSet,
    OtherEngine,
    EngineRestartsMeanwhile,
}

/// Each of them: its name, how often it is drawn beside the others while a process runs, and when one has ended.
const FAULTS: [(Fault, &str, usize, usize); 33] = [
    (Fault::OtherStatus, "answers of another status", 45, 0),
    (Fault::CutShort, "bodies cut short", 45, 0),
    (Fault::CutShortInChunks, "chunked bodies cut short", 45, 0),
    (Fault::NoAnswer, "connections closed without an answer", 45, 0),
    (Fault::EmptyBody, "empty bodies", 45, 0),
    (Fault::OtherText, "bodies of something else", 45, 0),
    (Fault::LateAnswer, "answers too late", 20, 0),
    (Fault::SlowAnswer, "answers in slow pieces", 25, 0),
    (Fault::EngineStarting, "an engine that is starting", 50, 0),
    (Fault::BrokenLine, "malformed lines", 70, 0),
    (Fault::EngineRestarts, "restarts of the engine", 60, 0),
    (Fault::CounterReset, "resets of one counter", 50, 0),
    (Fault::SeriesComeAndGo, "series that go and come", 80, 0),
    (Fault::OrderChanges, "changes of the order", 40, 0),
    (Fault::HugeScrapes, "huge scrapes, three at a time", 10, 0),
    (Fault::StartWanders, "start times that wander", 45, 0),
    (Fault::EngineGone, "engines gone with their socket", 30, 0),
    (Fault::SocketStale, "engines gone, their socket stale", 30, 0),
    (Fault::StopAndStart, "StopMetrics and StartMetrics", 30, 0),
    (Fault::ServerGone, "servers gone between scrapes", 50, 0),
    (Fault::ServerGoneAmid, "servers gone amid a delivery", 50, 0),
    (Fault::ServerStalls, "servers that do not read", 30, 0),
    (Fault::DiskFull, "full disks", 40, 0),
    (Fault::Terminated, "SIGTERM between deliveries", 80, 0),
    (Fault::TerminatedAmid, "SIGTERM amid a delivery", 80, 0),
    (Fault::Killed, "SIGKILL between deliveries", 80, 0),
    (Fault::KilledAmid, "SIGKILL amid a delivery", 80, 0),
    (Fault::StateTorn, "states torn", 0, 80),
    (Fault::StateOld, "states older than a day", 0, 50),
    (Fault::StateOfTomorrow, "states of tomorrow", 0, 100),
    (Fault::ClockSet, "clocks set between two processes", 0, 150),
    (Fault::OtherEngine, "states of another engine", 0, 50),
    (Fault::EngineRestartsMeanwhile, "restarts of the engine between two processes", 0, 150),
];

impl Fault {
    /// One of those that can happen while a process runs; `drawn` is any number.
    pub(crate) fn while_running(drawn: usize, can_happen: impl Fn(Self) -> bool) -> Option<Self> {
        Self::pick(drawn, |(fault, _, often, _)| if can_happen(*fault) { *often } else { 0 })
    }

    /// One of those that can happen between two processes; `drawn` is any number.
    pub(crate) fn between(drawn: usize, can_happen: impl Fn(Self) -> bool) -> Option<Self> {
        Self::pick(drawn, |(fault, .., often)| if can_happen(*fault) { *often } else { 0 })
    }

    fn pick(drawn: usize, often: impl Fn(&(Self, &str, usize, usize)) -> usize) -> Option<Self> {
        let mut drawn = drawn.checked_rem(FAULTS.iter().map(&often).sum())?;
        for row in &FAULTS {
            match drawn.checked_sub(often(row)) {
                Some(rest) => drawn = rest,
                None => return Some(row.0),
            }
        }
        None
    }

    /// Whether it ends the plugin's process.
    pub(crate) fn ends_process(self) -> bool {
        matches!(self, Self::Terminated | Self::TerminatedAmid | Self::Killed | Self::KilledAmid)
    }
}

/// How often each happened.
#[derive(Debug)]
pub(crate) struct Faults([u64; FAULTS.len()]);

impl Faults {
    pub(crate) fn none() -> Self {
        Self([0; FAULTS.len()])
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        let counts = self.0.iter_mut().zip(&FAULTS);
        counts.filter(|(_, row)| row.0 == fault).for_each(|(count, _)| *count += 1);
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().zip(&FAULTS).try_for_each(|(count, (_, name, ..))| writeln!(out, "{count:>9} {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_happens() {
        let mut faults = Faults::none();
        for drawn in 0..10_000 {
            faults.add(Fault::while_running(drawn, |_| true).unwrap());
            faults.add(Fault::between(drawn, |_| true).unwrap());
        }
        assert!(faults.0.iter().all(|count| *count > 0), "{faults}");
        assert_eq!(faults.sum(), 20_000);
        for drawn in [0, 1, usize::MAX] {
            let only = Fault::while_running(drawn, |fault| fault == Fault::Killed);
            assert_eq!(only, Some(Fault::Killed));
            assert_eq!(Fault::while_running(drawn, |_| false), None);
        }
    }
}
