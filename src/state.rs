//! The baseline kept over restarts, in a file.
//!
//! A plugin is restarted often: by `docker plugin disable` and `enable`, with the engine, by an
//! upgrade. The file lets the next process go on where the last one ended, so that no count is lost or
//! repeated. It is written whole beside the old one and renamed, so that it is always one or the
//! other; a file that is torn, too old, or not ours is set aside and never believed in part. There is
//! no fsync: after a crash of the host the engine has started again too, and counts from zero.

mod format;

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

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
}

impl StateFile {
    /// A file that need not be there yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
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
    pub fn save(&self, snapshot: &Snapshot<'_>, now: SystemTime) -> Result<(), StateError> {
        let new = self.beside("new");
        // A file that an unfinished write left must not lend its mode or its owner to this one.
        let _ = fs::remove_file(&new);
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&new).map_err(StateError::Io)?;
        format::encode(snapshot, now, file)
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(StateError::Io)
    }

    /// Keeps the file from being read again, but for whoever wants to know what was wrong with it.
    pub fn set_aside(&self) {
        // If even that fails, the next save replaces it.
        let _ = fs::rename(&self.path, self.beside("bad"));
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".");
        path.push(suffix);
        path.into()
    }
}

#[cfg(test)]
mod tests {
    use super::format::tests::{assert_same, baseline, snapshot};
    use super::*;
    use crate::decimal::Decimal;

    fn file(folder: &tempfile::TempDir) -> StateFile {
        StateFile::new(&folder.path().join("state"))
    }

    #[test]
    fn what_was_saved_is_loaded_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        let now = SystemTime::now();
        assert!(file.load(now).unwrap().is_none());
        for _ in 0..2 {
            file.save(&snapshot(&baseline()), now).unwrap();
            assert_same(&file.load(now).unwrap().unwrap(), &baseline());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_torn_a_foreign_and_a_stale_file_are_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
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
            assert_eq!(fs::read(file.beside("bad")).unwrap(), bytes);
        }
    }

    #[test]
    fn as_much_as_can_be_owed_is_saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
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
        let file = file(&folder);
        let now = SystemTime::now();
        file.save(&snapshot(&baseline()), now + AGE_MAX).unwrap();
        assert!(file.load(now).unwrap().is_some());
    }

    #[test]
    fn a_save_that_fails_leaves_the_state_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        let now = SystemTime::now();
        file.save(&snapshot(&baseline()), now).unwrap();
        fs::create_dir(file.beside("new")).unwrap();
        assert!(file.save(&snapshot(&Baseline::default()), now).is_err());
        assert_same(&file.load(now).unwrap().unwrap(), &baseline());
    }
}
