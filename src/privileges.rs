//! What the process gives up as soon as it has started: every right that it has and does not need.
//!
//! It knows what a command still has to reach ([`Reach`]) and has the kernel refuse the rest for good;
//! what is done with the rest of the program is not its business. Nothing here is an error: a kernel may
//! lack the means, and a program that runs with more rights than it needs still does its work. What could
//! not be given up is said ([`Confined`]).
//!
//! Linux keeps all of this by thread, so it is for before the first other thread is started.

mod capabilities;
mod filter;
mod ruleset;

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::config::{ScrapeAddr, Settings, StatsdAddr};

/// The port of name servers, which are asked over TCP what is too long for UDP.
const DNS_PORT: u16 = 53;
/// Where host names come from. A folder and no files: these are replaced while the process runs.
const NAMES_FOLDER: &str = "/etc";
/// What [`NAMES_FOLDER`] may have a link to.
const NAME_SERVERS: &str = "/etc/resolv.conf";
/// The kernel's name for this boot ([`crate::boot`]).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What a command still opens once it is confined. Unix sockets are not among it: connecting to one is no
/// opening of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Files that are read, and folders whose files are.
    read: Vec<PathBuf>,
    /// Folders in which files and sockets are made, read, replaced and removed.
    change: Vec<PathBuf>,
    /// TCP ports that are connected to.
    connect: Vec<u16>,
}

impl Reach {
    /// What scraping and sending need with these settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let mut read = vec![PathBuf::from(NAMES_FOLDER), PathBuf::from(BOOT_ID)];
        let servers = std::fs::canonicalize(NAME_SERVERS).ok();
        read.extend(servers.and_then(|file| file.parent().map(PathBuf::from)));
        let mut connect = vec![DNS_PORT];
        if let StatsdAddr::Tcp(target) = &settings.statsd_addr {
            connect.push(target.port);
        }
        if let ScrapeAddr::Tcp { address, .. } = &settings.scrape_addr {
            connect.push(address.port);
        }
        Self { read, change: Vec::new(), connect }
    }

    /// This, and a folder whose files and sockets may be changed.
    #[must_use]
    pub fn and_change(mut self, folder: impl Into<PathBuf>) -> Self {
        self.change.push(folder.into());
        self
    }
}

/// Gives up every right but those to `reach`.
///
/// The system calls and the files are those of the static binary: with a C library that is loaded from
/// files, and that finds host names by way of more of them, only the capabilities are given up.
#[must_use]
pub fn confine(reach: &Reach) -> Confined {
    // At its first look rustix asks what the kernel gave this process for reading clocks without a call.
    let _ = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let capabilities = Step::of("capabilities", capabilities::give_up());
    if !cfg!(target_env = "musl") {
        return Confined(vec![capabilities, Step::of("other system calls and files", Err(Kept::Dynamic))]);
    }
    // The filter is last: it refuses what the others do.
    let files = ruleset::give_up(reach);
    Confined(vec![capabilities, Step::of("other system calls", filter::give_up()), files])
}

/// What was given up, and what was kept and why.
#[derive(Debug)]
pub struct Confined(Vec<Step>);

impl Confined {
    /// Whether the kernel refused what it can do.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.iter().any(|step| matches!(step.kept, Some(Kept::Failed(_))))
    }
}

/// What a person can do about a connection that fails for what was given up, to a socket with a path or to
/// another one; begins with a semicolon unless it is empty.
#[must_use]
pub fn advice(error: &io::Error, has_path: bool) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EACCES) if has_path => {
            "; let others write to the socket and enter its folders (chmod o+w, o+x): the right of root to \
             pass over modes was given up"
        }
        Some(libc::ENOSYS) => {
            "; a system call was refused, by an old kernel or by the program's own filter: please report it"
        }
        _ => "",
    }
}

/// One line for the log.
impl fmt::Display for Confined {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given_up = self.0.iter().filter(|step| step.kept.is_none()).map(|step| step.what);
        let given_up: Vec<_> = given_up.collect();
        match given_up.as_slice() {
            [] => out.write_str("gave up no rights")?,
            rights => write!(out, "gave up {}", rights.join(", "))?,
        }
        for step in &self.0 {
            if let Some(kept) = &step.kept {
                write!(out, "; kept {}: {kept}", step.what)?;
            }
        }
        Ok(())
    }
}

/// One kind of rights.
#[derive(Debug)]
struct Step {
    what: &'static str,
    /// Nothing if they were given up.
    kept: Option<Kept>,
}

impl Step {
    fn of(what: &'static str, given_up: Result<(), Kept>) -> Self {
        Self { what, kept: given_up.err() }
    }
}

/// Why rights were kept.
#[derive(Debug)]
enum Kept {
    /// The kernel has no such thing.
    Lacking(&'static str),
    /// The kernel has it, and refused.
    Failed(io::Error),
    /// What this program needs is not known: its C library is loaded at run time.
    Dynamic,
}

impl fmt::Display for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lacking(means) => write!(out, "this kernel has no {means}"),
            Self::Failed(error) => error.fmt(out),
            Self::Dynamic => out.write_str("this is not the static binary"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_was_kept_and_why() {
        let step = |what, kept| Step { what, kept };
        let refused = || Kept::Failed(io::Error::from_raw_os_error(libc::EPERM));
        for (steps, has_failed, expected) in [
            (vec![step("a", None), step("b", None)], false, "gave up a, b"),
            (
                vec![step("a", None), step("b", Some(Kept::Lacking("Landlock")))],
                false,
                "gave up a; kept b: this kernel has no Landlock",
            ),
            (
                vec![step("a", Some(refused())), step("b", Some(Kept::Dynamic))],
                true,
                "gave up no rights; kept a: Operation not permitted (os error 1); kept b: this is not the \
                 static binary",
            ),
        ] {
            let confined = Confined(steps);
            assert_eq!((confined.to_string().as_str(), confined.has_failed()), (expected, has_failed));
        }
    }

    #[test]
    fn only_ports_of_tcp_addresses_are_reached() {
        for (statsd, scrape, expected) in [
            ("udp://agent:1", "unix:///run/a.sock", &[DNS_PORT][..]),
            ("tcp://agent:1", "unix:///run/a.sock", &[DNS_PORT, 1]),
            ("unix:///run/a.sock", "http://engine:2/metrics", &[DNS_PORT, 2]),
            ("tcp://agent:1", "http://engine:2/metrics", &[DNS_PORT, 1, 2]),
        ] {
            let settings = Settings::from_vars("", |name| match name {
                "STATSD_ADDR" => Some(statsd.to_owned()),
                "SCRAPE_ADDR" => Some(scrape.to_owned()),
                _ => None,
            });
            let reach = Reach::of(&settings.unwrap());
            assert_eq!((reach.connect.as_slice(), reach.change.len()), (expected, 0), "{statsd} {scrape}");
        }
    }
}
