//! A terminal that the test reads.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// What a table begins with when it is drawn: the upper left corner.
const HOME: &str = "\u{1b}[H";
/// What it ends with: everything below is cleared.
const CLEAR: &str = "\u{1b}[J";

/// More than a passing test waits for.
const SCREENS_MAX: usize = 40;

pub(crate) struct Terminal(File);

impl Terminal {
    /// The test's end of a new terminal, and the program's.
    pub(crate) fn open(columns: u16, lines: u16) -> (Self, Stdio) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_col: columns, ws_row: lines, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let path = std::ffi::OsString::from_vec(ptsname(&master, Vec::new()).unwrap().into_bytes());
        let end = OpenOptions::new().read(true).write(true).open(path).unwrap();
        (Self(master.into()), end.into())
    }

    /// What stands on the terminal each time that it was drawn, until the program ends.
    pub(crate) fn screens(mut self) -> impl Iterator<Item = String> {
        let mut text = String::new();
        let screens = std::iter::from_fn(move || {
            loop {
                if let Some((drawn, rest)) = text.split_once(CLEAR) {
                    let (_, screen) = drawn.rsplit_once(HOME).expect("each table begins in the corner");
                    let screen = screen.replace("\u{1b}[K", "").replace('\r', "");
                    text = rest.to_owned();
                    return Some(screen);
                }
                let mut bytes = [0; 4096];
                let count = self.0.read(&mut bytes).ok().filter(|count| *count > 0)?;
                text.push_str(str::from_utf8(&bytes[..count]).unwrap());
            }
        });
        screens.take(SCREENS_MAX)
    }
}
