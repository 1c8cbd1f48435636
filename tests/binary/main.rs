//! What was built, for both architectures: how large it is, how a program that is compiled like it panics,
//! and whether the one for another machine works.
//!
//! Run by `just test-binary`, which builds all of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is how they fail"
)]

#[path = "../support/mod.rs"]
mod support;

mod emulated;
#[path = "../it/endpoint.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod endpoint;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use plugin_builder::arch::Arch;
use plugin_builder::image::Image;
use support::{system_tool, workspace_root};

/// Where everything is built, in the workspace.
const OUT: &str = "target/plugin";

/// What an image's tarball may take, of the megabyte that it is to stay below.
const TARBALL_BYTES_MAX: u64 = 925_000;
/// `SIGABRT` (signal(7)).
const SIGABRT: i32 = 6;

/// The architecture that this machine does not have.
fn other_arch() -> Arch {
    Arch::ALL.into_iter().find(|arch| Some(*arch) != Arch::host()).expect("two architectures")
}

/// The program that runs those of `arch` on any machine.
fn emulator(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "qemu-x86_64-static",
        Arch::Arm64 => "qemu-aarch64-static",
    }
}

/// Built by `just test-binary`.
fn panicking(arch: Arch) -> PathBuf {
    workspace_root().join("target/panics").join(arch.name()).join("panics")
}

/// Runs the program, by an emulator where it has to be.
fn running(program: &Path, arch: Arch) -> Command {
    if Arch::host() == Some(arch) {
        return Command::new(program);
    }
    let mut command = Command::new(system_tool(emulator(arch)));
    command.arg(program);
    command
}

#[test]
fn tarballs_keep_to_their_limit() {
    for arch in Arch::ALL {
        let tarball = Image::at(&workspace_root().join(OUT), arch).tarball;
        let bytes = fs::metadata(&tarball).expect("a tarball: `just plugin-all` makes it").len();
        assert!(bytes <= TARBALL_BYTES_MAX, "{}: {bytes} bytes of {TARBALL_BYTES_MAX}", tarball.display());
    }
}

#[test]
fn panic_says_what_and_where_and_aborts_at_once() {
    for arch in Arch::ALL {
        for variable in [None, Some("0"), Some("1"), Some("full")] {
            let mut command = running(&panicking(arch), arch);
            command.env_remove("RUST_BACKTRACE");
            command.envs(variable.map(|value| ("RUST_BACKTRACE", value)));
            let output = command.output().expect("`just test-binary` builds it");
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(told.contains(" panicked at tests/panics/src/main.rs:"), "{told}");
            assert!(told.contains(":\nso it ends\n"), "{told}");
            assert_eq!(output.status.signal(), Some(SIGABRT), "{arch} RUST_BACKTRACE={variable:?}");
            assert!(output.stdout.is_empty(), "nothing unwound");
        }
    }
}

#[test]
fn nothing_that_reads_debug_information_is_linked() {
    for arch in Arch::ALL {
        for program in [panicking(arch), Image::at(&workspace_root().join(OUT), arch).binary()] {
            // Names of what a reader of DWARF looks for.
            let bytes = fs::read(&program).expect("`just test-binary` builds it");
            for name in [".debug_info", ".debug_line", ".gnu_debuglink", "/usr/lib/debug"] {
                assert!(!holds(&bytes, name), "{} holds {name}", program.display());
            }
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
