//! The commands and their exit codes: 0 done, 1 refused or failed, 2 a wrong command line.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use lexopt::{Arg, Parser, ValueExt as _};

use crate::arch::Arch;
use crate::compile::{self, Machine};
use crate::config_json::Config;
use crate::image::{self, Image};
use crate::push::bundle::Bundle;
use crate::push::progress::Step;
use crate::push::{self, Reference};
use crate::{Error, NAME, VERSION, everywhere, sbom, swarm};

const HELP: &str = "\
Makes the plugin out of the source. Run it in the directory of the workspace.

plugin-builder binary --arch ARCH [--out DIR] [--program NAME]
    Compiles the static binary DIR/ARCH/docker-metrics-statsd, or another program of the workspace.
    STATIC_MUSL=target takes Rust's musl target, STATIC_MUSL=zigbuild Debian's Rust and zig; unset
    takes the first that works.
plugin-builder image --arch ARCH [--out DIR] [--binary FILE] [--rootfs DIR]
    Makes DIR/ARCH/config.json, DIR/ARCH/rootfs and DIR/docker-metrics-statsd-VERSION-linux-ARCH.tar
    with its .sha256. The rootfs is the skeleton (rootfs) and the binary (the one made above).
plugin-builder sbom --arch ARCH [--out DIR]
    Makes DIR/docker-metrics-statsd-VERSION-linux-ARCH.cdx.json: the crates that are linked into the
    plugin, with their licences and sums (CycloneDX), from what cargo knows without a network.
plugin-builder push [--arch ARCH]... [--out DIR] REF...
    Pushes what `image` has made to registries, without an engine: REF-amd64 and REF-arm64 (an engine cannot
    choose by itself), and REF itself is amd64. REF is [HOST[:PORT]/]PATH[:TAG], as the docker client takes it,
    and the credentials are those of `docker login`. Prints each reference with its digest, which is the same
    for the same source.
plugin-builder check FILE
    Refuses a config.json that an engine would take and then not start, scrape or set.
plugin-builder demo-engine [--seconds N]
    Runs the plugin in a real Docker Engine and shows the metrics that arrive.
plugin-builder swarm create|update|rollback|set|rm|status ...
    Runs the plugin on every node of a swarm; `swarm --help` says more.
plugin-builder install-everywhere REF [SETTING=VALUE...] --host HOST...
    Installs or upgrades the plugin on each of these engines; its --help says more.

ARCH is amd64 or arm64; --out is target/plugin unless given.
";

/// Runs one command; `args` begins with the program's own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(Parser::from_iter(args)).and_then(execute) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(if matches!(error, Error::Usage { .. }) { 2 } else { 1 })
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Binary { arch: Arch, out: PathBuf, program: String },
    Image { arch: Arch, out: PathBuf, binary: PathBuf, skeleton: PathBuf },
    Sbom { arch: Arch, out: PathBuf },
    Push { archs: Vec<Arch>, out: PathBuf, references: Vec<Reference> },
    Check { file: PathBuf },
    DemoEngine { args: Vec<OsString> },
    Swarm(swarm::Arguments),
    Everywhere(everywhere::Arguments),
    Help(&'static str),
    Version,
}

fn parse(mut args: Parser) -> Result<Command, Error> {
    match args.next()? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => Ok(Command::Help(HELP)),
        Some(Arg::Long("version") | Arg::Short('V')) => Ok(Command::Version),
        Some(Arg::Value(command)) => match command.to_str() {
            Some("binary") => parse_binary(args),
            Some("image") => parse_image(args),
            Some("sbom") => parse_sbom(args),
            Some("push") => parse_push(args),
            Some("check") => parse_check(args),
            Some("swarm") => {
                Ok(swarm::Arguments::parse(args)?.map_or(Command::Help(swarm::HELP), Command::Swarm))
            }
            Some("install-everywhere") => Ok(everywhere::Arguments::parse(args)?
                .map_or(Command::Help(everywhere::HELP), Command::Everywhere)),
            Some("demo-engine") => Ok(Command::DemoEngine { args: args.raw_args()?.collect() }),
            _ => Err(Error::Usage { problem: format!("unknown command {:?}", command.to_string_lossy()) }),
        },
        Some(other) => Err(other.unexpected().into()),
    }
}

