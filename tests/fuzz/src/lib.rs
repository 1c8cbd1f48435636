//! What the plugin must do with every input, whoever makes it.
//!
//! The modules, in the order the data flows:
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | the commands and their exit codes |
//! | [`seeds`] | the inputs to begin with, made of what is recorded in `tests/fixtures`, and of what is hostile |
//! | [`run`] | `just fuzz`: the targets under libFuzzer, one after another, and what they reached |
//! | [`targets`] | the laws: one function for each target, which panics where its law is broken |
//!
//! `fuzz/` holds what `cargo fuzz` runs, and the inputs that were kept. The test of this crate puts those through the
//! same functions, without libFuzzer. The slow models that the targets compare with are those of `tests/support`.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "tests: a panic is how a broken law is told"
)]

pub mod cli;
#[path = "../../support/dialect.rs"]
mod dialect;
#[path = "../../support/edits.rs"]
mod edits;
mod error;
#[path = "../../support/hostile.rs"]
mod hostile;
#[path = "../../support/pair.rs"]
mod pair;
mod peer;
#[path = "../../support/random.rs"]
mod random;
#[path = "../../support/reference.rs"]
mod reference;
pub mod run;
pub mod seeds;
pub mod targets;

pub use error::Error;
