//! Tests over real sockets: one binary, a temporary folder each, nothing outside of this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod agent;
mod catalogue;
mod check;
mod command_line;
mod dashboards;
mod demo;
#[path = "../support/dialect.rs"]
mod dialect;
mod dialects;
mod documents;
#[path = "../support/edits.rs"]
mod edits;
mod enclosed;
mod endpoint;
mod fenced_client;
mod fenced_server;
#[path = "../support/graphite.rs"]
mod graphite;
#[path = "../support/hostile.rs"]
mod hostile;
mod hostile_callers;
mod hostile_endpoints;
mod hostile_servers;
mod identical;
mod kept_connection;
mod law;
mod law_of_observations;
mod limits;
mod listener;
mod lookups;
#[path = "../support/pair.rs"]
mod pair;
mod peers;
#[path = "../support/quotations.rs"]
mod quotations;
#[path = "../support/random.rs"]
mod random;
#[path = "../support/reference.rs"]
mod reference;
mod restarts;
mod rights;
mod sent;
mod sequences;
mod sinks;
mod supply;
mod terminal;
mod vitals;

use std::path::PathBuf;
use std::process::Child;

/// The program that the tests run: the one that cargo has built for them, or `PROGRAM`.
fn program_path() -> PathBuf {
    match std::env::var_os("PROGRAM") {
        Some(path) => std::fs::canonicalize(path).expect("the program that PROGRAM names"),
        None => env!("CARGO_BIN_EXE_docker-metrics-statsd").into(),
    }
}

/// A process that ends with its test, also with one that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
