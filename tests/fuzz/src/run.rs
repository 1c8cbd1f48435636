//! The targets under libFuzzer: compiled by `cargo fuzz`, and then run as the programs that they are.
//!
//! With `AddressSanitizer`, because what the plugin depends on has `unsafe` code. It needs options of the compiler that
//! only nightly has, which `RUSTC_BOOTSTRAP` lends to the one that is here.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::error::cannot;
use crate::seeds;
use crate::targets::Target;

/// Where `build/setup.sh` puts it.
const CARGO_FUZZ: &str = "target/tools/cargo-fuzz/bin/cargo-fuzz";
/// Where everything is that is not kept.
const FOLDER: &str = "target/fuzz";
/// Where the targets are compiled to.
const BUILD: &str = "target/fuzz/build";
/// What was kept, a folder for each target.
const KEPT: &str = "fuzz/corpus";
/// The longest input.
const INPUT_BYTES_MAX: usize = 16 * 1024;
/// How long one input may take.
const INPUT_TIME_MAX_S: u32 = 10;
/// The memory that a target may hold.
const MEMORY_MB_MAX: u32 = 2048;
/// The longest input that is kept.
const KEPT_BYTES_MAX: usize = 1024;
/// How much of a log an error repeats: where a run was on another machine, nothing else of it is left.
const REPEATED_LINES_MAX: usize = 60;

/// What a run reached.
#[derive(Debug)]
pub struct Report {
    name: &'static str,
    executions: String,
    per_second: String,
    /// Edges of the code, and with how often each was passed and what followed what.
    edges: String,
    features: String,
    /// Inputs that reach them.
    inputs: String,
}

impl Report {
    /// The columns.
    pub const HEAD: &str = "target        executions   a second      edges   features     inputs\n";
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, executions, per_second, edges, features, inputs } = self;
        writeln!(out, "{name:<12}{executions:>12}{per_second:>11}{edges:>11}{features:>11}{inputs:>11}")
    }
}

/// Compiles these targets.
pub fn build(targets: &[Target]) -> Result<(), Error> {
    let mut command = Command::new(CARGO_FUZZ);
    command.args(["build", "--target-dir", BUILD, "--target", &triple()]).env("RUSTC_BOOTSTRAP", "1");
    if let [target] = targets {
        command.arg(target.name);
    }
    let attempt = format!("start {CARGO_FUZZ}, which `sh build/setup.sh` installs");
    let status = command.status().map_err(cannot(attempt))?;
    let problem = || Error::Failed(format!("cargo fuzz build: {status}"));
    status.success().then_some(()).ok_or_else(problem)
}

/// Not that of the static binary: `AddressSanitizer` replaces the functions of a C library that is loaded at run time.
fn triple() -> String {
    format!("{}-unknown-linux-gnu", env::consts::ARCH)
}

/// Runs a target from its seeds and what was kept of it, and reads what libFuzzer says of it.
pub fn run(target: &Target, seconds: u32) -> Result<Report, Error> {
    let name = target.name;
    let [found, artifacts] = ["corpus", "artifacts"].map(|kind| folder(kind, name));
    create(&artifacts)?;
    let options = [
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-timeout={INPUT_TIME_MAX_S}"),
        format!("-rss_limit_mb={MEMORY_MB_MAX}"),
        format!("-artifact_prefix={}/", artifacts.display()),
        // Choosing inputs by how rare their features are takes as long as to run them, where features are ten thousands.
        "-entropic=0".to_owned(),
        "-print_final_stats=1".to_owned(),
    ];
    let log = libfuzzer(name, &found, &[], &options)?;
    Ok(read(name, &log))
}

