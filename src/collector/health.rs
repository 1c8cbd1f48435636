//! What of successes and failures is worth a log line.
//!
//! Each change is news: it works, it fails, it fails for another reason. Something that fails and works
//! by turns would fill the log that way, so beyond [`CHANGES_MAX`] changes in a [`WINDOW`] the changes
//! are folded into one line a window, until a window has few again. Pure: time is an argument, and the
//! words of all but the folded line are the caller's.

use std::fmt;
use std::time::{Duration, Instant};

/// How many changes are said one by one in a window.
const CHANGES_MAX: u32 = 8;
/// How long changes are counted, and then how often folded ones are said.
const WINDOW: Duration = Duration::from_secs(600);

/// Whether something works.
#[derive(Debug, Default)]
pub(super) struct Health {
    state: State,
    /// The window that the last attempt fell into.
    window: Option<Window>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Unknown,
    Works,
    Fails {
        problem: String,
        times: u64,
    },
}

#[derive(Debug)]
struct Window {
    begin: Instant,
    attempts: u64,
    failures: u64,
    changes: u32,
    /// Changes are no longer said one by one.
    is_folded: bool,
}

/// What to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It works, for the first time.
    Works,
    /// It works again; it failed this many times.
    Recovered(u64),
    /// It fails, or for another reason than before.
    Fails(String),
    /// It changed too often to say each change.
    Folded(Folded),
    /// Nothing changed.
    Nothing,
}

/// Changes in one line. Its text follows the name of what was attempted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folded {
    failures: u64,
    attempts: u64,
    time: Duration,
    /// What is wrong now; `None` if it works.
    problem: Option<String>,
    /// Whether the changes to come are folded too.
    goes_on: bool,
}

impl fmt::Display for Folded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, attempts, time, problem, goes_on } = self;
        write!(out, "failed {failures} of {attempts} times in {} seconds", time.as_secs())?;
        match problem {
            Some(problem) => write!(out, ", now: {problem}")?,
            None => out.write_str(" and works now")?,
        }
        if *goes_on {
            let minutes = WINDOW.as_secs() / 60;
            write!(out, "; it changes too often to log each time: summed up every {minutes} minutes")
        } else {
            out.write_str("; from now on each change is logged again")
        }
    }
}

impl Health {
    pub(super) fn works(&mut self, now: Instant) -> News {
        let news = match std::mem::replace(&mut self.state, State::Works) {
            State::Unknown => News::Works,
            State::Works => News::Nothing,
            State::Fails { times, .. } => News::Recovered(times),
        };
        self.folded(news, None, now)
    }

    pub(super) fn fails(&mut self, problem: &str, now: Instant) -> News {
        let (times, is_news) = match &self.state {
            State::Fails { problem: last, times } => (times + 1, last != problem),
            State::Unknown | State::Works => (1, true),
        };
        self.state = State::Fails { problem: problem.to_owned(), times };
        let news = if is_news { News::Fails(problem.to_owned()) } else { News::Nothing };
        self.folded(news, Some(problem), now)
    }

    /// Counts an attempt, and puts a folded line in the place of its news where there is too much of it.
    fn folded(&mut self, news: News, problem: Option<&str>, now: Instant) -> News {
        let window = self.window.get_or_insert_with(|| Window::new(now));
        window.attempts += 1;
        window.failures += u64::from(problem.is_some());
        window.changes += u32::from(news != News::Nothing);
        let (is_over, has_many) = (now - window.begin >= WINDOW, window.changes > CHANGES_MAX);
        let fold = |window: &Window| {
            News::Folded(Folded {
                failures: window.failures,
                attempts: window.attempts,
                time: now - window.begin,
                problem: problem.map(str::to_owned),
                goes_on: has_many,
            })
        };
        let news = match window.is_folded {
            true if is_over => fold(window),
            true => News::Nothing,
            false if has_many => fold(window),
            false => news,
        };
        window.is_folded = has_many || window.is_folded && !is_over;
        if is_over {
            *window = Window { is_folded: window.is_folded, ..Window::new(now) };
        }
        news
    }
}

impl Window {
    fn new(begin: Instant) -> Self {
        Self { begin, attempts: 0, failures: 0, changes: 0, is_folded: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    /// What is said of attempts that are ten seconds apart: each the problem, or "" if it works.
    fn said<'a>(attempts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut health = Health::default();
        let mut now = Instant::now();
        let mut said = Vec::new();
        for attempt in attempts {
            let news = if attempt.is_empty() { health.works(now) } else { health.fails(attempt, now) };
            said.push(match news {
                News::Works => "works".to_owned(),
                News::Recovered(times) => format!("recovered after {times}"),
                News::Fails(problem) => format!("fails: {problem}"),
                News::Folded(folded) => folded.to_string(),
                News::Nothing => String::new(),
            });
            now += STEP;
        }
        said.retain(|line| !line.is_empty());
        said
    }

    #[test]
    fn only_changes_are_news() {
        assert_eq!(
            said(["", "", "a", "a", "b", "", ""]),
            ["works", "fails: a", "fails: b", "recovered after 3"]
        );
    }

    #[test]
    fn what_changes_all_the_time_is_said_eight_times_and_then_once_in_ten_minutes() {
        let lines = said(["", "a"].into_iter().cycle().take(200));
        assert_eq!(lines.len(), 8 + 1 + 3, "{lines:#?}");
        assert_eq!(
            lines[8..10],
            [
                "failed 4 of 9 times in 80 seconds and works now; it changes too often to log each time: \
                 summed up every 10 minutes",
                "failed 30 of 61 times in 600 seconds and works now; it changes too often to log each time: \
                 summed up every 10 minutes",
            ]
        );
    }

    #[test]
    fn causes_that_take_turns_are_folded_too() {
        assert_eq!(said(["a", "b"].into_iter().cycle().take(60)).len(), 8 + 1);
    }

    #[test]
    fn after_a_quiet_window_each_change_is_said_again() {
        let unsteady = ["", "a"].into_iter().cycle().take(10);
        for (then, now) in [
            ("", "0 of 60 times in 600 seconds and works now"),
            ("a", "60 of 60 times in 600 seconds, now: a"),
        ] {
            let lines = said(unsteady.clone().chain(std::iter::repeat_n(then, 121 - 10)).chain(["b", "b"]));
            let [.., over, last] = lines.as_slice() else { panic!("{lines:?}") };
            assert_eq!(*over, format!("failed {now}; from now on each change is logged again"));
            assert_eq!(last, "fails: b");
        }
    }

    #[test]
    fn a_change_with_which_folding_ends_is_part_of_the_folded_line() {
        let unsteady = ["", "a"].into_iter().cycle().take(10);
        let lines = said(unsteady.chain(std::iter::repeat_n("", 120 - 10)).chain(["b", "b", "b"]));
        let last = lines.last().unwrap();
        assert_eq!(
            last,
            "failed 1 of 60 times in 600 seconds, now: b; from now on each change is logged again"
        );
    }
}
