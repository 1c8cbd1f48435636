//! The plugin's saved state, and what may happen to it: it is torn, it is of another time, its disk is full.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bench::Error;
use bench::inputs::Random;
use docker_metrics_statsd::convert::{Baseline, Snapshot};
use docker_metrics_statsd::state::{AGE_MAX, PATH, StateFile};
use rustix::mount::{MountFlags, mount, mount_remount};

/// What is mounted for the plugin alone: its sockets and its state.
const FOLDER: &str = "/run/docker";
/// Room for the state of a huge scrape that is owed whole, twice.
const FOLDER_BYTES: u64 = 64 * 1024 * 1024;

/// Tells one saved state from another.
pub(crate) type Number = (u64, i64, i64);

/// Makes the plugin's folder on a small disk of its own. Everything below `/run` is hidden from this process and those
/// that it starts, which must not be in the mount namespace of everybody else.
pub(crate) fn prepare() -> Result<(), Error> {
    let own = fs::read_link("/proc/self/ns/mnt");
    let parent = fs::read_link(format!("/proc/{}/ns/mnt", std::os::unix::process::parent_id()));
    if !matches!((own, parent), (Ok(own), Ok(parent)) if own != parent) {
        let advice = "run it as root and in a mount namespace of its own, as `just soak` does";
        return Err(Error::Wrong(format!("this would hide /run from everybody: {advice}")));
    }
    let new = |folder: &str| {
        mount("soak", folder, "tmpfs", MountFlags::empty(), None)
            .map_err(|error| Error::io(format!("mount {folder}"))(error.into()))
    };
    new("/run")?;
    fs::create_dir(FOLDER).map_err(Error::io(format!("make {FOLDER}")))?;
    new(FOLDER)?;
    free()?;
    let plugins = format!("{FOLDER}/plugins");
    fs::create_dir(&plugins).map_err(Error::io(format!("make {plugins}")))
}

/// Which file it is, and when it became that: each save takes the one before the last.
pub(crate) fn number() -> Option<Number> {
    fs::metadata(PATH).ok().map(|metadata| (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
}

/// Removes it, and what was set aside.
pub(crate) fn remove() {
    for path in [PATH.to_owned(), aside()] {
        // It need not be there.
        let _ = fs::remove_file(path);
    }
}

/// Whether a state was set aside since the last removal.
pub(crate) fn was_set_aside() -> bool {
    fs::remove_file(aside()).is_ok()
}

fn aside() -> String {
    format!("{PATH}.bad")
}

/// Cuts it short; says whether there was one.
pub(crate) fn tear(random: &mut Random) -> Result<bool, Error> {
    let Ok(mut bytes) = fs::read(PATH) else { return Ok(false) };
    bytes.truncate(random.below(bytes.len()));
    fs::write(PATH, bytes).map_err(Error::io("tear the state"))?;
    Ok(true)
}

/// Saves it again as a process would have whose clock was wrong by so much; says whether there was one.
pub(crate) fn date(time: SystemTime) -> Result<bool, Error> {
    let mut file = StateFile::new(Path::new(PATH));
    let wrong = |error: &dyn std::fmt::Display| Error::Wrong(format!("cannot date the state: {error}"));
    let Some(baseline) = file.load(SystemTime::now()).map_err(|error| wrong(&error))? else {
        return Ok(false);
    };
    let Baseline { source, key, choice, series } = &baseline;
    let snapshot = Snapshot { source, key: *key, choice: *choice, series };
    file.save(&snapshot, time).map_err(|error| wrong(&error))?;
    Ok(true)
}

/// A time at which a saved state would be of no use, and one that has not come.
pub(crate) fn long_ago() -> SystemTime {
    SystemTime::now() - AGE_MAX - Duration::from_secs(3600)
}

pub(crate) fn tomorrow() -> SystemTime {
    SystemTime::now() + AGE_MAX
}

/// From now on there is no room for a byte more, nor for the next save: what that would be written over goes, too. The
/// plugin has that file open, and its room would be there again when it is closed; so it is held as long as there is
/// to be none.
pub(crate) fn fill() -> Result<Option<File>, Error> {
    let new = format!("{PATH}.new");
    let held = File::open(&new).ok();
    let _ = fs::remove_file(new);
    let disk = rustix::fs::statvfs(FOLDER).map_err(|error| Error::io("look at the disk")(error.into()))?;
    // A size of nothing would be none at all.
    resize((disk.f_blocks - disk.f_bfree).max(1) * disk.f_frsize)?;
    Ok(held)
}

pub(crate) fn free() -> Result<(), Error> {
    resize(FOLDER_BYTES)
}

fn resize(bytes: u64) -> Result<(), Error> {
    mount_remount(FOLDER, MountFlags::empty(), format!("size={bytes}"))
        .map_err(|error| Error::io(format!("give {FOLDER} {bytes} bytes"))(error.into()))
}
