//! The command line as a user has it: arguments in, text and exit code out.

use std::io::Write;
use std::process::{Command, Output, Stdio};

pub(crate) fn program(arguments: &[&str], vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(crate::program_path());
    command.args(arguments).env_clear().envs(vars.iter().copied()).current_dir("tests/fixtures/scrapes");
    command
}

pub(crate) fn output(arguments: &[&str], vars: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = program(arguments, vars).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

const IDLE: &str = "engine-28.5.2-idle.prom";
const ACTIVE: &str = "engine-28.5.2-active.prom";
const STARTING: &str = "engine-28.5.2-daemon-starting.prom";

/// Compares with a file of `tests/golden`; `UPDATE=1` writes it instead.
#[track_caller]
fn check_golden(name: &str, text: &str) {
    check_written(&format!("tests/golden/{name}"), text);
}

/// Compares with a file of the project that a test writes with `UPDATE=1`.
#[track_caller]
pub(crate) fn check_written(path: &str, text: &str) {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{path} differs: run the tests with UPDATE=1 and read the difference");
}

#[test]
fn real_scrapes_become_the_golden_lines() {
    for format in ["datadog", "etsy", "graphite", "influx", "librato", "signalfx"] {
        let (code, stdout, stderr) = output(&["convert", IDLE, ACTIVE], &[("STATSD_FORMAT", format)]);
        assert_eq!((code, stderr.as_str()), (0, ""));
        check_golden(&format!("convert-{format}.txt"), &stdout);
    }
}

#[test]
fn one_scrape_has_gauges_and_from_zero_has_counts_too() {
    let (_, baseline, _) = output(&["convert", IDLE], &[]);
    let (_, from_zero, _) = output(&["convert", "--from-zero", IDLE], &[]);
    assert_eq!(baseline.matches("|c").count(), 0);
    assert!(from_zero.matches("|c").count() > 100);
    assert_eq!(baseline.matches("|g").count(), from_zero.matches("|g").count());
}

#[test]
fn standard_input_is_a_dash() {
    let mut child =
        program(&["convert", "-"], &[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a 1\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"docker.a:1|g\n");
}

#[test]
fn an_incomplete_scrape_fails_and_those_around_it_count() {
    let (code, stdout, stderr) = output(&["convert", STARTING], &[]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(
        stderr,
        format!("{STARTING}: the engine is still starting (engine_daemon_engine_info is missing)\n")
    );
    let (code, with_bad, stderr) = output(&["convert", IDLE, "missing.prom", ACTIVE], &[]);
    let (_, without, _) = output(&["convert", IDLE, ACTIVE], &[]);
    assert_eq!((code, with_bad == without), (1, true));
    assert!(stderr.starts_with("missing.prom: No such file"), "{stderr}");
}

#[test]
fn a_wrong_setting_of_each_kind_one_run_lists_them_all() {
    let wrong = [
        ("an address to send to", "STATSD_ADDR", "ftp://x", "udp://HOST[:PORT]"),
        ("a word of a list", "STATSD_FORMAT", "json", "datadog"),
        ("a prefix", "METRIC_PREFIX", "9.", "a letter first"),
        ("tags", "TAGS", "a|b", "KEY:VALUE,KEY:VALUE"),
        ("a tag's value", "DD_ENV", "a,b", "a tag value"),
        ("a host", "DD_AGENT_HOST", "a b", "a host name or IP address"),
        ("a port", "DD_DOGSTATSD_PORT", "65536", "a port from 1 to 65535"),
        ("a duration", "INTERVAL", "never", "such as 500ms, 10s or 1m"),
        ("a number", "MAX_PACKET_BYTES", "10", "from 256 to 65507"),
        ("yes or no", "SELF_METRICS", "yes", "true or false"),
        ("a level", "LOG_LEVEL", "loud", "error, warn, info or debug"),
        ("an address to scrape", "SCRAPE_ADDR", "/run/docker", "unix:///PATH"),
    ];
    let vars = wrong.map(|(_, name, value, _)| (name, value));
    for command in [&[][..], &["agent"], &["check"], &["convert", IDLE]] {
        let (code, stdout, stderr) = output(command, &vars);
        assert_eq!((code, stdout.as_str()), (1, ""));
        for (kind, name, value, takes) in wrong {
            let begin = format!("setting {name}: got {value:?}, takes ");
            let line = stderr.lines().find(|line| line.starts_with(&begin));
            assert!(line.is_some_and(|line| line.contains(takes)), "{kind}: {stderr}");
        }
        assert_eq!(stderr.lines().count(), wrong.len(), "one line each and nothing else: {stderr}");
    }
}

#[test]
fn settings_are_read_only_by_commands_that_use_them() {
    let wrong = &[("INTERVAL", "never")];
    for command in ["--help", "--version", "settings"] {
        assert_eq!(output(&[command], wrong).0, 0, "{command}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for (arguments, problem) in [
        (&["frob"][..], "there is no command \"frob\""),
        (&["--frob"], "invalid option '--frob'"),
        (&["convert"], "convert needs a file"),
        (&["convert", "--frob", "a"], "convert does not take these arguments"),
        (&["listen", "a", "b"], "listen does not take these arguments"),
        (&["listen", "--raw", "--summary"], "listen does not take these arguments"),
        (&["demo", "--seconds", "long"], "cannot parse argument \"long\""),
        (&["demo", "--seconds"], "missing argument for option '--seconds'"),
        (&["agent", "--seconds", "1"], "agent does not take these arguments"),
        (&["listen", "http://a:1"], "cannot listen on \"http://a:1\""),
    ] {
        let (code, stdout, stderr) = output(arguments, &[]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.starts_with(problem) && stderr.contains("--help"), "{stderr}");
    }
}

#[test]
fn each_command_has_its_own_help() {
    let (code, help, _) = output(&["--help"], &[]);
    assert!(code == 0 && help.contains("\nusage: docker-metrics-statsd [COMMAND]\n"), "{help}");
    for command in ["agent", "check", "convert", "demo", "listen", "settings"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        for flag in ["--help", "-h"] {
            let (code, help, stderr) = output(&[command, flag], &[]);
            assert_eq!((code, stderr.as_str()), (0, ""), "{command}");
            let usage = help.lines().find(|line| line.starts_with("usage: ")).unwrap();
            assert!(usage.contains(&format!("docker-metrics-statsd {command}")), "{usage}");
        }
    }
    let (code, _, stderr) = output(&["frob", "--help"], &[]);
    assert!(code == 2 && stderr.starts_with("there is no command"), "{stderr}");
}

#[test]
fn version_and_settings() {
    let (_, version, _) = output(&["--version"], &[]);
    assert_eq!(version, concat!("docker-metrics-statsd ", env!("CARGO_PKG_VERSION"), "\n"));
    let (_, settings, _) = output(&["settings"], &[("INTERVAL", "3s")]);
    assert!(settings.contains("INTERVAL=3s\n"));
}
