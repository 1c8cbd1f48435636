//! Standard output as a StatsD server: a pipe, a file or a terminal that takes lines.
//!
//! Whoever reads a pipe may stop, and a write to a full one blocks. So there is a write only when there
//! is room, and of no more than what a pipe with room takes whole. The reactor is of no use for this:
//! it takes no files, and it needs the pipe to be non-blocking for everyone who has it open.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr, write};

use crate::timer::Timer;

/// How soon a full pipe is tried again.
const FULL_RETRY: Duration = Duration::from_millis(10);

/// Writes a datagram, when there is room for it. A pipe takes one of at most
/// [`STDOUT_PACKET_BYTES_MAX`](crate::config::STDOUT_PACKET_BYTES_MAX) whole or not at all.
pub(super) async fn send(out: impl AsFd, datagram: &[u8]) -> io::Result<()> {
    let mut rest = datagram;
    while !rest.is_empty() {
        match write_if_room(&out, rest)? {
            Some(count) => rest = rest.get(count..).unwrap_or_default(),
            None => Timer::after(FULL_RETRY).await,
        }
    }
    Ok(())
}

/// How much was written; `None` if there is no room.
fn write_if_room(out: &impl AsFd, bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut fds = [PollFd::new(out, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // A pipe that nobody reads any more has no room and says so, and then the write says why.
    if retry_on_intr(|| poll(&mut fds, Some(&at_once)))? == 0 {
        return Ok(None);
    }
    match retry_on_intr(|| write(out, bytes)) {
        // Somebody who shares it made it non-blocking, and was faster.
        Err(Errno::AGAIN) => Ok(None),
        written => Ok(Some(written?)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::config::STDOUT_PACKET_BYTES_MAX;
    use crate::limit::within;
    use crate::timer::block_on;

    fn send_in_time(out: impl AsFd, datagram: &[u8]) -> Option<io::Result<()>> {
        block_on(within(3 * FULL_RETRY, send(out, datagram)))
    }

    #[test]
    fn a_full_pipe_is_waited_for_and_holds_whole_datagrams() {
        let (mut reader, writer) = io::pipe().unwrap();
        let datagram = [b'x'; STDOUT_PACKET_BYTES_MAX - 1];
        let taken = (0..1000).take_while(|_| send_in_time(&writer, &datagram).is_some()).count();
        assert!((1..1000).contains(&taken), "{taken}");
        let mut first = datagram;
        reader.read_exact(&mut first).unwrap();
        reader.read_exact(&mut first).unwrap();
        send_in_time(&writer, &datagram).expect("there is room again").unwrap();
        drop(writer);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), (taken - 1) * datagram.len());
    }

    #[test]
    fn a_pipe_that_nobody_reads_any_more_is_an_error() {
        for is_full in [false, true] {
            let (reader, writer) = io::pipe().unwrap();
            if is_full {
                (0..1000).take_while(|_| send_in_time(&writer, &[b'x'; 4096]).is_some()).for_each(drop);
            }
            drop(reader);
            let error = send_in_time(&writer, b"a:1|c\n").expect("an answer at once").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "full: {is_full}");
        }
    }

    #[test]
    fn a_file_takes_every_datagram() {
        let mut file = tempfile::tempfile().unwrap();
        for _ in 0..3 {
            send_in_time(&file, b"a:1|c\n").expect("a file has room").unwrap();
        }
        let mut text = String::new();
        io::Seek::rewind(&mut file).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a:1|c\n".repeat(3));
    }
}
