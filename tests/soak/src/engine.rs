//! A stand-in for an engine's metrics: a recorded exposition that counts on, is started again, and changes its shape.
//!
//! Pure. It knows what an exposition looks like and what happens to one; who reads it, and what was read, is for
//! others to know.

use bench::inputs::Random;

use crate::number::{self, Amount, ONE};

/// Engine 28.5.2 after some work.
const RECORDED: &str = include_str!("../../fixtures/scrapes/engine-28.5.2-active.prom");
/// What says which engine it is; while an engine starts, it is not there.
const INFO: &str = "engine_daemon_engine_info{";
const START: &str = "process_start_time_seconds";
const CPUS: &str = "engine_daemon_engine_cpus_cpus";
/// The engines there are: one, and for the state of a plugin that it was not with, another.
pub(crate) const DAEMONS: [&str; 2] = ["ONE:ENGINE", "ANOTHER:ENGINE"];
/// The family that makes a scrape a huge one.
const WIDE_FAMILY: &str = "soak_wide_total";
const WIDE_SERIES: usize = 100_000;
/// Series that move between two scrapes, of a thousand.
const MOVING_PERMILLE: usize = 100;
/// The same of the wide family, which would else be all that is sent.
const WIDE_MOVING_PERMILLE: usize = 10;
/// Beyond this no whole of an engine's number is exact, and beyond the other no billionth.
const EXACT_MAX: Amount = 1_000_000_000_000_000 * ONE;
const SECONDS_MAX: Amount = 100_000_000 * ONE;
/// An engine is never started again sooner than this.
const RESTART_TIME: Amount = 10 * ONE;
/// How far the start time of one process wanders at most, in thousandths of a second: the clock is adjusted.
const WANDER_MS: usize = 400;

/// What a series means to a reader of expositions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Cumulative,
    Gauge,
}

#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) kind: Kind,
    /// Name and labels.
    pub(crate) head: String,
    pub(crate) value: Amount,
    pub(crate) is_there: bool,
}

impl Series {
    /// It says which process a scrape is of, and whether that is still starting: no engine is without it.
    fn tells_of_engine(&self) -> bool {
        self.head == START || self.head == CPUS
    }

    /// Seconds move by billionths, everything else by wholes: as far as 18 digits go.
    fn step(&self, random: &mut Random) -> Amount {
        if self.head.contains("_seconds") && self.value < SECONDS_MAX {
            signed(1 + random.below(999_999_999))
        } else {
            whole(1 + random.below(300))
        }
    }
}

#[derive(Debug)]
struct Family {
    /// Its lines of HELP and TYPE.
    head: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    /// The number of a series.
    Series(usize),
    /// A line that never changes.
    Still(String),
    Info(String),
}

/// The engine.
#[derive(Debug)]
pub(crate) struct Engine {
    families: Vec<Family>,
    series: Vec<Series>,
    /// So many series are not of the wide family, which stand behind them.
    pub(crate) narrow: usize,
    pub(crate) is_wide: bool,
    /// Whether the wide family begins at zero.
    pub(crate) wide_is_quiet: bool,
    /// Which of [`DAEMONS`] it is.
    pub(crate) daemon: usize,
    start: Amount,
    /// By how much the wall clock was set since.
    pub(crate) clock: Amount,
    wandered: Amount,
}

/// What is wrong with a body, though it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The engine has not counted up its gauges, nor said who it is.
    Starting,
    /// The line of this series has no readable value.
    Broken(usize),
}

impl Engine {
    pub(crate) fn new() -> Self {
        let mut engine = Self {
            families: Vec::new(),
            series: Vec::new(),
            narrow: 0,
            is_wide: false,
            wide_is_quiet: false,
            daemon: 0,
            start: 1_763_824_001_230_000_000,
            clock: 0,
            wandered: 0,
        };
        RECORDED.lines().for_each(|line| engine.recorded(line));
        engine.narrow = engine.series.len();
        let mut wide = Family { head: format!("# TYPE {WIDE_FAMILY} counter\n"), lines: Vec::new() };
        for number in 0..WIDE_SERIES {
            wide.lines.push(Line::Series(engine.series.len()));
            let head = format!("{WIDE_FAMILY}{{number=\"{number}\"}}");
            engine.series.push(Series { kind: Kind::Cumulative, head, value: 0, is_there: true });
        }
        engine.families.push(wide);
        engine
    }

