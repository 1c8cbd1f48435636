//! The temporary folder of a private engine.
//!
//! Job: a new folder with a path short enough for unix sockets below it, and its removal, together
//! with the control groups that the kernel keeps when a plugin was killed instead of stopped.

use std::ffi::OsStr;
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::EngineError;

/// A socket's path has at most 107 bytes; the longest below the folder,
/// `exec/containerd/containerd.sock.ttrpc`, takes 38, and engines differ.
const PATH_BYTES_MAX: usize = 40;
/// With the six characters that are added, as long as a name below `TMPDIR` gets.
const NAME_PREFIX: &str = "engine-";

/// A folder that is deleted when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    folder: TempDir,
}

impl Folder {
    /// Makes a new folder that only its owner may enter, in `TMPDIR` unless that is too long.
    pub(super) fn create() -> Result<Self, EngineError> {
        let parent = std::env::temp_dir();
        let too_long = parent.as_os_str().len() + NAME_PREFIX.len() + 7 > PATH_BYTES_MAX;
        let parent = if too_long { Path::new("/tmp") } else { &parent };
        let folder = tempfile::Builder::new().prefix(NAME_PREFIX).tempdir_in(parent);
        let folder = folder.map_err(|source| EngineError::File { path: parent.to_owned(), source })?;
        Ok(Self { folder })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the plugins' control groups, which are named after the plugins.
    ///
    /// runc removes them when a plugin is stopped; there are some left only if the engine was killed.
    pub(super) fn remove_control_groups(&self) {
        for plugin in entries(&self.path().join("data/plugins")) {
            let id = plugin.file_name();
            if id.len() == 64 {
                for group in control_groups(&id) {
                    let _ = std::fs::remove_dir(group);
                }
            }
        }
    }

    /// Deletes the folder and all in it.
    pub(super) fn remove(&self) -> Result<(), EngineError> {
        match std::fs::remove_dir_all(self.path()) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(EngineError::File { path: self.path().to_owned(), source })
            }
            _ => Ok(()),
        }
    }
}

/// The folders of the control groups that have this name.
///
/// Version 2 has one hierarchy, version 1 one for each controller. Where in it an engine's plugins are
/// follows from the group that the engine was started in, which is deep where a login session has one.
#[must_use]
pub fn control_groups(name: &OsStr) -> Vec<PathBuf> {
    folders_named(name, Path::new("/sys/fs/cgroup"))
}

fn folders_named(name: &OsStr, root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut unread = vec![root.to_owned()];
    while let Some(folder) = unread.pop() {
        // The type of a link is not that of what it leads to: every hierarchy is read once.
        for entry in entries(&folder).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let list = if entry.file_name() == name { &mut found } else { &mut unread };
            list.push(entry.path());
        }
    }
    found
}

/// What is in a folder; nothing, if it is gone.
fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    std::fs::read_dir(folder).into_iter().flatten().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_new_short_and_gone_when_dropped() {
        let (one, other) = (Folder::create().unwrap(), Folder::create().unwrap());
        assert_ne!(one.path(), other.path());
        assert!(one.path().as_os_str().len() <= PATH_BYTES_MAX);
        let path = one.path().to_owned();
        std::fs::write(path.join("file"), "").unwrap();
        drop(one);
        assert!(!path.exists());
    }

    #[test]
    fn folders_are_found_at_any_depth_and_once() {
        let folder = Folder::create().unwrap();
        let root = folder.path();
        for path in ["plugin", "cpu/plugin", "user.slice/user-0.slice/plugin", "other"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        std::os::unix::fs::symlink("cpu", root.join("cpuacct")).unwrap();
        std::fs::write(root.join("other/plugin"), "").unwrap();
        let mut found = folders_named("plugin".as_ref(), root);
        found.sort();
        let paths = ["cpu/plugin", "plugin", "user.slice/user-0.slice/plugin"];
        assert_eq!(found, paths.map(|path| root.join(path)));
    }
}
