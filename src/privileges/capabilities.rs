//! Capabilities: all of them, in every set, and the ways to new ones.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};

use super::Kept;

/// Leaves this thread, and those that it will start, without any.
pub(super) fn give_up() -> Result<(), Kept> {
    all().map_err(|errno| Kept::Failed(errno.into()))
}

fn all() -> rustix::io::Result<()> {
    set_no_new_privs(true)?;
    for number in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // Past the kernel's last one. Or this is a plain user's process: it has no right to do this,
            // and no need, for the bounding set only limits what running a program would give.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(errno) => return Err(errno),
        }
    }
    match clear_ambient_capability_set() {
        // Before Linux 4.3 there is no such set.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(errno),
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of this thread's status that these begin.
    fn status(names: &[&str]) -> Vec<String> {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let lines = status.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
        lines.map(|line| line.split_whitespace().last().unwrap().to_owned()).collect()
    }

    #[test]
    fn none_are_left_and_none_can_come_back() {
        std::thread::spawn(|| {
            let is_root = rustix::process::geteuid().is_root();
            all().unwrap();
            assert_eq!(status(&["CapInh", "CapPrm", "CapEff", "CapAmb"]), ["0000000000000000"; 4]);
            assert_eq!(status(&["NoNewPrivs"]), ["1"]);
            if is_root {
                assert_eq!(status(&["CapBnd"]), ["0000000000000000"]);
            }
            all().expect("twice is as good as once");
        })
        .join()
        .unwrap();
    }
}
