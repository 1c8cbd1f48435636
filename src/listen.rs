//! A StatsD listener for people: prints what arrives, or sums it up in a live table.
//!
//! For trying the plugin without a StatsD server. It reads the lines of every dialect that this program
//! writes and shows anything else as it is, without what a terminal would act on. `line`, `summary` and
//! `table` are pure; `socket`, `stream` and `watch` know the sockets and the terminal.

mod address;
mod line;
mod socket;
mod stream;
mod summary;
mod table;
mod watch;

use std::convert::Infallible;
use std::io::{self, Write};

pub use address::{DEFAULT_ADDR, ListenAddr};
pub use socket::{Bound, Listener};
pub use watch::Watch;

/// How lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Print {
    /// In columns.
    Readable,
    /// As they came.
    Raw,
}

/// Prints every line that arrives until `out` is closed.
///
/// # Errors
/// Nothing can be received or written any more.
pub async fn print(mut listener: Listener, form: Print, out: &mut impl Write) -> io::Result<Infallible> {
    loop {
        for line in listener.receive().await?.lines() {
            match form {
                Print::Readable => writeln!(out, "{}", line::readable(line))?,
                Print::Raw => writeln!(out, "{line}")?,
            }
        }
        out.flush()?;
    }
}
