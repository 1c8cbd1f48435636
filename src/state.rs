//! The baseline kept over restarts, in a file.
//!
//! A plugin is restarted often: by `docker plugin disable` and `enable`, with the engine, by an
//! upgrade. The file lets the next process go on where the last one ended, so that no count is lost or
//! repeated. It is written whole beside the old one, and the two change names, so that it is always one or the
//! other; a file that is torn, too old, or not ours is set aside and never believed in part. There is
//! no fsync: after a crash of the host the engine has started again too, and counts from zero.
//!
//! The old one is what the next state is written over. Making a file and renaming it over another takes ext4
//! longer, because it begins to write to its disk at once (figures: docs/performance.md). Both stay open, but each time
//! what is written over is first seen to be still the file that has its name.

mod format;

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::process::geteuid;

use crate::convert::{Baseline, Snapshot};
use crate::series::{LINES_MAX, OWED_BYTES_MAX};
pub use format::FormatError;

/// Where the plugin keeps it: in its propagated mount, which outlives the rootfs that an upgrade
/// replaces (engines 20.10 to 28).
pub const PATH: &str = "/run/docker/docker-metrics-statsd.state";
/// The largest file read. Whatever can be known and owed fits, so a file that was saved can be loaded.
pub const FILE_BYTES_MAX: usize = 256 << 20;
const _: () = assert!(format::bytes_max(LINES_MAX, OWED_BYTES_MAX) <= FILE_BYTES_MAX);
/// A baseline older than this is of no use: all that happened since would arrive as one spike.
pub const AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Nobody else reads it, and nobody else writes it.
const MODE: u32 = 0o600;

/// Why a file is set aside, or could not be written.
#[derive(Debug)]
pub enum StateError {
    /// It cannot be read or written.
    Io(io::Error),
    /// It is larger than a state can be.
    TooLarge,
    /// It is torn, or not ours.
    Format(FormatError),
    /// It is older than [`AGE_MAX`].
    Stale(Duration),
}

impl fmt::Display for StateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(out),
            Self::TooLarge => write!(out, "it is larger than {FILE_BYTES_MAX} bytes"),
            Self::Format(error) => error.fmt(out),
            Self::Stale(age) => write!(out, "it is {} hours old", age.as_secs() / 3600),
        }
    }
}

impl std::error::Error for StateError {}

/// The file that keeps the baseline.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// The path of what is written over.
    spare_path: PathBuf,
    /// What was at `path` behind the last save, and at `spare_path`; whether it is there still has to be seen.
    current: Option<Open>,
    spare: Option<Open>,
    /// Memory to write from.
    chunk: Vec<u8>,
}

/// A file of ours, which is open.
#[derive(Debug)]
struct Open {
    file: File,
    /// Its file system, and its number there: its own as long as it is open.
    id: (u64, u64),
}

impl Open {
    fn new(file: File, metadata: &Metadata) -> Self {
        Self { file, id: (metadata.dev(), metadata.ino()) }
    }

    fn is(&self, metadata: &Metadata) -> bool {
        self.id == (metadata.dev(), metadata.ino())
    }
}

impl StateFile {
    /// A file that need not be there yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let spare_path = beside(path, "new");
        Self { path: path.to_owned(), spare_path, current: None, spare: None, chunk: Vec::new() }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The baseline that an earlier process left; `None` if there is no file.
    ///
    /// # Errors
    /// The file was of no use and was set aside.
    pub fn load(&self, now: SystemTime) -> Result<Option<Baseline>, StateError> {
        let loaded = self.read(now);
        if loaded.is_err() {
            self.set_aside();
        }
        loaded
    }

