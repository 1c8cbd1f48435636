//! Everything that the program prints for real scrapes is understood by real StatsD servers.
//!
//! Each test runs `docker-metrics-statsd convert` on recorded expositions of Docker Engine, sends its
//! lines to a server as datagrams, and asks the server what it has. What it must have is computed by
//! a small reader of our own from the exposition itself, not from the program's lines, wherever the
//! server can say it. The servers run on loopback, on ports and in folders of their own; they are
//! installed by `sh build/setup.sh`. `SKIP_TESTS=agents` leaves these tests out, and says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod collectd;
mod datadog;
mod etsy;
mod growth;
mod hostile;
mod incomplete;
mod itself;
mod sketches;

mod exact;
mod expected;
mod exposition;
mod program;
