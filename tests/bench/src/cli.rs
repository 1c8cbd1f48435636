//! The commands and their exit codes: 0 done, 1 failed or over a limit, 2 a wrong command line.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt as _};

use crate::contest::Contestant;
use crate::inputs::Size;
use crate::{Error, compare, instructions, process};

const HELP: &str = "\
Measures docker-metrics-statsd. Build it with --release.

bench compare [--static FILE] [--sizes LIST] [--rounds N] [--cold] [--markdown]
    Times the converter and what it is compared with, in turns. FILE is this program, built as the
    plugin is; both builds are measured then. --cold evicts what they remember from the caches first.
bench process --plugin FILE [--sizes LIST] [--idle SECONDS] [--markdown]
    Runs the plugin's agent between a stand-in endpoint and a stand-in server: CPU and memory.
bench instructions
    Counts the instructions of each kind of scrape with valgrind, and fails if they are over a limit.

LIST is made of docker, 1k, 10k, 100k, 1M or other numbers of samples: --sizes docker,10k

What those commands run:
bench count --scrape warm|churn|shuffled|first [--counted]
bench child [--cold]
";

/// Turns of each contestant unless told.
const ROUNDS: usize = 20;

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Compare(compare::Options),
    Process(process::Options),
    Instructions,
    Count { scrape: Contestant, is_counted: bool },
    Child { is_cold: bool },
    Help,
}

/// Runs one command; `args` begins with the program's own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(Parser::from_iter(args)).and_then(|command| execute(&command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&error.to_string());
            ExitCode::from(if matches!(error, Error::Usage(_)) { 2 } else { 1 })
        }
    }
}

fn execute(command: &Command) -> Result<(), Error> {
    match command {
        Command::Compare(options) => say(&compare::compare(options, note)?),
        Command::Process(options) => say(&process::measure(options, note)?),
        Command::Instructions => say(&instructions::check()?),
        Command::Count { scrape, is_counted } => instructions::count(*scrape, *is_counted),
        Command::Child { is_cold } => compare::serve(*is_cold),
        Command::Help => say(HELP),
    }
}

/// What the options of every command may say.
#[derive(Default)]
struct Options {
    static_build: Option<PathBuf>,
    plugin: Option<PathBuf>,
    sizes: Option<Vec<Size>>,
    rounds: Option<usize>,
    scrape: Option<Contestant>,
    is_counted: bool,
    idle_s: Option<u64>,
    is_cold: bool,
    is_markdown: bool,
}

fn parse(mut args: Parser) -> Result<Command, Error> {
    let name = match args.next()? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => return Ok(Command::Help),
        Some(Arg::Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected().into()),
    };
    let takes: &[&str] = match name.as_str() {
        "compare" => &["static", "sizes", "rounds", "cold", "markdown"],
        "process" => &["plugin", "sizes", "idle", "markdown"],
        "instructions" => &[],
        "count" => &["scrape", "counted"],
        "child" => &["cold"],
        _ => return Err(Error::Usage(format!("unknown command {name:?}"))),
    };
    let mut options = Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long(option) if !takes.contains(&option) => return Err(arg.unexpected().into()),
            Arg::Long("static") => options.static_build = Some(args.value()?.into()),
            Arg::Long("plugin") => options.plugin = Some(args.value()?.into()),
            Arg::Long("sizes") => {
                options.sizes =
                    Some(args.value()?.string()?.split(',').map(str::parse).collect::<Result<_, _>>()?);
            }
            Arg::Long("rounds") => options.rounds = Some(args.value()?.parse()?),
            Arg::Long("scrape") => options.scrape = Some(args.value()?.string()?.parse()?),
            Arg::Long("counted") => options.is_counted = true,
            Arg::Long("idle") => options.idle_s = Some(args.value()?.parse()?),
            Arg::Long("cold") => options.is_cold = true,
            Arg::Long("markdown") => options.is_markdown = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let Options { static_build, plugin, sizes, rounds, scrape, is_counted, idle_s, is_cold, is_markdown } =
        options;
    let sizes = sizes.unwrap_or_else(|| Size::ALL.to_vec());
    let rounds = rounds.unwrap_or(ROUNDS);
    Ok(match name.as_str() {
        "compare" => Command::Compare(compare::Options { static_build, sizes, rounds, is_cold, is_markdown }),
        "process" => {
            let plugin = plugin.ok_or_else(|| Error::Usage("--plugin is missing".to_owned()))?;
            let idle = idle_s.map(Duration::from_secs);
            Command::Process(process::Options { plugin, sizes, idle, is_markdown })
        }
        "count" => Command::Count { scrape: scrape.unwrap_or(Contestant::Warm), is_counted },
        "child" => Command::Child { is_cold },
        _ => Command::Instructions,
    })
}

fn say(text: &str) -> Result<(), Error> {
    io::stdout().write_all(text.as_bytes()).map_err(Error::io("write to standard output"))
}

/// What happens meanwhile is not part of the output.
fn note(text: &str) {
    // There is nobody else to tell.
    let _ = writeln!(io::stderr(), "bench: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Command, String> {
        let args = ["bench"].iter().chain(args).map(OsString::from);
        parse(Parser::from_iter(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_size_is_measured_unless_told() {
        let compare = |sizes: &[Size], is_cold| {
            let (static_build, rounds, is_markdown) = (Some("b".into()), ROUNDS, false);
            Command::Compare(compare::Options {
                static_build,
                sizes: sizes.to_vec(),
                rounds,
                is_cold,
                is_markdown,
            })
        };
        assert_eq!(parsed(&["compare", "--static", "b"]), Ok(compare(&Size::ALL, false)));
        let told = [Size::Docker, Size::Samples(2_000)];
        assert_eq!(
            parsed(&["compare", "--cold", "--sizes=docker,2k", "--static=b"]),
            Ok(compare(&told, true))
        );
    }

    #[test]
    fn wrong_command_lines_say_what_is_wrong() {
        let rows: [(&[&str], &str); 6] = [
            (&["race"], "unknown command \"race\" (see --help)"),
            (&["process"], "--plugin is missing (see --help)"),
            (&["count", "--cold"], "invalid option '--cold' (see --help)"),
            (
                &["compare", "--sizes", "big"],
                "size \"big\": takes docker, or samples as 1000, 10k or 1M (see --help)",
            ),
            (&["compare", "b"], "unexpected argument \"b\" (see --help)"),
            (&["child", "--rounds=1"], "invalid option '--rounds' (see --help)"),
        ];
        for (args, message) in rows {
            assert_eq!(parsed(args), Err(message.to_owned()), "{args:?}");
        }
    }
}