/// Keeps the fewest inputs that reach all edges of the code.
pub fn keep(target: &Target) -> Result<(), Error> {
    let name = target.name;
    let [best, found] = ["best", "corpus"].map(|kind| folder(kind, name));
    // What an earlier run has left would be taken for reached already.
    let _ = fs::remove_dir_all(&best);
    create(&found)?;
    let options = ["-set_cover_merge=1", "-use_counters=0"].map(str::to_owned);
    let options = [&options[..], &[format!("-max_len={KEPT_BYTES_MAX}")]].concat();
    libfuzzer(name, &best, &[&found], &options)?;
    let kept = Path::new(KEPT).join(name);
    fs::remove_dir_all(&kept).map_err(cannot(format!("remove {}", kept.display())))?;
    fs::rename(&best, &kept).map_err(cannot(format!("replace {}", kept.display())))
}

/// Runs a target with `into` for what it finds, from what was kept, its seeds and these folders; returns its log.
fn libfuzzer(name: &'static str, into: &Path, from: &[&Path], options: &[String]) -> Result<String, Error> {
    let (kept, seeds) = (Path::new(KEPT).join(name), folder("seeds", name));
    seeds::write(name, &seeds)?;
    create(into)?;
    create(&kept)?;
    let log = Path::new(FOLDER).join(name).with_extension("log");
    let out = File::create(&log).map_err(cannot(format!("write {}", log.display())))?;
    let program = Path::new(BUILD).join(triple()).join("release").join(name);
    let mut command = Command::new(&program);
    command.args(options).args([into, &kept, &seeds]).args(from).stdout(Stdio::null()).stderr(out);
    let status = command.status().map_err(cannot(format!("start {}", program.display())))?;
    let text = fs::read(&log).map_err(cannot(format!("read {}", log.display())))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&text).into_owned());
    }
    let problem = format!(
        "{name}: {status}\n{}\n{} has all of it, and `cargo run --package fuzzing -- replay {name} FILE` shows it again \
         with the file in {}",
        end(&String::from_utf8_lossy(&text)),
        log.display(),
        folder("artifacts", name).display()
    );
    Err(Error::Failed(problem))
}

/// The end of what a log says, without the lines that count and those of stacks.
fn end(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.starts_with(['#', ' ', '\t'])).collect();
    lines.get(lines.len().saturating_sub(REPEATED_LINES_MAX)..).unwrap_or_default().join("\n")
}

fn folder(kind: &str, name: &str) -> PathBuf {
    Path::new(FOLDER).join(kind).join(name)
}

fn create(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(cannot(format!("create {}", folder.display())))
}

/// The last figures of a log.
fn read(name: &'static str, log: &str) -> Report {
    let last = |begin: &str| {
        let line = log.lines().rev().find_map(|line| line.split_once(begin))?;
        line.1.split_whitespace().next().map(|word| word.split('/').next().unwrap_or(word).to_owned())
    };
    let last = |begin: &str| last(begin).unwrap_or_else(|| "?".to_owned());
    Report {
        name,
        executions: last("stat::number_of_executed_units:"),
        per_second: last("stat::average_exec_per_sec:"),
        edges: last(" cov: "),
        features: last(" ft: "),
        inputs: last(" corp: "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_what_it_says_last() {
        let lines: Vec<_> =
            (0..=REPEATED_LINES_MAX).map(|number| format!("line {number}\n#1 NEW\n  1: main\n")).collect();
        let end = end(&lines.concat());
        assert!(end.starts_with("line 1\nline 2\n") && end.ends_with("\nline 60"), "{end}");
    }

    #[test]
    fn the_last_figures_of_a_log_are_read() {
        let log = "#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                   #88\tNEW    cov: 345 ft: 678 corp: 90/1200b lim: 4 exec/s: 44 rss: 31Mb L: 2/2 MS: 1 CopyPart-\n\
                   #99\tDONE   cov: 346 ft: 679 corp: 91/1201b lim: 4 exec/s: 44 rss: 31Mb\n\
                   stat::number_of_executed_units: 99\nstat::average_exec_per_sec:     44\n";
        let report = read("client", log).to_string();
        assert_eq!(report.split_whitespace().collect::<Vec<_>>(), ["client", "99", "44", "346", "679", "91"]);
    }
}
