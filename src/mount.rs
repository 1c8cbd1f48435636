//! The plugin's only mount: the host's directory that holds a StatsD server's socket.
//!
//! A mount cannot be optional, so this one has a default that every host has and that stands for none.
//! `docker plugin upgrade` goes back to it without a word, while `docker plugin inspect` goes on to
//! show what was set (engines 20.10 to 28): from inside of the plugin it can be told apart.

use std::path::Path;

use crate::config::StatsdAddr;

/// Its name, with which its source is set.
pub const NAME: &str = "datadog_socket";
/// Where it is in the plugin.
pub const DESTINATION: &str = "/var/run/datadog";
/// What is mounted if nobody has set it. It is visible in a plugin anyway.
pub const DEFAULT_SOURCE: &str = "/sys/module";
/// The kind of file system that this is a part of, and no socket can be in: sysfs (statfs(2)).
const DEFAULT_KIND: i64 = 0x6265_6572;
/// What is wrong when [`is_missing`] says so.
pub const PROBLEM: &str = "the mount datadog_socket is not set (docker plugin upgrade drops it)";
/// What a person can do about it.
pub const ADVICE: &str = "docker plugin disable docker-metrics-statsd; docker plugin set docker-metrics-statsd \
                          datadog_socket.source=/var/run/datadog; docker plugin enable docker-metrics-statsd";

/// Whether the address is a socket in the mount, and the mount is not set.
#[must_use]
pub fn is_missing(address: &StatsdAddr) -> bool {
    let is_inside = address.path().is_some_and(|path| path.starts_with(DESTINATION));
    is_inside && is_default(Path::new(DESTINATION))
}

fn is_default(mounted: &Path) -> bool {
    rustix::fs::statfs(mounted).is_ok_and(|system| system.f_type == DEFAULT_KIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_known_by_its_file_system() {
        assert!(is_default(Path::new(DEFAULT_SOURCE)));
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_default(folder.path()));
        assert!(!is_default(Path::new("/proc")));
        assert!(!is_default(&folder.path().join("none")));
    }

    #[test]
    fn the_messages_name_the_mount() {
        assert!(PROBLEM.contains(NAME) && ADVICE.contains(NAME) && ADVICE.contains(DESTINATION));
    }
}
