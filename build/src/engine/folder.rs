//! The temporary folder of a private engine.
//!
//! Job: a new folder with a path short enough for unix sockets below it, and its removal, together
//! with the control groups that the kernel keeps when a plugin was killed instead of stopped.

use std::io::ErrorKind;
use std::path::Path;

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
        let below =
            |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let root = Path::new("/sys/fs/cgroup");
        for plugin in below(&self.path().join("data/plugins")) {
            let Some(id) = plugin.file_name().filter(|name| name.len() == 64) else { continue };
            // Version 2 has one hierarchy at the root, version 1 one for each controller below it.
            for hierarchy in below(root).chain([root.to_owned()]) {
                let _ = std::fs::remove_dir(hierarchy.join(id));
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
}
