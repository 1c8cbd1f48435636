//! Soaks the plugin: its real process at the shortest interval, among random faults, with books kept of every counter.
//!
//! One thread plays everybody else: the engine, its metrics socket, the StatsD server, and whoever ends the process.
//! The plugin does one thing after the other, so when it asks for a scrape, everything that it sent before is in the
//! server's queues and its state is saved: that moment is looked at and the books are compared, then a fault may be
//! drawn, and the scrape is answered. Faults amid a delivery happen some microseconds behind an answer.
//!
//! What happens is drawn from a seed. When exactly is not: the plugin's process and this one share a machine with others.
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | the command line and the exit code |
//! | [`engine`] | pure: an exposition that counts on, is started again, and changes its shape |
//! | [`law`] | pure: what is due of each counter, and what arrived |
//! | [`number`] | pure: exact numbers |
//! | [`reader`] | what may arrive, line by line |
//! | [`endpoint`] | the engine's socket, and whether an answer was read whole |
//! | [`server`] | a StatsD server of each transport |
//! | [`plugin`] | the process that is soaked, its log and its figures |
//! | [`state`] | the saved state and its disk |
//! | [`fault`] | what may go wrong, and how often |
//! | [`stretch`] | which parts a run has |
//! | [`soak`] | the loop |
//! | [`tally`] | what is said of it |

#![forbid(unsafe_code)]

mod cli;
mod endpoint;
mod engine;
mod fault;
mod law;
mod number;
mod plugin;
mod reader;
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test support: it panics where it is wrong itself, and only a part of it is used here"
)]
#[path = "../../support/reference.rs"]
mod reference;
mod server;
mod soak;
mod state;
mod stretch;
mod tally;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
