//! Takes the framing off the body of an answer.
//!
//! A missing end is an error, and so is what comes along behind a body of a known length, because the last number
//! of a body that was cut by a wrong length would be another number. A trailer is refused. async-h1's decoder
//! cannot tell: it takes a body that ends before its length, or behind the last chunk's size, as whole, sleeps for
//! ever when the last CR and LF arrive in two reads, and panics on a trailer outside ASCII. Whoever guards it has to
//! follow every byte, and has then done its work; and each of its answers costs 20 us and new memory from the kernel.

use std::io;

/// More digits than a chunk that fits the memory needs.
const SIZE_DIGITS_MAX: u32 = 8;

/// How a response says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// `Content-Length`.
    Length(u64),
}

/// Where in a body the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In one whose length is known; the others are those of a chunked one.
    Plain {
        left: u64,
    },
    Size {
        size: u64,
        digits: u32,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    EndCr,
    EndLf,
    End,
    /// Behind the end, where something came along.
    Beyond,
}

/// A body with its framing, of which piece after piece comes.
#[derive(Debug)]
pub(super) struct Body {
    state: State,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Chunked => State::Size { size: 0, digits: 0 },
            Framing::Length(left) => State::Plain { left },
        };
        Self { state }
    }

    /// Whether all of it came.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::End | State::Beyond | State::Plain { left: 0 })
    }

    /// Whether the body has ended, and nothing came along behind it.
    pub(super) fn has_ended_cleanly(&self) -> bool {
        matches!(self.state, State::End | State::Plain { left: 0 })
    }

    /// Moves what is the body's to the beginning of these bytes, the next that came; returns how much that is.
    pub(super) fn take_out(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if let State::Plain { left } = &mut self.state {
            *left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "the body is longer than the answer says")
            })?;
            return Ok(bytes.len());
        }
        let (mut passed, mut taken) = (0, 0);
        while let Some(byte) = bytes.get(passed).copied() {
            let (state, count) = match (self.state, byte) {
                (State::Size { size, digits }, b'\r') if digits > 0 => (State::SizeLf { size }, 1),
                (State::Size { size, digits }, byte) if digits < SIZE_DIGITS_MAX => {
                    let digit = char::from(byte).to_digit(16).ok_or_else(|| broken("a chunk's size"))?;
                    (State::Size { size: size * 16 + u64::from(digit), digits: digits + 1 }, 1)
                }
                (State::SizeLf { size: 0 }, b'\n') => (State::EndCr, 1),
                (State::SizeLf { size }, b'\n') => (State::Data { left: size }, 1),
                (State::Data { left }, _) => {
                    let here = (bytes.len() - passed).min(usize::try_from(left).unwrap_or(usize::MAX));
                    bytes.copy_within(passed..passed + here, taken);
                    taken += here;
                    match left - here as u64 {
                        0 => (State::DataCr, here),
                        left => (State::Data { left }, here),
                    }
                }
                (State::DataCr, b'\r') => (State::DataLf, 1),
                (State::DataLf, b'\n') => (State::Size { size: 0, digits: 0 }, 1),
                (State::EndCr, b'\r') => (State::EndLf, 1),
                (State::EndLf, b'\n') => (State::End, 1),
                // The response is over, and this is not part of another one: nothing was asked.
                (State::End | State::Beyond, _) => {
                    self.state = State::Beyond;
                    break;
                }
                (State::EndCr | State::EndLf, _) => {
                    return Err(broken("the end of the body: trailers are not accepted"));
                }
                _ => return Err(broken("a chunk")),
            };
            self.state = state;
            passed += count;
        }
        Ok(taken)
    }
}

fn broken(place: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed chunked body at {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> io::Result<Vec<Vec<u8>>> {
        read_framed(Framing::Chunked, pieces)
    }

    /// The body, in pieces as it was cut.
    fn read_framed(framing: Framing, pieces: &[&[u8]]) -> io::Result<Vec<Vec<u8>>> {
        let mut body = Body::new(framing);
        let mut parts = Vec::new();
        for piece in pieces {
            let mut piece = piece.to_vec();
            let bytes = body.take_out(&mut piece)?;
            piece.truncate(bytes);
            parts.push(piece);
        }
        if body.has_ended() { Ok(parts) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    #[test]
    fn chunks_are_put_together_wherever_they_are_cut() {
        let body = b"4\r\nWiki\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read(&[body]).unwrap(), [b"Wiki0123456789"], "as much as was read at once");
        for cut in 1..body.len() {
            let reads = read(&[&body[..cut], &body[cut..]]).unwrap();
            assert_eq!(reads.concat(), b"Wiki0123456789", "cut at {cut}");
        }
        let single: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(read(&single).unwrap().concat(), b"Wiki0123456789");
    }

    #[test]
    fn a_body_without_its_end_is_an_error_wherever_it_is_cut() {
        let body = b"4\r\nWiki\r\n0\r\n\r\n";
        for cut in 0..body.len() {
            let error = read(&[&body[..cut]].map(|piece| piece as &[u8])).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut at {cut}");
        }
    }

    #[test]
    fn a_body_of_another_length_than_it_says_is_an_error() {
        let body: &[&[u8]] = &[b"Wi", b"ki"];
        assert_eq!(read_framed(Framing::Length(4), body).unwrap().concat(), b"Wiki");
        assert!(read_framed(Framing::Length(0), &[]).unwrap().is_empty());
        for (length, kind) in [
            (5, io::ErrorKind::UnexpectedEof),
            (u64::MAX, io::ErrorKind::UnexpectedEof),
            (3, io::ErrorKind::InvalidData),
        ] {
            let error = read_framed(Framing::Length(length), body).unwrap_err();
            assert_eq!(error.kind(), kind, "{length}");
        }
    }

    #[test]
    fn trailers_extensions_and_malformed_sizes_are_refused() {
        for body in [
            "0\r\nA: \u{e9}\r\n\r\n",
            "0\r\nA: b\r\n\r\n",
            "4;x=y\r\nWiki\r\n0\r\n\r\n",
            "\r\n\r\n",
            "g\r\n",
            "4\r\nWiki0\r\n\r\n",
            "4\nWiki",
            "fffffffff\r\n",
        ] {
            assert_eq!(read(&[body.as_bytes()]).unwrap_err().kind(), io::ErrorKind::InvalidData, "{body:?}");
        }
    }
}
