//! The rootfs of the image: the tracked skeleton and the plugin's binary, nothing else.
//!
//! Git keeps neither empty directories nor exact modes, so a `.keep` file stands for an empty
//! directory and is left out, and of a file's mode only "its owner may execute it" is taken over.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::tarball::{Content, Entry};
use crate::{Error, NAME};

/// The directory of the rootfs in an image.
pub const ROOTFS: &str = "rootfs";
/// Keeps a directory of the skeleton in Git; not part of an image.
const KEEP: &str = ".keep";
/// More levels than any skeleton has; a loop of mounts ends here.
const DEPTH_MAX: usize = 16;

/// The entries of the rootfs, sorted by path: `skeleton` with `binary` in it.
pub fn entries(skeleton: &Path, binary: Vec<u8>) -> Result<Vec<Entry>, Error> {
    let mut entries = vec![Entry { path: ROOTFS.to_owned(), content: Content::Directory }];
    read_directory(skeleton, ROOTFS, DEPTH_MAX, &mut entries)?;
    let path = format!("{ROOTFS}/{NAME}");
    if entries.iter().any(|entry| entry.path == path) {
        let problem = "takes the binary's place; remove it from the skeleton";
        return Err(Error::Skeleton { path: skeleton.join(NAME), problem });
    }
    entries.push(Entry { path, content: Content::Program(binary) });
    // Part by part, so that a directory is followed by what it holds.
    entries.sort_by(|left, right| left.path.split('/').cmp(right.path.split('/')));
    Ok(entries)
}

fn read_directory(from: &Path, to: &str, depth: usize, entries: &mut Vec<Entry>) -> Result<(), Error> {
    for item in fs::read_dir(from).map_err(Error::file("read", from))? {
        let item = item.map_err(Error::file("read", from))?;
        let source = item.path();
        let refuse = |problem| Err(Error::Skeleton { path: source.clone(), problem });
        let Ok(name) = item.file_name().into_string() else {
            return refuse("its name is not UTF-8; rename it");
        };
        if name == KEEP {
            continue;
        }
        let path = format!("{to}/{name}");
        let kind = item.file_type().map_err(Error::file("read", &source))?;
        if kind.is_dir() {
            if depth == 0 {
                return refuse("nested too deep");
            }
            entries.push(Entry { path: path.clone(), content: Content::Directory });
            read_directory(&source, &path, depth - 1, entries)?;
        } else if kind.is_file() {
            entries.push(Entry { path, content: read_file(&source)? });
        } else {
            return refuse("neither a file nor a directory; an image holds only those");
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Content, Error> {
    let bytes = fs::read(path).map_err(Error::file("read", path))?;
    let mode = fs::metadata(path).map_err(Error::file("read", path))?.permissions().mode();
    Ok(if mode & 0o100 == 0 { Content::File(bytes) } else { Content::Program(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton() -> tempfile::TempDir {
        let skeleton = tempfile::tempdir().unwrap();
        fs::create_dir_all(skeleton.path().join("run/docker")).unwrap();
        fs::write(skeleton.path().join("run/docker/.keep"), "").unwrap();
        fs::write(skeleton.path().join("run-me"), "x").unwrap();
        skeleton
    }

    #[test]
    fn rootfs_is_the_skeleton_and_the_binary_sorted() {
        let skeleton = skeleton();
        let entries = entries(skeleton.path(), vec![1]).unwrap();
        let paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(
            paths,
            ["rootfs", "rootfs/docker-metrics-statsd", "rootfs/run", "rootfs/run/docker", "rootfs/run-me"]
        );
        assert_eq!(entries[1].content, Content::Program(vec![1]));
        assert_eq!(entries[4].content, Content::File(b"x".to_vec()));
    }

    #[test]
    fn symbolic_link_is_refused() {
        let skeleton = skeleton();
        std::os::unix::fs::symlink("/etc/shadow", skeleton.path().join("link")).unwrap();
        let error = entries(skeleton.path(), vec![]).unwrap_err().to_string();
        assert!(
            error.ends_with("link: neither a file nor a directory; an image holds only those"),
            "{error}"
        );
    }

    #[test]
    fn skeleton_cannot_bring_the_binary() {
        let skeleton = skeleton();
        fs::write(skeleton.path().join(NAME), "x").unwrap();
        let error = entries(skeleton.path(), vec![]).unwrap_err().to_string();
        assert!(error.contains("takes the binary's place"), "{error}");
    }

    #[test]
    fn missing_skeleton_is_named() {
        let error = entries(Path::new("/no/such"), vec![]).unwrap_err().to_string();
        assert!(error.starts_with("cannot read /no/such: "), "{error}");
    }
}