    fn recorded(&mut self, line: &str) {
        if line.starts_with('#') {
            match self.families.last_mut() {
                Some(family) if family.lines.is_empty() => family.head += &format!("{line}\n"),
                _ => self.families.push(Family { head: format!("{line}\n"), lines: Vec::new() }),
            }
            return;
        }
        let Some(family) = self.families.last_mut() else { return };
        let (head, value) = line.rsplit_once(' ').unwrap_or((line, ""));
        let line = match number::parse(value).or_else(|| number::parse(billionths(value)?)) {
            _ if head.starts_with(INFO) => Line::Info(head.to_owned()),
            None => Line::Still(line.to_owned()),
            Some(value) => {
                let kind = kind(&family.head, head);
                self.series.push(Series { kind, head: head.to_owned(), value, is_there: true });
                Line::Series(self.series.len() - 1)
            }
        };
        family.lines.push(line);
    }

    /// All series, those of the wide family last.
    pub(crate) fn series(&self) -> &[Series] {
        &self.series
    }

    #[cfg(test)]
    pub(crate) fn set(&mut self, number: usize, value: Amount) {
        self.series[number].value = value;
    }

    /// How many of them a scrape may show now.
    pub(crate) fn width(&self) -> usize {
        if self.is_wide { self.series.len() } else { self.narrow }
    }

    /// What each line that is sent stands for: the number of its series, if it has one, and a body with nothing else
    /// to be sent before it. Of the wide family it is the first series alone.
    pub(crate) fn specimens(&self) -> Vec<(Option<usize>, String)> {
        let mut specimens = Vec::new();
        for Family { head, lines } in &self.families {
            for line in lines {
                let (number, text) = match line {
                    Line::Series(number) if *number > self.narrow => continue,
                    Line::Series(number) => {
                        let head = self.series.get(*number).map_or("", |series| &series.head);
                        (Some(*number), format!("{head} 1\n"))
                    }
                    Line::Info(head) => {
                        let infos = (0..DAEMONS.len()).map(|daemon| info(head, daemon));
                        specimens.extend(infos.map(|line| (None, head_of(&line) + " 1\n")));
                        continue;
                    }
                    Line::Still(line) => (None, format!("{} 1\n", head_of(line))),
                };
                specimens.push((number, format!("{head}{text}")));
            }
        }
        specimens
    }

    /// When the process was started, as it says itself.
    pub(crate) fn start(&self) -> Amount {
        self.start + self.clock + self.wandered
    }

    /// Time passes.
    pub(crate) fn work(&mut self, random: &mut Random) {
        let (narrow, width) = (self.narrow, self.width());
        for series in self.series.iter_mut().take(narrow) {
            if !random.chance(MOVING_PERMILLE) || series.value > EXACT_MAX {
                continue;
            }
            let by = series.step(random);
            let is_less = series.kind == Kind::Gauge && series.value > by && random.chance(500);
            series.value += if is_less { -by } else { by };
        }
        for series in self.series.iter_mut().take(width).skip(narrow) {
            if random.chance(WIDE_MOVING_PERMILLE) {
                series.value += series.step(random);
            }
        }
        let start = self.start();
        if let Some(series) = self.series.iter_mut().find(|series| series.head == START) {
            series.value = start;
        }
    }

    /// The process ends, and another one counts from zero.
    pub(crate) fn restart(&mut self, random: &mut Random) {
        self.start += RESTART_TIME + whole(random.below(100));
        self.series.iter_mut().for_each(|series| series.is_there = true);
        let counters = self.series.iter_mut().filter(|series| series.kind == Kind::Cumulative);
        counters.for_each(|series| series.value = if random.chance(500) { 0 } else { series.step(random) });
        self.wide_begins(random);
    }

    /// One counter begins again by itself.
    pub(crate) fn reset(&mut self, random: &mut Random) {
        let number = random.below(self.narrow);
        if let Some(series) = self.series.get_mut(number) {
            series.value = series.step(random);
        }
    }

    /// Some series go, or all that are gone come back: where they were, or from zero.
    pub(crate) fn come_and_go(&mut self, random: &mut Random) {
        let narrow = self.narrow;
        let (comes, resets) = (random.chance(500), random.chance(500));
        for series in self.series.iter_mut().take(narrow) {
            if comes && !series.is_there {
                series.is_there = true;
                series.value = if resets && series.kind == Kind::Cumulative { 0 } else { series.value };
            } else if !comes && !series.tells_of_engine() && random.chance(50) {
                series.is_there = false;
            }
        }
    }

    /// Families, and the lines of one of them, stand in another order.
    pub(crate) fn reorder(&mut self, random: &mut Random) {
        random.shuffle(&mut self.families);
        let number = random.below(self.families.len());
        if let Some(family) = self.families.get_mut(number) {
            random.shuffle(&mut family.lines);
        }
    }

    /// The clock of the machine is adjusted.
    pub(crate) fn wander(&mut self, random: &mut Random) {
        self.wandered = ONE / 1000 * (signed(random.below(WANDER_MS)) - signed(WANDER_MS / 2));
    }

