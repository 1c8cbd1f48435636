//! Real StatsD servers for tests: Etsy's statsd, Datadog's own DogStatsD code, and collectd.
//!
//! Each wrapper starts one server in a directory of its own on free ports of the loopback address
//! (Datadog's, which insists on every address, in a network namespace of its own), waits until its
//! socket is there, asks it what it has understood, and ends it by its process id when dropped.
//! What a test sends, and what it expects, is not known here. Several test binaries include this
//! folder with `#[path = "../support/mod.rs"] mod support;`; it needs only std, `serde_json` and
//! `tempfile`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support: a panic is how a test fails, and each test binary uses its own part"
)]

pub(crate) mod carbon;
pub(crate) mod collectd;
pub(crate) mod datadog;
pub(crate) mod etsy;
pub(crate) mod graphite;
pub(crate) mod hostile;
pub(crate) mod process;
pub(crate) mod quotations;
pub(crate) mod udp;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, io, thread};

/// Whether the person who runs the tests asked for this group not to be run:
/// `SKIP_TESTS=agents,engine`. Says so where it is seen, past the test harness' capturing.
pub(crate) fn asked_to_skip(group: &str) -> bool {
    let groups = env::var("SKIP_TESTS").unwrap_or_default();
    let skipped = groups.split([',', ' ']).any(|word| word == group);
    if skipped {
        let current = thread::current();
        let test = current.name().unwrap_or("a test");
        let notice = format!("SKIPPED on request (SKIP_TESTS={groups}): {group}: {test}\n");
        io::stderr().write_all(notice.as_bytes()).expect("stderr takes a line");
    }
    skipped
}

/// The folder of the workspace's `Cargo.toml`, from whichever package the test belongs to.
pub(crate) fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|folder| folder.join("tests/support/mod.rs").is_file())
        .expect("the test's package lies inside the workspace")
}

/// A file that `build/setup.sh` installs under `target/tools`.
pub(crate) fn installed_tool(path: &str) -> PathBuf {
    let tool = workspace_root().join("target/tools").join(path);
    assert!(tool.is_file(), "{} is missing. {}", tool.display(), how_to_install());
    tool
}

/// A program that `build/setup.sh` installs as a package of the system.
pub(crate) fn system_tool(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian keeps daemons where an ordinary user's PATH does not look.
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|tool| tool.is_file())
        .unwrap_or_else(|| panic!("the program {name} is missing. {}", how_to_install()))
}

fn how_to_install() -> &'static str {
    "Run `sh build/setup.sh`, which installs what the tests need, or set SKIP_TESTS to the groups of \
     tests to leave out (SKIP_TESTS=agents)"
}
