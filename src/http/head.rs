//! The head of a message: from its first byte to the empty line, bounded.

use smol::io::{AsyncRead, AsyncReadExt};

/// The longest head. async-h1 refuses 8 KiB, and the server adds a line of its own.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024 - 64;
/// What is read at once.
const READ_BYTES: usize = 4096;

/// Why there is no head.
#[derive(Debug)]
pub(super) enum HeadError {
    /// The peer closed the connection; `true` if it had begun a head.
    Closed(bool),
    /// Longer than [`HEAD_BYTES_MAX`].
    TooLong,
    /// A byte outside ASCII. http-types panics on such a header value, and nothing that Docker sends
    /// holds one.
    NotAscii,
    /// The stream failed.
    Io(std::io::Error),
}

/// Reads until `buffer` holds a whole head and returns that head, empty line included. What the peer
/// sent beyond it stays in `buffer`.
pub(super) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Result<String, HeadError> {
    loop {
        // A line end left over from a message before (RFC 9112, 2.2).
        let blank = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        buffer.drain(..blank);
        if let Some(end) = head_end(buffer) {
            let head: Vec<u8> = buffer.drain(..end).collect();
            return match String::from_utf8(head) {
                Ok(head) if head.len() > HEAD_BYTES_MAX => Err(HeadError::TooLong),
                Ok(head) if head.is_ascii() => Ok(head),
                _ => Err(HeadError::NotAscii),
            };
        }
        if buffer.len() > HEAD_BYTES_MAX {
            return Err(HeadError::TooLong);
        }
        if read_more(stream, buffer).await.map_err(HeadError::Io)? == 0 {
            return Err(HeadError::Closed(!buffer.is_empty()));
        }
    }
}

/// Appends what one read gives; 0 at the end of the stream.
pub(super) async fn read_more(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> std::io::Result<usize> {
    let mut piece = [0; READ_BYTES];
    let count = stream.read(&mut piece).await?;
    buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
    Ok(count)
}

/// Where the head ends: behind the first empty line. Bare line feeds end lines too, so that a head
/// written with them is refused at once instead of waited for.
fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|feed| match bytes.get(feed + 1..)? {
        [b'\r', b'\n', ..] => Some(feed + 3),
        [b'\n', ..] => Some(feed + 2),
        _ => None,
    })
}

/// The values of every header with this name.
pub(super) fn header<'a>(head: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    head.lines().skip(1).filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}