    pub(crate) fn widen(&mut self, random: &mut Random) {
        self.is_wide = true;
        self.wide_begins(random);
    }

    fn wide_begins(&mut self, random: &mut Random) {
        let (narrow, is_quiet) = (self.narrow, self.wide_is_quiet);
        let wide = self.series.iter_mut().skip(narrow);
        wide.for_each(|series| series.value = if is_quiet { 0 } else { series.step(random) });
    }

    /// A counter whose line can be broken.
    pub(crate) fn any_counter(&self, random: &mut Random) -> Option<usize> {
        let number = random.below(self.narrow);
        let is_counter = |series: &Series| series.kind == Kind::Cumulative && series.is_there;
        self.series.get(number).is_some_and(is_counter).then_some(number)
    }

    /// The text of a scrape.
    pub(crate) fn body(&self, flaw: Flaw) -> String {
        let mut text = String::new();
        for Family { head, lines } in &self.families {
            if !self.is_wide && head.contains(WIDE_FAMILY) {
                continue;
            }
            text += head;
            for line in lines {
                match line {
                    Line::Series(number) => self.sample(*number, flaw, &mut text),
                    Line::Still(line) => text += line,
                    Line::Info(_) if flaw == Flaw::Starting => continue,
                    Line::Info(head) => text += &info(head, self.daemon),
                }
                text += if text.ends_with('\n') { "" } else { "\n" };
            }
        }
        text
    }

    fn sample(&self, number: usize, flaw: Flaw, text: &mut String) {
        let Some(series) = self.series.get(number).filter(|series| series.is_there) else { return };
        *text += &series.head;
        text.push(' ');
        number::write(series.value, text);
        if flaw == Flaw::Broken(number) {
            text.push('x');
        }
    }
}

/// A number without what double arithmetic has added behind its billionths.
fn billionths(value: &str) -> Option<&str> {
    value.get(..value.find('.')? + 10)
}

fn kind(family: &str, head: &str) -> Kind {
    let declared = family.trim_end().rsplit(' ').next().unwrap_or_default();
    let name = head.split('{').next().unwrap_or_default();
    let is_part = ["_bucket", "_sum", "_count"].iter().any(|part| name.ends_with(part));
    match declared {
        "counter" => Kind::Cumulative,
        "histogram" | "summary" if is_part => Kind::Cumulative,
        _ => Kind::Gauge,
    }
}

fn head_of(line: &str) -> String {
    line.rsplit_once(' ').map_or(line, |(head, _)| head).to_owned()
}

fn info(head: &str, daemon: usize) -> String {
    let (before, rest) = head.split_once("daemon_id=\"").unwrap_or((head, ""));
    let (_, after) = rest.split_once('"').unwrap_or_default();
    format!("{before}daemon_id=\"{}\"{after} 1", DAEMONS.get(daemon).unwrap_or(&""))
}

fn whole(number: usize) -> Amount {
    signed(number) * ONE
}

fn signed(number: usize) -> Amount {
    Amount::try_from(number).unwrap_or(Amount::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(body: &str) -> usize {
        body.lines().filter(|line| !line.starts_with('#')).count()
    }

    #[test]
    fn the_first_body_is_the_recording() {
        let body = Engine::new().body(Flaw::None);
        let is_exact =
            |line: &&str| line.rsplit(' ').next().is_some_and(|value| number::parse(value).is_some());
        let exact = RECORDED.lines().filter(|line| !line.starts_with(INFO)).filter(is_exact);
        let missing: Vec<_> = exact.filter(|line| !body.contains(&format!("{line}\n"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(body.lines().count(), RECORDED.lines().count());
        assert!(body.contains("daemon_id=\"ONE:ENGINE\""));
    }

    #[test]
    fn a_body_shows_what_happened() {
        let (mut engine, mut random) = (Engine::new(), Random::new(1));
        let narrow = lines(&engine.body(Flaw::None));
        let number = (0..1000).find_map(|_| engine.any_counter(&mut random)).unwrap();
        assert_eq!(engine.body(Flaw::Broken(number)).matches("x\n").count(), 1);
        assert_eq!(lines(&engine.body(Flaw::Starting)), narrow - 1);
        engine.reorder(&mut random);
        assert_eq!(lines(&engine.body(Flaw::None)), narrow);
        while engine.series.iter().all(|series| series.is_there) {
            engine.come_and_go(&mut random);
        }
        assert!(lines(&engine.body(Flaw::None)) < narrow);
        engine.widen(&mut random);
        engine.restart(&mut random);
        assert_eq!(lines(&engine.body(Flaw::None)), narrow + WIDE_SERIES);
    }
}