    fn read(&self, now: SystemTime) -> Result<Option<Baseline>, StateError> {
        let bytes = match fs::metadata(&self.path) {
            // Reading anything else may never end.
            Ok(metadata) if !metadata.is_file() => return Err(StateError::Format(FormatError::NotOurs)),
            Ok(metadata) if metadata.len() > FILE_BYTES_MAX as u64 => return Err(StateError::TooLarge),
            Ok(_) => fs::read(&self.path).map_err(StateError::Io)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::Io(error)),
        };
        let (saved, baseline) = format::decode(&bytes).map_err(StateError::Format)?;
        match now.duration_since(saved) {
            Ok(age) if age > AGE_MAX => Err(StateError::Stale(age)),
            // A clock that was set back says nothing about age.
            Ok(_) | Err(_) => Ok(Some(baseline)),
        }
    }

    /// Keeps a baseline in place of the one before.
    ///
    /// # Errors
    /// It could not be written; the one before is still there.
    pub fn save(&mut self, snapshot: &Snapshot<'_>, now: SystemTime) -> Result<(), StateError> {
        self.try_save(snapshot, now).map_err(StateError::Io)
    }

    fn try_save(&mut self, snapshot: &Snapshot<'_>, now: SystemTime) -> io::Result<()> {
        let current = self.current.take();
        let (spare, old_bytes) = self.take_spare()?;
        let bytes = format::encode(snapshot, now, &mut self.chunk, &spare.file)?;
        if bytes < old_bytes {
            spare.file.set_len(bytes)?;
        }
        match renameat_with(CWD, &self.spare_path, CWD, &self.path, RenameFlags::EXCHANGE) {
            Ok(()) => self.spare = current,
            // The first time there is nothing to change names with, and a file system may not know how.
            Err(_) => fs::rename(&self.spare_path, &self.path)?,
        }
        self.current = Some(spare);
        Ok(())
    }

    /// The file that is written over, from its beginning, and its length.
    fn take_spare(&mut self) -> io::Result<(Open, u64)> {
        if let Some(mut spare) = self.spare.take()
            && let Ok(metadata) = fs::symlink_metadata(&self.spare_path)
            && spare.is(&metadata)
            && is_ours(&metadata)
        {
            spare.file.rewind()?;
            return Ok((spare, metadata.len()));
        }
        open_spare(&self.spare_path)
    }

    /// Keeps the file from being read again, but for whoever wants to know what was wrong with it.
    pub fn set_aside(&self) {
        // If even that fails, the next save replaces it.
        let _ = fs::rename(&self.path, beside(&self.path, "bad"));
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(suffix);
    path.into()
}

/// The file that is at this path, or a new one, and its length. Any other than one of ours must not lend its mode or
/// its owner to the state.
fn open_spare(path: &Path) -> io::Result<(Open, u64)> {
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    if let Ok(file) = OpenOptions::new().write(true).custom_flags(no_link).open(path) {
        let metadata = file.metadata()?;
        if is_ours(&metadata) {
            return Ok((Open::new(file, &metadata), metadata.len()));
        }
    }
    let _ = fs::remove_file(path);
    let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    let metadata = file.metadata()?;
    Ok((Open::new(file, &metadata), 0))
}

