//! The commands and their exit codes: 0 done, 1 failed or a law is broken, 2 a wrong command line.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt as _};

use crate::error::cannot;
use crate::run::{self, Report};
use crate::targets::{self, Target};
use crate::{Error, seeds};

const HELP: &str = "\
Puts inputs through the laws of docker-metrics-statsd. Run it in the directory of the workspace.

fuzzing run [--seconds N] [TARGET...]
    Runs each target under libFuzzer for so long, 10 seconds unless told, and says what it reached.
    What it finds stays below target/fuzz: an input that breaks the law, and the inputs that reach more.
fuzzing keep [TARGET...]
    Keeps of the inputs below target/fuzz those that reach most, in fuzz/corpus. Read the diff.
fuzzing replay TARGET FILE...
    Puts files through a target, without libFuzzer.
fuzzing seeds DIR
    Writes the inputs to begin with to DIR/TARGET.
";

/// How long a target runs unless told.
const SECONDS: u32 = 10;

#[derive(Debug)]
enum Command {
    Run { seconds: u32, targets: Vec<Target> },
    Keep { targets: Vec<Target> },
    Replay { target: Target, files: Vec<PathBuf> },
    Seeds { folder: PathBuf },
    Help,
}

/// Runs one command; `args` begins with the program's own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(Parser::from_iter(args)).and_then(execute) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody else to tell.
            let _ = writeln!(io::stderr(), "fuzzing: {error}");
            ExitCode::from(if matches!(error, Error::Usage(_)) { 2 } else { 1 })
        }
    }
}

fn parse(mut args: Parser) -> Result<Command, Error> {
    let name = match args.next()? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => return Ok(Command::Help),
        Some(Arg::Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected().into()),
    };
    if !["run", "keep", "replay", "seeds"].contains(&name.as_str()) {
        return Err(Error::Usage(format!("unknown command {name:?}")));
    }
    let mut seconds = SECONDS;
    let mut values = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("seconds") if name == "run" => seconds = args.value()?.parse()?,
            Arg::Value(value) => values.push(value),
            other => return Err(other.unexpected().into()),
        }
    }
    match (name.as_str(), values.as_slice()) {
        ("replay", [name, files @ ..]) if !files.is_empty() => {
            Ok(Command::Replay { target: target(name)?, files: files.iter().map(PathBuf::from).collect() })
        }
        ("replay", _) => Err(Error::Usage("replay: takes a target and files".to_owned())),
        ("seeds", [folder]) => Ok(Command::Seeds { folder: folder.into() }),
        ("seeds", _) => Err(Error::Usage("seeds: takes a folder".to_owned())),
        (_, names) => {
            let chosen = names.iter().map(target).collect::<Result<Vec<_>, _>>()?;
            let targets = if chosen.is_empty() { targets::ALL.to_vec() } else { chosen };
            Ok(if name == "run" { Command::Run { seconds, targets } } else { Command::Keep { targets } })
        }
    }
}

fn target(name: &OsString) -> Result<Target, Error> {
    let found = targets::ALL.into_iter().find(|target| *target.name == **name);
    found.ok_or_else(|| {
        let names: Vec<_> = targets::ALL.iter().map(|target| target.name).collect();
        Error::Usage(format!("target {:?}: takes {}", name.display().to_string(), names.join(", ")))
    })
}

fn execute(command: Command) -> Result<(), Error> {
    match command {
        Command::Run { seconds, targets } => {
            run::build(&targets)?;
            say(Report::HEAD)?;
            let mut failures = Vec::new();
            for target in &targets {
                match run::run(target, seconds) {
                    Ok(report) => say(&report.to_string())?,
                    Err(failure) => failures.push(failure.to_string()),
                }
            }
            if failures.is_empty() { Ok(()) } else { Err(Error::Failed(failures.join("\n"))) }
        }
        Command::Keep { targets } => {
            run::build(&targets)?;
            targets.iter().try_for_each(run::keep)
        }
        Command::Replay { target, files } => files.iter().try_for_each(|file| {
            let input = fs::read(file).map_err(cannot(format!("read {}", file.display())))?;
            (target.take)(&input);
            Ok(())
        }),
        Command::Seeds { folder } => {
            targets::ALL.iter().try_for_each(|target| seeds::write(target.name, &folder.join(target.name)))
        }
        Command::Help => say(HELP),
    }
}

fn say(text: &str) -> Result<(), Error> {
    io::stdout().write_all(text.as_bytes()).map_err(cannot("write to standard output"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Command, String> {
        let args = ["fuzzing"].iter().chain(args).map(OsString::from);
        parse(Parser::from_iter(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_target_runs_unless_told() {
        let told = |args: &[&str]| match parsed(args) {
            Ok(Command::Run { seconds, targets }) => (seconds, targets.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(&["run"]), (SECONDS, targets::ALL.len()));
        assert_eq!(told(&["run", "--seconds", "3", "client", "server"]), (3, 2));
    }

    #[test]
    fn wrong_command_lines_say_what_is_wrong() {
        let names = "settings, server, client, exposition, decimal, bodies, convert, state";
        let rows: [(&[&str], &str); 5] = [
            (&["walk"], "unknown command \"walk\" (see --help)"),
            (&["run", "http"], &format!("target \"http\": takes {names} (see --help)")),
            (&["keep", "--seconds", "1"], "invalid option '--seconds' (see --help)"),
            (&["replay", "client"], "replay: takes a target and files (see --help)"),
            (&["seeds"], "seeds: takes a folder (see --help)"),
        ];
        for (args, message) in rows {
            assert_eq!(parsed(args).unwrap_err(), message, "{args:?}");
        }
    }
}
