//! The plugin in a real Docker Engine, its metrics in a real StatsD server.
//!
//! Run by `just test-engine`, as root and after `just plugin`. Each test has a private engine of its
//! own (`plugin_builder::engine`), with its own network namespace, so tests run side by side and the
//! machine's own engine is never touched. `ENGINE_BIN=DIR` takes `dockerd`, `containerd` and the rest
//! from there first, to test with an engine that is not installed. What is missing here fails with
//! what to run; only `SKIP_TESTS=engine` leaves the tests out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_cmp,
    reason = "tests: a panic is how they fail, and counts are whole numbers, which floats hold exactly"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/registry.rs"]
mod registry;

mod agent;
mod cluster;
mod edition;
mod lab;
mod ledger;
mod metrics;
mod receiver;
mod release;

mod cost;
mod distribution;
mod flow;
mod image;
mod lifecycle;
mod logging;
mod picture;
mod private_engine;
mod push;
mod rights;
mod troubles;
mod upgrade;
