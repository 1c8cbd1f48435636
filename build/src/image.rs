//! Puts an image in place, whole or not at all.
//!
//! Everything is made in a fresh directory beside the destination and renamed into it at the end; a
//! run that fails, at whatever point, leaves the image of the last good run.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use docker_metrics_statsd::config::SETTINGS;

use crate::arch::Arch;
use crate::config_json::Config;
use crate::tarball::{self, Content, Entry};
use crate::{Error, NAME, VERSION, elf, rootfs};

/// The file that engines read first.
pub const CONFIG_JSON: &str = "config.json";

/// Where the parts of an image are, below one output directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The directory that `docker plugin create NAME DIRECTORY` takes.
    pub directory: PathBuf,
    /// What `POST /plugins/create` takes.
    pub tarball: PathBuf,
    /// The tarball's sum, as `sha256sum -c` reads it.
    pub sum: PathBuf,
    /// What is linked into the binary ([`crate::sbom`]).
    pub sbom: PathBuf,
}

impl Image {
    /// The image for `arch` below `out`, whether or not it is there yet.
    #[must_use]
    pub fn at(out: &Path, arch: Arch) -> Self {
        let name = format!("{NAME}-{VERSION}-linux-{arch}");
        let tarball = format!("{name}.tar");
        Self {
            directory: out.join(arch.name()),
            sum: out.join(format!("{tarball}.sha256")),
            tarball: out.join(tarball),
            sbom: out.join(format!("{name}.cdx.json")),
        }
    }

    /// The binary that the image is made of. It stands beside the rootfs as well as in it, and is a
    /// copy: `docker plugin create` would send a hard link, which engines cannot unpack.
    #[must_use]
    pub fn binary(&self) -> PathBuf {
        self.directory.join(NAME)
    }
}

/// Makes the image for `arch` below `out` from the program at `binary` and the `skeleton` of its rootfs.
pub fn assemble(binary: &Path, arch: Arch, skeleton: &Path, out: &Path) -> Result<Image, Error> {
    let program = fs::read(binary).map_err(Error::file("read", binary))?;
    check(binary, &program, arch)?;
    let image = Image::at(out, arch);
    let config = Config::new(SETTINGS).to_json().map_err(|problems| {
        let path = image.directory.join(CONFIG_JSON);
        Error::Config { path, problems }
    })?;
    let mut entries =
        vec![Entry { path: CONFIG_JSON.to_owned(), content: Content::File(config.into_bytes()) }];
    entries.extend(rootfs::entries(skeleton, program.clone())?);
    let archive = tarball::archive(&entries).map_err(Error::file("pack", &image.tarball))?;
    entries.push(Entry { path: NAME.to_owned(), content: Content::Program(program) });

    fs::create_dir_all(out).map_err(Error::file("create", out))?;
    let staging = stage(out)?;
    let staged = Image::at(staging.path(), arch);
    create_directory(&staged.directory)?;
    write_entries(&staged.directory, &entries)?;
    let name = image.tarball.file_name().unwrap_or_default().to_string_lossy();
    write(&staged.sum, tarball::sha256_line(&archive, &name).as_bytes())?;
    write(&staged.tarball, &archive)?;

    rename(&staged.tarball, &image.tarball)?;
    rename(&staged.sum, &image.sum)?;
    let previous = staging.path().join("previous");
    if image.directory.exists() {
        rename(&image.directory, &previous)?;
    }
    rename(&staged.directory, &image.directory)?;
    Ok(image)
}

/// Puts `program` under `name` beside the image for `arch`, if it runs there without any library. The
/// plugin's own is then where [`Image::binary`] says.
pub fn place_binary(program: &Path, name: &str, arch: Arch, out: &Path) -> Result<PathBuf, Error> {
    let bytes = fs::read(program).map_err(Error::file("read", program))?;
    check(program, &bytes, arch)?;
    let directory = Image::at(out, arch).directory;
    fs::create_dir_all(&directory).map_err(Error::file("create", &directory))?;
    let staging = stage(out)?;
    let entry = Entry { path: name.to_owned(), content: Content::Program(bytes) };
    write_entries(staging.path(), &[entry])?;
    let placed = directory.join(name);
    rename(&staging.path().join(name), &placed)?;
    Ok(placed)
}

fn check(path: &Path, program: &[u8], arch: Arch) -> Result<(), Error> {
    elf::check_static(program, arch).map_err(|problem| Error::Binary { path: path.to_owned(), arch, problem })
}

/// A fresh directory in `out`, on the same file system, so that what is in it can be renamed.
fn stage(out: &Path) -> Result<tempfile::TempDir, Error> {
    tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(out)
        .map_err(Error::file("create a directory in", out))
}

/// Writes `entries` with the modes and times that the tarball has, so that an engine gets the same
/// from either.
fn write_entries(directory: &Path, entries: &[Entry]) -> Result<(), Error> {
    for entry in entries {
        let path = directory.join(&entry.path);
        match &entry.content {
            Content::Directory => create_directory(&path)?,
            Content::File(bytes) | Content::Program(bytes) => write(&path, bytes)?,
        }
    }
    // Once nothing is written any more: a new file changes its directory's time.
    for entry in entries {
        let path = directory.join(&entry.path);
        let failed = |source| Error::File { action: "set mode and time of", path: path.clone(), source };
        fs::set_permissions(&path, Permissions::from_mode(entry.content.mode())).map_err(failed)?;
        let times = FileTimes::new().set_modified(tarball::modified());
        File::open(&path).and_then(|file| file.set_times(times)).map_err(failed)?;
    }
    Ok(())
}

fn create_directory(path: &Path) -> Result<(), Error> {
    fs::create_dir(path).map_err(Error::file("create", path))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(Error::file("write", path))
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::file("put in place", to))
}

#[cfg(test)]
mod tests;
