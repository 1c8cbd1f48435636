//! The head of a message: from its first byte to the empty line, bounded.

use smol::io::{AsyncRead, AsyncReadExt};

/// The longest head. async-h1 refuses 8 KiB, and the server adds a line of its own.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024 - 64;
/// What is read at once.
const READ_BYTES: usize = 4096;

/// Of any kind, so that what reads it is compiled once.
pub(super) type Stream<'a> = &'a mut (dyn AsyncRead + Unpin);

/// Why there is no head.
#[derive(Debug)]
pub(super) enum HeadError {
    /// The peer closed the connection, and nothing came.
    Closed,
    /// It did within the head.
    Cut,
    /// Longer than [`HEAD_BYTES_MAX`].
    TooLong,
    /// A byte outside ASCII. http-types panics on such a header value, and nothing that Docker sends
    /// holds one.
    NotAscii,
    /// A line that is not what the protocol says it must be.
    Malformed,
    /// The stream failed.
    Io(std::io::Error),
}

/// Reads until `buffer` holds a whole head and returns that head, empty line included. What the peer
/// sent beyond it stays in `buffer`. Line ends in front of it count as part of it: a peer may be faster than its
/// reader, and nothing but this bound would end them.
pub(super) async fn read_head(stream: Stream<'_>, buffer: &mut Vec<u8>) -> Result<String, HeadError> {
    let mut skipped = 0;
    loop {
        // A line end left over from a message before (RFC 9112, 2.2).
        let blank = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        buffer.drain(..blank);
        skipped += blank;
        if let Some(end) = head_end(buffer) {
            let head: Vec<u8> = buffer.drain(..end).collect();
            return match String::from_utf8(head) {
                Ok(head) if skipped + head.len() > HEAD_BYTES_MAX => Err(HeadError::TooLong),
                Ok(head) if !head.is_ascii() => Err(HeadError::NotAscii),
                Ok(head) if !is_well_formed(&head) => Err(HeadError::Malformed),
                Ok(head) => Ok(head),
                Err(_) => Err(HeadError::NotAscii),
            };
        }
        if skipped + buffer.len() > HEAD_BYTES_MAX {
            return Err(HeadError::TooLong);
        }
        if read_more(stream, buffer).await.map_err(HeadError::Io)? == 0 {
            return Err(if buffer.is_empty() { HeadError::Closed } else { HeadError::Cut });
        }
    }
}

/// Appends what one read gives; 0 at the end of the stream.
pub(super) async fn read_more(stream: Stream<'_>, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
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

/// Whether its lines are those of the protocol (RFC 9112, 2.2 and 5). What is read leniently here and otherwise
/// elsewhere says two things at once: a header on a folded line, or with a blank before its colon.
fn is_well_formed(head: &str) -> bool {
    let Some(lines) = head.strip_suffix("\r\n\r\n") else { return false };
    let is_text = |text: &str| text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    let mut lines = lines.split("\r\n");
    lines.next().is_some_and(is_text)
        && lines.all(|line| {
            let field = line.split_once(':');
            field.is_some_and(|(name, value)| is_token(name) && is_text(value))
        })
}

fn is_token(text: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// The values of every header with this name.
pub(super) fn header<'a>(head: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    head.lines().skip(1).filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Whether whoever wrote this head closes the connection behind its message (RFC 9112, 9.6).
pub(super) fn closes(head: &str) -> bool {
    let mut options = header(head, "connection").flat_map(|options| options.split(','));
    options.any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// The number of a Content-Length: digits and nothing else, where Rust takes a sign too.
pub(super) fn length(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
