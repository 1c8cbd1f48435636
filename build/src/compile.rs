//! The static binary, by the first way that works on this machine.
//!
//! A scratch rootfs has no C library, so the binary brings musl along. Rust's own musl target is the
//! short way to it; where it cannot be had, Debian's Rust compiles the standard library from its
//! sources and zig brings musl and the linker. `build/setup.sh` installs what either needs. No crate
//! that is linked has C in it, so either way builds for both architectures without a C compiler for them.
//!
//! Same source, same bytes: cargo's directories and the checkout's are replaced in what the compiler
//! records, versions come from `Cargo.lock`, and the user's own `RUSTFLAGS` are not used.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::{env, fmt, fs};

use crate::arch::Arch;
use crate::{Error, image};

/// A way to a static binary. Displayed and parsed as in `STATIC_MUSL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Rust's musl target and the host's linker; for another architecture Rust's own linker.
    Target,
    /// Debian's Rust, the standard library from source, zig as linker.
    Zigbuild,
}

impl Way {
    /// Every way, in the order they are tried.
    pub const ALL: [Self; 2] = [Self::Target, Self::Zigbuild];
}

impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Target => "target",
            Self::Zigbuild => "zigbuild",
        })
    }
}

impl FromStr for Way {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|way| way.to_string() == name).ok_or_else(|| Error::Usage {
            problem: format!("STATIC_MUSL={name:?}: takes target or zigbuild"),
        })
    }
}

/// Where this machine keeps what compiling needs.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The workspace: where cargo runs.
    pub workspace: PathBuf,
    /// Where cargo compiles to.
    pub target_dir: PathBuf,
    /// Where cargo keeps the sources of crates.
    pub cargo_home: PathBuf,
    /// The cargo that started us.
    pub cargo: PathBuf,
    /// The rustc that this cargo would use.
    pub rustc: PathBuf,
}

/// Debian's, whatever comes first on `PATH`.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// The virtual environment with `cargo-zigbuild` and zig, in the workspace.
const PYTHON: &str = "target/tools/python";

/// Read by the linker, which cargo runs in the workspace.
const LINKER_SCRIPT: &str = "build/unwind.ld";

