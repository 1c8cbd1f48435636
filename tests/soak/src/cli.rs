//! The command line and the exit codes: 0 all was right, 1 something was not, 2 a wrong command line.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bench::Error;
use lexopt::{Arg, Parser, ValueExt as _};

use crate::soak::Soak;
use crate::{state, stretch};

const HELP: &str = "\
Soaks docker-metrics-statsd: as root, in a mount namespace of its own.

soak --plugin FILE [--seconds N] [--seed N]
    Runs the plugin's static binary every 10 ms among random faults, for 20 seconds unless told. Ends with 1 when a
    count is lost or repeated beyond what docs/reliability.md says, or when memory, descriptors, threads or the log
    grow. The same seed draws the same faults.
";

const SECONDS: u64 = 20;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    plugin: PathBuf,
    time: Duration,
    seed: usize,
}

/// Runs the command; `args` begins with the program's own name.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (text, code) = match parse(Parser::from_iter(args)) {
        Ok(None) => (HELP.to_owned(), 0),
        Ok(Some(options)) => match soak(&options) {
            Ok(summary) => (summary, 0),
            Err(error) => (format!("FAILED with --seed {}: {error}\n", options.seed), 1),
        },
        Err(error) => (format!("{error}\n"), 2),
    };
    say(&text);
    ExitCode::from(code)
}

fn soak(options: &Options) -> Result<String, Error> {
    let Options { plugin, time, seed } = options;
    let plugin = std::fs::canonicalize(plugin)
        .map_err(Error::io(format!("find {}, which `just build` makes", plugin.display())))?;
    say(&format!("seed {seed}, {time:?}\n"));
    state::prepare()?;
    let mut soak = Soak::new(plugin, *seed)?;
    for stretch in stretch::of(*time) {
        soak.run(stretch, say)?;
    }
    Ok(soak.summary())
}

fn parse(mut args: Parser) -> Result<Option<Options>, Error> {
    let (mut plugin, mut seconds, mut seed) = (None, SECONDS, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long("plugin") => plugin = Some(args.value()?.into()),
            Arg::Long("seconds") => seconds = args.value()?.parse()?,
            Arg::Long("seed") => seed = Some(args.value()?.parse()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let plugin = plugin.ok_or_else(|| Error::Usage("--plugin is missing".to_owned()))?;
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        usize::try_from(now.as_secs()).unwrap_or_default()
    });
    Ok(Some(Options { plugin, time: Duration::from_secs(seconds), seed }))
}

fn say(text: &str) {
    // There is nobody else to tell.
    let _ = io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read() {
        let parsed = |args: &[&str]| {
            let args = ["soak"].iter().chain(args).map(OsString::from);
            parse(Parser::from_iter(args)).map_err(|error| error.to_string())
        };
        let options = Options { plugin: "p".into(), time: Duration::from_secs(3600), seed: 7 };
        assert_eq!(parsed(&["--plugin", "p", "--seconds=3600", "--seed", "7"]), Ok(Some(options)));
        assert_eq!(parsed(&["--seed", "7"]), Err("--plugin is missing (see --help)".to_owned()));
        assert_eq!(parsed(&["-h"]), Ok(None));
    }
}
