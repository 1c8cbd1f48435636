//! What was built: how large it is, and how a program that is compiled like it panics.
//!
//! Run by `just test-binary`, which builds both.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests: a panic is how they fail")]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;

use plugin_builder::arch::Arch;
use plugin_builder::image::Image;
use support::workspace_root;

/// What an image's tarball may take; to be lowered only.
const TARBALL_BYTES_MAX: u64 = 900_000;
/// `SIGABRT` (signal(7)).
const SIGABRT: i32 = 6;

fn arch() -> Arch {
    Arch::host().expect("an architecture that plugins are built for")
}

/// Built by `just test-binary`.
fn panicking() -> PathBuf {
    workspace_root().join("target/panics").join(arch().name()).join("panics")
}

#[test]
fn tarball_keeps_to_its_limit() {
    let tarball = Image::at(&workspace_root().join("target/plugin"), arch()).tarball;
    let bytes = fs::metadata(&tarball).expect("a tarball: `just plugin` makes it").len();
    assert!(bytes <= TARBALL_BYTES_MAX, "{}: {bytes} bytes of {TARBALL_BYTES_MAX}", tarball.display());
}

#[test]
fn panic_says_what_and_where_and_aborts_at_once() {
    for variable in [None, Some("0"), Some("1"), Some("full")] {
        let mut command = Command::new(panicking());
        command.env_remove("RUST_BACKTRACE");
        command.envs(variable.map(|value| ("RUST_BACKTRACE", value)));
        let output = command.output().expect("`just test-binary` builds it");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(" panicked at tests/panics/src/main.rs:"), "{told}");
        assert!(told.contains(":\nso it ends\n"), "{told}");
        assert_eq!(output.status.signal(), Some(SIGABRT), "RUST_BACKTRACE={variable:?}");
        assert!(output.stdout.is_empty(), "nothing unwound");
    }
}

#[test]
fn nothing_that_reads_debug_information_is_linked() {
    for program in [panicking(), Image::at(&workspace_root().join("target/plugin"), arch()).binary()] {
        // Names of what a reader of DWARF looks for.
        let bytes = fs::read(&program).expect("`just test-binary` builds it");
        for name in [".debug_info", ".debug_line", ".gnu_debuglink", "/usr/lib/debug"] {
            assert!(!holds(&bytes, name), "{} holds {name}", program.display());
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