fn is_ours(metadata: &Metadata) -> bool {
    let (owner, mode, links) = (metadata.uid(), metadata.mode() & 0o7777, metadata.nlink());
    metadata.is_file() && owner == geteuid().as_raw() && mode == MODE && links == 1
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::format::tests::{assert_same, baseline, snapshot};
    use super::*;
    use crate::decimal::Decimal;

    fn file(folder: &tempfile::TempDir) -> StateFile {
        StateFile::new(&folder.path().join("state"))
    }

    #[test]
    fn what_was_saved_is_loaded_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&folder);
        let now = SystemTime::now();
        assert!(file.load(now).unwrap().is_none());
        // A shorter one over a longer one, too.
        for baseline in [baseline(), baseline(), Baseline::default(), Baseline::default(), baseline()] {
            file.save(&snapshot(&baseline), now).unwrap();
            assert_same(&file.load(now).unwrap().unwrap(), &baseline);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn two_files_change_names_and_no_other_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&folder);
        let inodes: Vec<_> = (0..5)
            .map(|_| {
                file.save(&snapshot(&baseline()), SystemTime::now()).unwrap();
                fs::metadata(file.path()).unwrap().ino()
            })
            .collect();
        let &[_, second, third, fourth, fifth] = inodes.as_slice() else { panic!("{inodes:?}") };
        assert_ne!(second, third);
        assert_eq!((second, third), (fourth, fifth));
    }

    #[test]
    fn a_file_that_is_not_like_ours_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&folder);
        let (spare, other) = (file.spare_path.clone(), folder.path().join("other"));
        let make = |mode| {
            fs::write(&other, "other").unwrap();
            fs::set_permissions(&other, fs::Permissions::from_mode(mode)).unwrap();
        };
        for (what, place) in [
            ("a link", &(|| std::os::unix::fs::symlink(&other, &spare)) as &dyn Fn() -> io::Result<()>),
            ("a second name", &|| fs::hard_link(&other, &spare)),
            ("one that others may read", &|| fs::copy(&other, &spare).map(drop)),
        ] {
            make(if what.starts_with("one") { 0o644 } else { MODE });
            place().unwrap();
            file.save(&snapshot(&baseline()), SystemTime::now()).unwrap();
            assert_same(&file.load(SystemTime::now()).unwrap().unwrap(), &baseline());
            assert_eq!(fs::read(&other).unwrap(), b"other", "{what}");
            let metadata = fs::symlink_metadata(file.path()).unwrap();
            assert_eq!(
                (metadata.mode() & 0o7777, metadata.is_file(), metadata.nlink()),
                (MODE, true, 1),
                "{what}"
            );
            fs::remove_file(&spare).unwrap_or_default();
        }
    }

    /// Does something to the files of a state.
    type Happening<'a> = &'a dyn Fn(&Path, &Path) -> io::Result<()>;

    #[test]
    fn what_stays_open_is_written_over_only_where_it_has_its_name_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        let now = SystemTime::now();
        let old = Baseline::default();
        let read = |mut file: File| {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut file, &mut bytes).map(|_| bytes).unwrap()
        };
        let happenings: [(&str, Happening<'_>); 8] = [
            ("nothing", &|_, _| Ok(())),
            ("the spare is removed", &|_, spare| fs::remove_file(spare)),
            ("the state is removed", &|path, _| fs::remove_file(path)),
            ("both are", &|path, spare| fs::remove_file(spare).and_then(|()| fs::remove_file(path))),
            ("the spare has another name, too", &|_, spare| fs::hard_link(spare, &other)),
            ("the spare has another name", &|_, spare| fs::rename(spare, &other)),
            ("others may read it", &|_, spare| fs::set_permissions(spare, fs::Permissions::from_mode(0o644))),
            ("another process has saved", &|path, _| {
                StateFile::new(path).save(&snapshot(&old), now).map_err(io::Error::other)
            }),
        ];
        for (what, happens) in happenings {
            let mut file = file(&folder);
            (0..3).for_each(|_| file.save(&snapshot(&old), now).unwrap());
            assert!(file.spare.is_some(), "{what}");
            happens(&file.path, &file.spare_path).unwrap();
            let before = fs::read(&other).ok();
            for _ in 0..3 {
                let state = File::open(&file.path).ok();
                let text = fs::read(&file.path).ok();
                file.save(&snapshot(&baseline()), now).unwrap();
                assert_eq!(state.map(read), text, "{what}");
                assert_same(&file.load(now).unwrap().unwrap(), &baseline());
                assert_eq!(fs::metadata(&file.path).unwrap().mode() & 0o7777, MODE, "{what}");
                assert_eq!(fs::read(&other).ok(), before, "{what}");
            }
            let _ = fs::remove_file(&other);
        }
    }

    #[test]
    fn a_torn_a_foreign_and_a_stale_file_are_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&folder);
        let now = SystemTime::now();
        file.save(&snapshot(&baseline()), now).unwrap();
        let whole = fs::read(file.path()).unwrap();
        let later = now + AGE_MAX + Duration::from_secs(1);
        for (bytes, now, problem) in [
            (&whole[..whole.len() / 2], now, "it is torn"),
            (b"something else\n", now, "it is not a state of this program"),
            (b"", now, "it is not a state of this program"),
            (&whole, later, "it is 24 hours old"),
        ] {
            fs::write(file.path(), bytes).unwrap();
            assert_eq!(file.load(now).unwrap_err().to_string(), problem);
            assert!(file.load(now).unwrap().is_none(), "it is said once");
            assert_eq!(fs::read(beside(file.path(), "bad")).unwrap(), bytes);
        }
    }

    #[test]
    fn as_much_as_can_be_owed_is_saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&folder);
        let mut full = Baseline::default();
        let text = vec![b'x'; OWED_BYTES_MAX / 4];
        (0..5).for_each(|identity| full.series.owe(identity, Decimal::whole_number(1), &text));
        assert_eq!(full.series.take_lost(), 2);
        let now = SystemTime::now();
        file.save(&snapshot(&full), now).unwrap();
        assert_same(&file.load(now).unwrap().unwrap(), &full);
    }

    #[test]
    fn a_file_beyond_the_limit_is_set_aside_unread() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        for (bytes, problem) in [
            (FILE_BYTES_MAX, "it is not a state of this program"),
            (FILE_BYTES_MAX + 1, "it is larger than 268435456 bytes"),
        ] {
            // Of holes, which take no room.
            fs::File::create(file.path()).unwrap().set_len(bytes as u64).unwrap();
            assert_eq!(file.load(SystemTime::now()).unwrap_err().to_string(), problem);
            assert!(!file.path().exists());
        }
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        let refuse = || {
            let error = file.load(SystemTime::now()).unwrap_err();
            assert_eq!(error.to_string(), "it is not a state of this program");
            assert!(fs::symlink_metadata(file.path()).is_err(), "it was set aside");
        };
        // What never ends, and what cannot be opened.
        std::os::unix::fs::symlink("/dev/zero", file.path()).unwrap();
        refuse();
        let _socket = std::os::unix::net::UnixListener::bind(file.path()).unwrap();
        refuse();
    }

    #[test]
    fn a_state_from_the_future_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&folder);
        let now = SystemTime::now();
        file.save(&snapshot(&baseline()), now + AGE_MAX).unwrap();
        assert!(file.load(now).unwrap().is_some());
    }

    #[test]
    fn a_save_that_fails_leaves_the_state_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&folder);
        let now = SystemTime::now();
        file.save(&snapshot(&baseline()), now).unwrap();
        fs::create_dir(file.spare_path.clone()).unwrap();
        assert!(file.save(&snapshot(&Baseline::default()), now).is_err());
        assert_same(&file.load(now).unwrap().unwrap(), &baseline());
    }
}
