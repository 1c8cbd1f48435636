//! HTTP/1.1 by the book (RFC 9112), slowly, as far as the plugin speaks it: what its own reading of streams is compared
//! with.

use std::collections::VecDeque;

/// The longest head, with the line ends in front of it.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024 - 64;

/// The head of a message.
pub(super) struct Head {
    /// The words of its first line.
    pub(super) words: VecDeque<String>,
    /// Names in lower case.
    pub(super) fields: Vec<(String, String)>,
}

impl Head {
    /// Takes a head from the beginning of a stream; `None` if there is none, or a malformed one.
    pub(super) fn take(stream: &mut &[u8]) -> Option<Self> {
        let mut bytes = 0;
        while let [b'\r' | b'\n', rest @ ..] = stream {
            *stream = rest;
            bytes += 1;
        }
        let mut lines: Vec<&[u8]> = Vec::new();
        loop {
            let end = stream.iter().position(|byte| *byte == b'\n')?;
            let line = stream[..end].strip_suffix(b"\r")?;
            bytes += end + 1;
            *stream = &stream[end + 1..];
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        if bytes > HEAD_BYTES_MAX {
            return None;
        }
        let mut lines = lines.into_iter().map(|line| String::from_utf8(line.to_vec()).ok());
        let first = lines.next()??;
        let fields = lines.map(|line| field(&line?)).collect::<Option<_>>()?;
        is_text(&first).then(|| Self { words: first.split(' ').map(str::to_owned).collect(), fields })
    }

    /// The values of the fields with this name.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter().filter(|(found, _)| found == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }
}

fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let is_token = !name.is_empty() && name.bytes().all(is_token);
    let is_whole = is_token && is_text(value);
    let value = value.trim_matches([' ', '\t']);
    is_whole.then(|| (name.to_ascii_lowercase(), value.to_owned()))
}

/// What a value, and the reason behind a status, may hold (RFC 9112, 4; RFC 9110, 5.5).
fn is_text(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The number that digits are, and nothing but digits.
pub(super) fn length(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Takes so many bytes.
pub(super) fn take<'a>(stream: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = stream.split_at_checked(count)?;
    *stream = rest;
    Some(taken)
}
