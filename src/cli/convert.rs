//! The command `convert`: scrapes from files, and the lines that they become.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::CliError;
use crate::config::Settings;
use crate::convert::{Converter, Start};
use crate::scrape::BODY_BYTES_MAX;

/// Converts every file it can, as the plugin goes on after a bad scrape, and fails if one was bad.
pub(super) fn convert(settings: &Settings, start: Start, files: &[OsString]) -> Result<(), CliError> {
    let mut converter = Converter::new(settings, start);
    let mut failed = None;
    for file in files {
        let path = file.to_string_lossy().into_owned();
        let body = read(Path::new(file)).map_err(|error| error.to_string());
        match body.and_then(|body| converter.convert(&body).map_err(|error| error.to_string())) {
            Ok(_) => {
                for index in 0..converter.datagrams() {
                    let datagram = converter.datagram(index).unwrap_or_default();
                    io::stdout().write_all(datagram).map_err(CliError::Output)?;
                    converter.taken(index);
                }
            }
            Err(problem) => {
                // The last one becomes this command's error.
                if let Some(earlier) = failed.replace(CliError::File { path, problem }) {
                    let _ = writeln!(io::stderr(), "{earlier}");
                }
            }
        }
    }
    io::stdout().flush().map_err(CliError::Output)?;
    failed.map_or(Ok(()), Err)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new("-") {
        body(io::stdin(), BODY_BYTES_MAX)
    } else {
        body(File::open(path)?, BODY_BYTES_MAX)
    }
}

/// All there is to read, as long as a scrape may be: a pipe or a device need not end.
fn body(file: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut body)?;
    if body.len() > bytes_max {
        return Err(io::Error::other(format!("it is larger than {bytes_max} bytes")));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_read_to_the_limit() {
        assert_eq!(body(&b"a 1\n"[..], 4).unwrap(), b"a 1\n");
        let error = body(io::repeat(b'#'), 4).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 4 bytes");
    }
}
