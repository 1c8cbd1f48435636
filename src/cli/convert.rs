//! The command `convert`: scrapes from files, and the lines that they become.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;

use super::CliError;
use crate::config::Settings;
use crate::convert::{Converter, Start};

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
    if path != Path::new("-") {
        return std::fs::read(path);
    }
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    Ok(body)
}