fn parse_binary(mut args: Parser) -> Result<Command, Error> {
    let (mut arch, mut out, mut program) = (None, default_out(), NAME.to_owned());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("arch") => arch = Some(args.value()?.string()?.parse()?),
            Arg::Long("out") => out = args.value()?.into(),
            Arg::Long("program") => program = args.value()?.string()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Binary { arch: required(arch, "--arch")?, out, program })
}

fn parse_image(mut args: Parser) -> Result<Command, Error> {
    let (mut arch, mut out, mut binary, mut skeleton) = (None, default_out(), None, "rootfs".into());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("arch") => arch = Some(args.value()?.string()?.parse()?),
            Arg::Long("out") => out = args.value()?.into(),
            Arg::Long("binary") => binary = Some(args.value()?.into()),
            Arg::Long("rootfs") => skeleton = args.value()?.into(),
            other => return Err(other.unexpected().into()),
        }
    }
    let arch = required(arch, "--arch")?;
    let binary = binary.unwrap_or_else(|| Image::at(&out, arch).binary());
    Ok(Command::Image { arch, out, binary, skeleton })
}

fn parse_sbom(mut args: Parser) -> Result<Command, Error> {
    let (mut arch, mut out) = (None, default_out());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("arch") => arch = Some(args.value()?.string()?.parse()?),
            Arg::Long("out") => out = args.value()?.into(),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Sbom { arch: required(arch, "--arch")?, out })
}

fn parse_push(mut args: Parser) -> Result<Command, Error> {
    let (mut archs, mut out, mut references) = (Vec::new(), default_out(), Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("arch") => archs.push(args.value()?.string()?.parse()?),
            Arg::Long("out") => out = args.value()?.into(),
            Arg::Value(text) => {
                let text = text.string()?;
                let refused = |problem| Error::Usage { problem: format!("push: {text:?} {problem}") };
                references.push(Reference::parse(&text).map_err(refused)?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if references.is_empty() {
        return Err(Error::Usage { problem: "push: takes at least one reference".to_owned() });
    }
    if archs.is_empty() {
        archs.extend(Arch::ALL);
    }
    Ok(Command::Push { archs, out, references })
}

fn parse_check(mut args: Parser) -> Result<Command, Error> {
    let file = args.value().map_err(|_| Error::Usage { problem: "check: takes a file".to_owned() })?;
    match args.next()? {
        None => Ok(Command::Check { file: file.into() }),
        Some(other) => Err(other.unexpected().into()),
    }
}

fn default_out() -> PathBuf {
    "target/plugin".into()
}

fn required<T>(value: Option<T>, option: &str) -> Result<T, Error> {
    value.ok_or_else(|| Error::Usage { problem: format!("{option} is missing") })
}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage { problem: error.to_string() }
    }
}

fn execute(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Binary { arch, out, program } => {
            let forced = env::var("STATIC_MUSL").ok().filter(|way| !way.is_empty());
            let forced = forced.map(|way| way.parse()).transpose()?;
            let (way, binary) = compile::binary(&Machine::here()?, &program, arch, forced, &out)?;
            say(&format!("{}: static, built by way of {way}\n", binary.display()));
        }
        Command::Image { arch, out, binary, skeleton } => {
            let image = image::assemble(&binary, arch, &skeleton, &out)?;
            say(&format!(
                "{}\n{}\n{}\n",
                image.directory.display(),
                image.tarball.display(),
                image.sum.display()
            ));
        }
        Command::Sbom { arch, out } => {
            let machine = Machine::here()?;
            let metadata = compile::metadata(&machine, arch)?;
            let lock = machine.workspace.join("Cargo.lock");
            let lock = fs::read_to_string(&lock).map_err(Error::file("read", &lock))?;
            let document = sbom::document(NAME, &metadata, &lock).map_err(Error::Sbom)?;
            let path = Image::at(&out, arch).sbom;
            fs::create_dir_all(&out).map_err(Error::file("create", &out))?;
            fs::write(&path, document).map_err(Error::file("write", &path))?;
            say(&format!("{}\n", path.display()));
        }
        Command::Push { archs, out, references } => push(&archs, &out, &references)?,
        Command::Check { file } => {
            let text = fs::read(&file).map_err(Error::file("read", &file))?;
            Config::parse(&text).map_err(|problems| Error::Config { path: file, problems })?;
        }
        Command::DemoEngine { args } => return Ok(crate::demo::run(args)),
        Command::Swarm(arguments) => swarm::run(&arguments, &mut say).map_err(Error::Swarm)?,
        Command::Everywhere(arguments) => match everywhere::run(&arguments, &mut say) {
            0 => {}
            failures => return Err(Error::Everywhere { failures }),
        },
        Command::Help(text) => say(text),
        Command::Version => say(&format!("plugin-builder {VERSION}\n")),
    }
    Ok(ExitCode::SUCCESS)
}