impl Machine {
    /// Reads the current directory, which is the workspace's, and the environment.
    pub fn here() -> Result<Self, Error> {
        let workspace = env::current_dir().map_err(Error::file("find", Path::new(".")))?;
        let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Ok(Self {
            target_dir: workspace.join(path("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())),
            cargo_home: path("CARGO_HOME")
                .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
                .unwrap_or_else(|| workspace.join(".cargo")),
            cargo: path("CARGO").unwrap_or_else(|| "cargo".into()),
            rustc: path("RUSTC").unwrap_or_else(|| "rustc".into()),
            workspace,
        })
    }

    /// What `way` lacks here for `arch`; `None`: nothing.
    fn lack(&self, way: Way, arch: Arch) -> Option<String> {
        match way {
            Way::Target => (!has_standard_library(&self.rustc, arch))
                .then(|| format!("rustc has no standard library for {}", arch.target())),
            Way::Zigbuild => zigbuild_needs().into_iter().find_map(|(file, comes_with)| {
                let missing = !self.workspace.join(&file).exists();
                missing.then(|| format!("{} is missing, it comes with {comes_with}", file.display()))
            }),
        }
    }
}

/// Builds a program of the workspace for `arch` and puts it below `out`; says which way it took. Its
/// package has its name.
///
/// `forced` is the only way tried when there is one.
pub fn binary(
    machine: &Machine,
    program: &str,
    arch: Arch,
    forced: Option<Way>,
    out: &Path,
) -> Result<(Way, PathBuf), Error> {
    let way = choose(machine, arch, forced)?;
    // Before the flags are made: they name the directories that cargo puts sources into.
    let mut fetch = cargo(machine, way);
    run(fetch.args(["fetch", "--locked", "--target", arch.target()]), "fetching the sources")?;
    let target_dir = match way {
        Way::Target => machine.target_dir.clone(),
        // Its own: another compiler's results would be thrown away at every change of way.
        Way::Zigbuild => machine.target_dir.join("zigbuild"),
    };
    run(&mut compile_command(machine, program, arch, way, &target_dir), &format!("compiling {program}"))?;
    let compiled = target_dir.join(arch.target()).join("release").join(program);
    Ok((way, image::place_binary(&compiled, program, arch, out)?))
}

/// What cargo knows of the packages that a program for `arch` is made of, as JSON; without a network, so
/// after [`binary`].
pub fn metadata(machine: &Machine, arch: Arch) -> Result<Vec<u8>, Error> {
    let mut command = Command::new(&machine.cargo);
    command.current_dir(&machine.workspace).stdin(Stdio::null()).stderr(Stdio::inherit());
    command.args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform"]);
    let output = command.arg(arch.target()).output();
    let output = output.map_err(|source| Error::Start { program: machine.cargo.clone(), source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Failed { what: "cargo metadata".to_owned(), status: output.status })
}

/// What has to be there, absolute or in the workspace, and where it comes from.
fn zigbuild_needs() -> [(PathBuf, &'static str); 4] {
    let sources = printed(Command::new(DEBIAN_RUSTC).arg("--print=sysroot"))
        .map_or_else(|| "/usr".into(), PathBuf::from)
        .join("lib/rustlib/src/rust/library/std");
    [
        (DEBIAN_CARGO.into(), "the Debian package cargo-web"),
        (DEBIAN_RUSTC.into(), "the Debian package rustc-web"),
        (sources, "the Debian package rust-web-src"),
        (Path::new(PYTHON).join("bin/cargo-zigbuild"), "cargo-zigbuild from PyPI"),
    ]
}

fn choose(machine: &Machine, arch: Arch, forced: Option<Way>) -> Result<Way, Error> {
    let mut lacking = Vec::new();
    for way in forced.map_or_else(|| Way::ALL.to_vec(), |way| vec![way]) {
        match machine.lack(way, arch) {
            None => return Ok(way),
            Some(lack) => lacking.push((way, lack)),
        }
    }
    Err(Error::NoWay { arch, lacking })
}

fn compile_command(machine: &Machine, program: &str, arch: Arch, way: Way, target_dir: &Path) -> Command {
    let mut command = match way {
        Way::Target => {
            let mut command = cargo(machine, way);
            command.arg("build");
            command
        }
        Way::Zigbuild => zigbuild(machine, target_dir),
    };
    command.args(["--release", "--locked", "--package", program, "--bin", program]);
    command.args(["--target", arch.target(), "--target-dir"]).arg(target_dir);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(machine, way, arch).join(OsStr::new("\x1f")));
    command
}

fn cargo(machine: &Machine, way: Way) -> Command {
    let mut command = match way {
        Way::Target => Command::new(&machine.cargo),
        Way::Zigbuild => Command::new(DEBIAN_CARGO),
    };
    command.current_dir(&machine.workspace);
    if way == Way::Zigbuild {
        // rustup's cargo, which may have started us, points this at its own toolchain.
        command.env_remove("LD_LIBRARY_PATH").env("CARGO", DEBIAN_CARGO).env("RUSTC", DEBIAN_RUSTC);
    }
    command
}

fn zigbuild(machine: &Machine, target_dir: &Path) -> Command {
    let programs = machine.workspace.join(PYTHON).join("bin");
    let mut path = programs.clone().into_os_string();
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    let cache = target_dir.join("cache");
    let mut command = Command::new(programs.join("cargo-zigbuild"));
    command
        .args(["zigbuild", "-Zbuild-std=std,panic_abort"])
        .current_dir(&machine.workspace)
        .env("PATH", path)
        .env_remove("LD_LIBRARY_PATH")
        .env("CARGO", DEBIAN_CARGO)
        .env("RUSTC", DEBIAN_RUSTC)
        // Building the standard library is not stable; with Debian's sources of the same version it is exact.
        .env("RUSTC_BOOTSTRAP", "1")
        // Else below HOME, which may be missing or read-only.
        .env("CARGO_ZIGBUILD_CACHE_DIR", &cache)
        .env("ZIG_GLOBAL_CACHE_DIR", cache.join("zig"))
        .env("ZIG_LOCAL_CACHE_DIR", cache.join("zig"));
    command
}

/// What the compiler is told beyond the profile. Of several prefixes that match, the last one counts.
fn flags(machine: &Machine, way: Way, arch: Arch) -> Vec<OsString> {
    // Not position independent: smaller, and then `file` and both ways agree on "statically linked".
    let mut flags = vec![OsString::from("-Crelocation-model=static")];
    // Relative: with an absolute path the bytes would depend on where the checkout is.
    let through_compiler = format!("-Clink-arg=-Wl,-T,{LINKER_SCRIPT}").into();
    match way {
        Way::Target if Arch::host() == Some(arch) => flags.push(through_compiler),
        // The machine's C compiler, which would run its linker, knows its own architecture alone.
        Way::Target => {
            flags.extend(["-Clinker=rust-lld", "-Clinker-flavor=ld.lld"].map(Into::into));
            flags.push(format!("-Clink-arg=-T{LINKER_SCRIPT}").into());
        }
        Way::Zigbuild => {
            flags.push(through_compiler);
            flags.extend(["-Clink-self-contained=no", "-Ctarget-feature=+crt-static"].map(Into::into));
        }
    }
    let mut replace = |from: &Path, to: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(to);
        flags.push(flag);
    };
    replace(&machine.cargo_home, "/cargo");
    replace(&machine.workspace, "/source");
    // Named after the registry or a mirror of it.
    let sources = fs::read_dir(machine.cargo_home.join("registry/src")).into_iter().flatten().flatten();
    for directory in sources {
        replace(&directory.path(), "/cargo/registry");
    }
    flags
}

fn has_standard_library(rustc: &Path, arch: Arch) -> bool {
    let Some(directory) =
        printed(Command::new(rustc).args(["--print=target-libdir", "--target", arch.target()]))
    else {
        return false;
    };
    let mut files = fs::read_dir(directory).into_iter().flatten().flatten();
    files.any(|file| file.file_name().as_encoded_bytes().starts_with(b"libstd-"))
}

/// The line that a command prints, if it can be run.
fn printed(command: &mut Command) -> Option<String> {
    let output =
        command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| line.trim_end().to_owned())
}

fn run(command: &mut Command, what: &str) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let status = command.stdin(Stdio::null()).status().map_err(|source| Error::Start { program, source })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed { what: what.to_owned(), status })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(directory: &Path) -> Machine {
        Machine {
            workspace: directory.to_owned(),
            target_dir: directory.join("target"),
            cargo_home: directory.join("cargo-home"),
            cargo: "/no/such/cargo".into(),
            rustc: "/no/such/rustc".into(),
        }
    }

    #[test]
    fn machine_without_any_way_is_told_what_each_lacks() {
        let directory = tempfile::tempdir().unwrap();
        let arch = Arch::host().unwrap();
        let error = choose(&machine(directory.path()), arch, None).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("nothing here builds a static binary for {arch}:\n  target: ")),
            "{error}"
        );
        assert!(error.contains("\n  zigbuild: ") && error.contains(" is missing, it comes with "), "{error}");
        assert!(error.ends_with("`sh build/setup.sh build` installs one of them"), "{error}");
    }

    #[test]
    fn forced_way_is_the_only_one_tried() {
        let directory = tempfile::tempdir().unwrap();
        let error = choose(&machine(directory.path()), Arch::Amd64, Some(Way::Zigbuild)).unwrap_err();
        assert!(matches!(error, Error::NoWay { lacking, .. } if lacking.len() == 1));
        assert_eq!("target".parse::<Way>().unwrap(), Way::Target);
        let error = "gcc".parse::<Way>().unwrap_err().to_string();
        assert_eq!(error, "STATIC_MUSL=\"gcc\": takes target or zigbuild (see --help)");
    }

    #[test]
    fn recorded_paths_name_neither_the_checkout_nor_the_home_nor_the_mirror() {
        let directory = tempfile::tempdir().unwrap();
        let machine = machine(directory.path());
        let mirror = machine.cargo_home.join("registry/src/mirror-0123");
        fs::create_dir_all(&mirror).unwrap();
        let flags = flags(&machine, Way::Target, Arch::host().unwrap());
        let flag = |from: &Path, to| format!("--remap-path-prefix={}={to}", from.display());
        assert_eq!(
            flags,
            [
                "-Crelocation-model=static",
                "-Clink-arg=-Wl,-T,build/unwind.ld",
                &flag(&machine.cargo_home, "/cargo"),
                &flag(&machine.workspace, "/source"),
                &flag(&mirror, "/cargo/registry"),
            ]
        );
    }

    #[test]
    fn another_architecture_is_linked_without_its_c_compiler() {
        let directory = tempfile::tempdir().unwrap();
        let other = Arch::ALL.into_iter().find(|arch| Some(*arch) != Arch::host()).unwrap();
        let flags = flags(&machine(directory.path()), Way::Target, other);
        assert_eq!(
            flags[1..4],
            ["-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Clink-arg=-Tbuild/unwind.ld"]
        );
    }
}
