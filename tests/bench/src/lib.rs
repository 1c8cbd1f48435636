//! Measures what a scrape costs: time, instructions, memory.
//!
//! The modules, in the order the data flows:
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | the commands and their exit codes |
//! | [`inputs`] | the bodies, the same in every run |
//! | [`expected`] | what a StatsD server must get of them, computed plainly |
//! | [`ours`] | the plugin's converter; the only module that knows its interface |
//! | [`peers`] | the same job and parts of it with other crates |
//! | [`contest`] | one size's bodies and everyone who reads them; the answer is checked before it is timed |
//! | [`compare`] | `just bench`: builds and contestants in turns, minima, tables |
//! | [`process`] | `just bench-process`: the plugin's own process between sockets |
//! | [`instructions`] | `just bench-count`: instructions a sample of each kind of scrape, and their limits |

#![forbid(unsafe_code)]

pub mod cli;
pub mod compare;
pub mod contest;
mod error;
pub mod expected;
pub mod inputs;
pub mod instructions;
pub mod ours;
pub mod peers;
pub mod process;

pub use error::Error;

/// A count as a figure to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
#[must_use]
pub fn float(count: usize) -> f64 {
    count as f64
}
