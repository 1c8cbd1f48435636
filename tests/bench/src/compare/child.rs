//! One build of this program, told over its standard input what to time and when.
//!
//! Both ends of the conversation: a line is asked, a line is answered, one at a time, so that nothing
//! else runs while something is timed.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::Error;
use crate::contest::{Contest, Contestant};
use crate::inputs::Size;

/// What a child is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Prepare this size; answered by the number of samples.
    Prepare(Size),
    /// Describe the bodies; answered by a sentence.
    Describe,
    /// Time calls for about so long; answered by the shortest, in nanoseconds.
    Time(Contestant, Duration),
    /// How much our converter remembers by now; answered by bytes.
    Memory,
}

impl fmt::Display for Ask {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepare(size) => write!(out, "prepare {size}"),
            Self::Describe => out.write_str("describe"),
            Self::Time(contestant, slice) => write!(out, "time {contestant} {}", slice.as_millis()),
            Self::Memory => out.write_str("memory"),
        }
    }
}

impl FromStr for Ask {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self, Error> {
        let wrong = || Error::Usage(format!("a child does not understand {line:?}"));
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["prepare", size] => Ok(Self::Prepare(size.parse()?)),
            ["describe"] => Ok(Self::Describe),
            ["memory"] => Ok(Self::Memory),
            ["time", contestant, millis] => {
                let slice = Duration::from_millis(millis.parse().map_err(|_| wrong())?);
                Ok(Self::Time(contestant.parse()?, slice))
            }
            _ => Err(wrong()),
        }
    }
}

/// Answers until standard input ends.
pub fn serve(is_cold: bool) -> Result<(), Error> {
    let mut contest = None;
    for line in io::stdin().lines() {
        let ask = line.map_err(Error::io("read what is asked"))?.parse()?;
        let answer = answer(ask, is_cold, &mut contest)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(Error::io("answer"))?;
    }
    Ok(())
}

fn answer(ask: Ask, is_cold: bool, prepared: &mut Option<Contest>) -> Result<String, Error> {
    let nothing = || Error::Usage("nothing is prepared".to_owned());
    match ask {
        Ask::Prepare(size) => {
            // Before the next one is made: the largest take some memory.
            *prepared = None;
            let contest = Contest::new(size, is_cold)?;
            let samples = contest.inputs().samples;
            *prepared = Some(contest);
            Ok(samples.to_string())
        }
        Ask::Describe => Ok(prepared.as_ref().ok_or_else(nothing)?.inputs().mix().to_string()),
        Ask::Time(contestant, slice) => {
            let contest = prepared.as_mut().ok_or_else(nothing)?;
            let begin = Instant::now();
            let mut shortest = contest.time(contestant)?;
            while begin.elapsed() < slice {
                shortest = shortest.min(contest.time(contestant)?);
            }
            Ok(shortest.as_nanos().to_string())
        }
        Ask::Memory => Ok(prepared.as_ref().ok_or_else(nothing)?.memory_bytes().to_string()),
    }
}

/// A build that runs as a child; it ends when this is dropped, because its standard input does.
#[derive(Debug)]
pub(super) struct Child {
    program: PathBuf,
    process: Process,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Child {
    pub(super) fn start(program: &Path, is_cold: bool) -> Result<Self, Error> {
        let mut command = Command::new(program);
        command.arg("child").stdin(Stdio::piped()).stdout(Stdio::piped());
        if is_cold {
            command.arg("--cold");
        }
        let attempt = format!("start {}", program.display());
        let mut process = command.spawn().map_err(Error::io(&attempt))?;
        let answers =
            process.stdout.take().ok_or_else(|| Error::Wrong(format!("cannot {attempt}: no pipe")))?;
        let (program, ask) = (program.to_owned(), process.stdin.take());
        Ok(Self { program, process, ask, answers: BufReader::new(answers) })
    }

    pub(super) fn ask(&mut self, ask: Ask) -> Result<(), Error> {
        let attempt = format!("ask {}", self.program.display());
        let mut pipe = self.ask.as_ref().ok_or_else(|| Error::Wrong(format!("cannot {attempt}: no pipe")))?;
        writeln!(pipe, "{ask}").map_err(Error::io(attempt))
    }

    pub(super) fn answer(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        read.map_err(Error::io(format!("read the answer of {}", self.program.display())))?;
        match line.strip_suffix('\n') {
            Some(answer) => Ok(answer.to_owned()),
            // What is wrong, it has said on standard error.
            None => Err(Error::Wrong(format!("{} ended", self.program.display()))),
        }
    }

    pub(super) fn number(&mut self) -> Result<usize, Error> {
        let answer = self.answer()?;
        answer.parse().map_err(|_| Error::Wrong(format!("{}: no number: {answer:?}", self.program.display())))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.ask.take());
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_understood() {
        for ask in [
            Ask::Prepare(Size::Docker),
            Ask::Prepare(Size::Samples(10_000)),
            Ask::Describe,
            Ask::Memory,
            Ask::Time(Contestant::Churn, Duration::from_millis(5)),
        ] {
            assert_eq!(ask.to_string().parse::<Ask>().unwrap(), ask);
        }
        for line in ["", "prepare", "time warm", "time warm soon", "time best 5", "describe it"] {
            assert!(line.parse::<Ask>().is_err(), "{line:?}");
        }
    }

    #[test]
    fn answers_are_numbers_once_something_is_prepared() {
        let mut prepared = None;
        let time = Ask::Time(Contestant::LineWalk, Duration::ZERO);
        assert!(answer(time, false, &mut prepared).is_err());
        let samples = answer(Ask::Prepare(Size::Samples(300)), false, &mut prepared).unwrap();
        assert_eq!(samples, "300");
        assert!(answer(time, false, &mut prepared).unwrap().parse::<u64>().unwrap() > 0);
    }
}
