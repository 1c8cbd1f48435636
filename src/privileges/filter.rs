//! System calls: those that the static binary makes, by seccomp(2), and no others.
//!
//! A call that is not on the list is answered like one that the kernel does not have (`ENOSYS`). Libraries
//! are written for that answer and make an older call in its place; where they have none, the error says
//! "Function not implemented", in the log or in what `check` says, and the process goes on. Ending the
//! process instead would turn a call that a library makes in a rare case into an endless restart.
//!
//! The list holds what Rust's standard library, musl, async-io and signal-hook make of this program: found
//! by tracing the static binary in the tests of `tests/it` (`strace -f`, no `ENOSYS`), and by reading what
//! musl does on arm64 and when a process aborts. On arm64 an emulator runs the plugin, without the filter,
//! and what it calls is held against the list (`tests/binary`).

mod program;

use std::io;

use libc::{c_int, c_long};
use seccompiler::{Error, apply_filter};

use super::Kept;
use program::{Call, Only, program};

/// Calls with any arguments.
const ALWAYS: &[c_long] = &[
    // What is open.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_getdents64,
    // Files: Landlock says which.
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_ftruncate,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    // Sockets.
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_shutdown,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    // Waiting.
    libc::SYS_ppoll,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_restart_syscall,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads, signals, the end.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_geteuid,
    libc::SYS_tkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getrandom,
];

/// The older calls that musl makes where the kernel has them.
#[cfg(target_arch = "x86_64")]
const OF_THIS_MACHINE: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
];
#[cfg(not(target_arch = "x86_64"))]
const OF_THIS_MACHINE: &[c_long] = &[];

/// A thread, and the new namespaces that one could be in.
const CLONE: c_int = libc::CLONE_THREAD
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;
const THREAD: u32 = libc::CLONE_THREAD.cast_unsigned();
const UNIX: u32 = libc::AF_UNIX.cast_unsigned();
const INET: u32 = libc::AF_INET.cast_unsigned();
const INET6: u32 = libc::AF_INET6.cast_unsigned();
const EXEC: u32 = libc::PROT_EXEC.cast_unsigned();
const SET_NAME: u32 = libc::PR_SET_NAME.cast_unsigned();
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "one C library has them longer")]
const IOCTLS: &[u32] = &[libc::FIONBIO as u32, libc::TIOCGWINSZ as u32, libc::TCGETS as u32];

/// Calls that are made with some arguments only.
const ONLY: &[Call] = &[
    // No packet, netlink or other rare sockets.
    only(libc::SYS_socket, Only { place: 0, mask: !0, values: &[UNIX, INET, INET6] }),
    only(libc::SYS_socketpair, Only { place: 0, mask: !0, values: &[UNIX] }),
    // Threads, and no processes.
    only(libc::SYS_clone, Only { place: 0, mask: CLONE.cast_unsigned(), values: &[THREAD] }),
    // No memory that is run.
    only(libc::SYS_mmap, Only { place: 2, mask: EXEC, values: &[0] }),
    only(libc::SYS_mprotect, Only { place: 2, mask: EXEC, values: &[0] }),
    // The names of threads.
    only(libc::SYS_prctl, Only { place: 0, mask: !0, values: &[SET_NAME] }),
    // Sockets that do not block; whether there is a terminal, and its size.
    only(libc::SYS_ioctl, Only { place: 1, mask: !0, values: IOCTLS }),
];

const fn only(number: c_long, only: Only) -> Call {
    Call { number, only: Some(only) }
}

/// `AUDIT_ARCH_X86_64` and `AUDIT_ARCH_AARCH64`.
const THIS_MACHINE: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };

/// Restricts this thread, and those that it will start.
pub(super) fn give_up() -> Result<(), Kept> {
    let always = ALWAYS.iter().chain(OF_THIS_MACHINE).map(|number| Call { number: *number, only: None });
    let calls = always.chain(ONLY.iter().copied());
    let program = program(THIS_MACHINE, calls, libc::ENOSYS.cast_unsigned());
    apply_filter(&program).map_err(|error| match error {
        Error::Prctl(error) | Error::Seccomp(error) => match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EINVAL) => Kept::Lacking("seccomp filters"),
            _ => Kept::Failed(error),
        },
        // A program without instructions, or threads that were not asked for: neither can be.
        _ => Kept::Failed(io::ErrorKind::InvalidInput.into()),
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketType, socket};

    use super::*;

    /// Runs on a thread that has given up; nothing where there are no filters.
    fn filtered(work: impl FnOnce() + Send + 'static) {
        let thread = std::thread::spawn(|| match give_up() {
            Ok(()) => work(),
            Err(Kept::Lacking(_)) => {}
            Err(kept) => panic!("{kept}"),
        });
        thread.join().unwrap();
    }

    #[test]
    fn sockets_and_files_work() {
        let folder = tempfile::tempdir().unwrap();
        filtered(move || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap().set_nonblocking(true).unwrap();
            let server = UdpSocket::bind("127.0.0.1:0").unwrap();
            server.send_to(b"a", server.local_addr().unwrap()).unwrap();
            server.recv(&mut [0]).unwrap();
            std::os::unix::net::UnixStream::pair().unwrap();
            let file = folder.path().join("file");
            std::fs::write(&file, "text").unwrap();
            std::fs::rename(&file, folder.path().join("other")).unwrap();
            std::fs::remove_file(folder.path().join("other")).unwrap();
        });
    }

    #[test]
    fn other_calls_are_answered_as_if_the_kernel_had_none() {
        filtered(|| {
            let refused = |error: std::io::Error| assert_eq!(error.raw_os_error(), Some(libc::ENOSYS));
            for family in [AddressFamily::NETLINK, AddressFamily::PACKET, AddressFamily::BLUETOOTH] {
                assert_eq!(socket(family, SocketType::RAW, None).unwrap_err(), Errno::NOSYS);
            }
            refused(std::process::Command::new("/bin/true").status().unwrap_err());
            refused(std::os::unix::fs::chown("/tmp", Some(0), None).unwrap_err());
            refused(
                std::fs::set_permissions("/tmp", std::fs::metadata("/tmp").unwrap().permissions())
                    .unwrap_err(),
            );
            refused(std::os::unix::fs::chroot("/").unwrap_err());
            assert_eq!(rustix::thread::set_no_new_privs(true).unwrap_err(), Errno::NOSYS);
            assert_eq!(rustix::system::sethostname(b"other").unwrap_err(), Errno::NOSYS);
        });
    }
}
