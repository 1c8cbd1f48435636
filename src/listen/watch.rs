//! The live table: redrawn in place on a terminal, plain lines anywhere else.

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;
use smol::future::FutureExt;

use super::Listener;
use super::socket::Datagram;
use super::summary::Summary;
use super::table::{self, Size};
use crate::timer::Timer;

/// How often a terminal is drawn.
const REDRAW_INTERVAL: Duration = Duration::from_millis(500);
/// How often changes are written to anything else.
const LINES_INTERVAL: Duration = Duration::from_secs(2);
/// The size of a terminal that does not tell.
const SIZE: Size = Size { columns: 80, lines: 24 };

/// Sums up what arrives and shows it on standard output.
#[derive(Debug)]
pub struct Watch {
    heading: String,
    listener: Listener,
    summary: Summary,
    begin: Instant,
    is_terminal: bool,
    /// When it was last shown; `None` before.
    shown: Option<Duration>,
}

impl Watch {
    /// Shows what arrives at `listener`, beneath `heading`.
    #[must_use]
    pub fn new(listener: Listener, heading: String) -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = io::stdout().is_terminal() && !is_dumb;
        let (summary, begin) = (Summary::default(), Instant::now());
        Self { heading, listener, summary, begin, is_terminal, shown: None }
    }

    /// Shows what arrives until standard output is closed. Can be dropped at any time.
    ///
    /// # Errors
    /// Nothing can be received or written any more.
    pub async fn run(&mut self) -> io::Result<Infallible> {
        self.begin()?;
        let interval = if self.is_terminal { REDRAW_INTERVAL } else { LINES_INTERVAL };
        let mut due = Instant::now() + REDRAW_INTERVAL;
        loop {
            let tick = async {
                Timer::at(due).await;
                Ok(None)
            };
            let arrival = async { self.listener.receive().await.map(Some) };
            if let Some(datagram) = arrival.or(tick).await? {
                self.take(&datagram);
            }
            // Looked at after each datagram too: a flood of them must not keep the table from moving.
            if Instant::now() >= due {
                self.show()?;
                due = Instant::now() + interval;
            }
        }
    }

    /// Takes what has arrived already and shows the table a last time. Returns how many metrics came.
    ///
    /// # Errors
    /// Nothing can be written any more.
    pub fn finish(&mut self) -> io::Result<u64> {
        while let Some(datagram) = self.listener.receive_waiting() {
            self.take(&datagram);
        }
        self.show()?;
        Ok(self.summary.metrics)
    }

    fn take(&mut self, datagram: &Datagram) {
        self.summary.take(datagram.lines(), self.begin.elapsed());
    }

    fn begin(&self) -> io::Result<()> {
        if self.is_terminal {
            // What stands there scrolls away instead of being written over.
            return write(&"\n".repeat(size().lines));
        }
        write(&format!("{}\n", self.heading))
    }

    fn show(&mut self) -> io::Result<()> {
        let now = self.begin.elapsed();
        self.summary.mark(now);
        let shown = self.shown.replace(now);
        if self.is_terminal {
            let lines = table::screen(&self.heading, &self.summary, now, size());
            // From the upper left corner, each line to its end, then all that is below.
            let lines: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
            return write(&format!("\x1b[H{lines}\x1b[J"));
        }
        let lines = table::changes(&self.summary, shown, now);
        write(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())
    }
}

/// All at once, so that a terminal does not flicker.
fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn size() -> Size {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            Size { columns: size.ws_col.into(), lines: size.ws_row.into() }
        }
        _ => SIZE,
    }
}