fn push(archs: &[Arch], out: &Path, references: &[Reference]) -> Result<(), Error> {
    let bundles = archs.iter().map(|arch| {
        let tarball = Image::at(out, *arch).tarball;
        let bytes = fs::read(&tarball).map_err(Error::file("read", &tarball))?;
        Ok((*arch, Bundle::of(&bytes).map_err(Error::file("push", &tarball))?))
    });
    let bundles = bundles.collect::<Result<Vec<_>, Error>>()?;
    let is_terminal = io::stderr().is_terminal();
    let mut tell = |step: Step| {
        hint(&step.hint(is_terminal));
        if let Step::Tagged { reference } = step {
            say(&format!("{reference}\n"));
        }
    };
    push::push(&bundles, references, &mut tell).map_err(Error::Push)
}

#[expect(clippy::print_stdout, reason = "what a command has made is its output")]
fn say(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "what goes on is no output")]
fn hint(text: &str) {
    eprint!("{text}");
}

#[expect(clippy::print_stderr, reason = "a command line tool complains on standard error")]
fn complain(error: &Error) {
    eprintln!("plugin-builder: {error}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Command, String> {
        let args = ["plugin-builder"].iter().chain(args).map(OsString::from);
        parse(Parser::from_iter(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn image_takes_the_binary_that_was_built_unless_told() {
        let image = |binary: &str, out: &str| Command::Image {
            arch: Arch::Amd64,
            out: out.into(),
            binary: binary.into(),
            skeleton: "rootfs".into(),
        };
        let built = "target/plugin/amd64/docker-metrics-statsd";
        assert_eq!(parsed(&["image", "--arch", "amd64"]), Ok(image(built, "target/plugin")));
        assert_eq!(parsed(&["image", "--arch=amd64", "--out=o", "--binary=b"]), Ok(image("b", "o")));
    }

    #[test]
    fn wrong_command_lines_say_what_is_wrong() {
        let rows: [(&[&str], &str); 9] = [
            (&["image"], "--arch is missing (see --help)"),
            (&["binary", "--arch", "mips"], "--arch \"mips\": takes amd64 or arm64 (see --help)"),
            (&["check"], "check: takes a file (see --help)"),
            (&["check", "a", "b"], "unexpected argument \"b\" (see --help)"),
            (&["push"], "push: takes at least one reference (see --help)"),
            (
                &["push", "a.example/a:"],
                "push: \"a.example/a:\" has a tag of other than letters, digits, _ . and -, or of more than 122 of them (see --help)",
            ),
            (&["push", "--arch"], "missing argument for option '--arch' (see --help)"),
            (&["bake"], "unknown command \"bake\" (see --help)"),
            (&["--fast"], "invalid option '--fast' (see --help)"),
        ];
        for (args, message) in rows {
            assert_eq!(parsed(args), Err(message.to_owned()), "{args:?}");
        }
    }

    #[test]
    fn push_takes_both_architectures_unless_told() {
        let push = |archs: &[Arch], texts: &[&str]| Command::Push {
            archs: archs.to_vec(),
            out: default_out(),
            references: texts.iter().map(|text| Reference::parse(text).unwrap()).collect(),
        };
        assert_eq!(
            parsed(&["push", "a.example/a", "b.example/b:1"]),
            Ok(push(&Arch::ALL, &["a.example/a", "b.example/b:1"]))
        );
        assert_eq!(
            parsed(&["push", "--arch=arm64", "a.example/a"]),
            Ok(push(&[Arch::Arm64], &["a.example/a"]))
        );
    }

    #[test]
    fn demo_gets_its_own_arguments() {
        let args = vec!["--seconds".into(), "5".into()];
        assert_eq!(parsed(&["demo-engine", "--seconds", "5"]), Ok(Command::DemoEngine { args }));
    }
}
