//! Programs that are run to their end, each within a limit.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::EngineError;

/// What `timeout` exits with when the limit was reached.
const TIMED_OUT: i32 = 124;

/// A command that is ended after `limit`, with SIGTERM and 5 s later with SIGKILL.
///
/// It is `timeout` of the coreutils, which also puts the program into a process group of its own: a
/// Ctrl-C at the terminal is for us to handle, not for a client in the middle of a call.
pub fn limited(limit: Duration, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(limit.as_secs_f64().to_string()).arg(program);
    command
}

/// Runs `command` to its end and returns its standard output.
///
/// # Errors
/// When it cannot be run, reaches its limit or exits with anything but 0; then with all it said.
pub fn output(command: &mut Command) -> Result<String, EngineError> {
    let result = command.stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } =
        result.map_err(|source| EngineError::Run { what: line(command), source })?;
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(stdout);
    }
    if status.code() == Some(TIMED_OUT) {
        return Err(EngineError::TimedOut { what: line(command) });
    }
    let said = format!("{stdout}{}", String::from_utf8_lossy(&stderr)).trim_end().to_owned();
    Err(EngineError::Failed { what: line(command), status, said })
}

/// The last `lines` lines of `text`.
#[must_use]
pub fn tail(text: &str, lines: usize) -> String {
    let skip = text.lines().count().saturating_sub(lines);
    text.lines().skip(skip).collect::<Vec<_>>().join("\n")
}

/// The command line as a person would type it, without `timeout` and its two arguments.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let skip = if command.get_program() == "timeout" { 3 } else { 0 };
    words.skip(skip).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_tells_its_line_status_and_words() {
        let mut command = limited(Duration::from_secs(10), "sh");
        let error = output(command.args(["-c", "echo out; echo err >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert_eq!(text, "sh -c echo out; echo err >&2; exit 3: exit status: 3\nout\nerr");
    }

    #[test]
    fn a_command_is_ended_at_its_limit() {
        let error = output(limited(Duration::from_millis(50), "sleep").arg("60")).unwrap_err();
        assert_eq!(error.to_string(), "sleep 60: did not end in time");
    }

    #[test]
    fn a_tail_is_the_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a\n", 2), "a");
        assert_eq!(tail("", 2), "");
    }
}
