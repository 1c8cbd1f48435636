//! Pure: entries to the bytes of a tar archive, and its sum.
//!
//! Same entries, same bytes: owner, modes and times are constants, and the order is the caller's.
//! The archive is not compressed, because the engine's `/plugins/create` refuses gzip.

use std::fmt::Write as _;
use std::io;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

/// One directory or file of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the image, with `/` between the parts and none at either end.
    pub path: String,
    /// What it is.
    pub content: Content,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory; its entries follow it.
    Directory,
    /// A file with these bytes.
    File(Vec<u8>),
    /// A file that can be executed.
    Program(Vec<u8>),
}

impl Content {
    /// The permission bits: anyone may read and enter, only the owner may write.
    #[must_use]
    pub fn mode(&self) -> u32 {
        match self {
            Self::Directory | Self::Program(_) => 0o755,
            Self::File(_) => 0o644,
        }
    }

    /// The bytes of a file; a directory has none.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Directory => &[],
            Self::File(bytes) | Self::Program(bytes) => bytes,
        }
    }
}

/// When everything was last changed: 2000-01-01T00:00:00Z. Not 0, which some readers warn of.
const MODIFIED_UNIX_S: u64 = 946_684_800;

/// The time of every entry.
#[must_use]
pub fn modified() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED_UNIX_S)
}

/// The archive of `entries`, in their order.
///
/// # Errors
/// A path that a tar header cannot hold.
pub fn archive(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for entry in entries {
        let bytes = entry.content.bytes();
        let mut header = Header::new_ustar();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(MODIFIED_UNIX_S);
        header.set_mode(entry.content.mode());
        header.set_size(bytes.len() as u64);
        if entry.content == Content::Directory {
            header.set_entry_type(EntryType::Directory);
            archive.append_data(&mut header, format!("{}/", entry.path), bytes)?;
        } else {
            header.set_entry_type(EntryType::Regular);
            archive.append_data(&mut header, &entry.path, bytes)?;
        }
    }
    archive.into_inner()
}

/// The bytes' sum, in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The line that `sha256sum -c` reads for a file of these bytes.
#[must_use]
pub fn sha256_line(bytes: &[u8], file_name: &str) -> String {
    format!("{}  {file_name}\n", sha256(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |path: &str, content| Entry { path: path.to_owned(), content };
        vec![
            entry("config.json", Content::File(b"{}\n".to_vec())),
            entry("rootfs", Content::Directory),
            entry("rootfs/program", Content::Program(vec![7; 1000])),
        ]
    }

    #[test]
    fn headers_hold_nothing_of_the_machine_that_wrote_them() {
        let bytes = archive(&entries()).unwrap();
        let mut read = tar::Archive::new(bytes.as_slice());
        let rows: Vec<_> = read
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
                assert_eq!(header.mtime().unwrap(), MODIFIED_UNIX_S);
                assert_eq!(header.username().unwrap().unwrap_or_default(), "");
                let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
                (path, header.entry_type(), header.mode().unwrap(), header.size().unwrap())
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("config.json".to_owned(), EntryType::Regular, 0o644, 3),
                ("rootfs/".to_owned(), EntryType::Directory, 0o755, 0),
                ("rootfs/program".to_owned(), EntryType::Regular, 0o755, 1000),
            ]
        );
    }

    #[test]
    fn same_entries_same_bytes() {
        assert_eq!(archive(&entries()).unwrap(), archive(&entries()).unwrap());
    }

    #[test]
    fn sum_is_in_the_form_that_sha256sum_checks() {
        assert_eq!(
            sha256_line(b"", "a.tar"),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.tar\n"
        );
    }
}
