//! The targets: each takes any bytes, and panics where its law is broken.

mod bodies;
mod client;
mod convert;
mod decimal;
mod exposition;
mod http;
mod server;
mod settings;
mod state;

pub(crate) use bodies::BETWEEN;
pub use bodies::bodies;
pub use client::client;
pub use convert::convert;
pub use decimal::decimal;
pub use exposition::exposition;
pub use server::server;
pub use settings::settings;
pub use state::state;

/// A target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Takes an input.
    pub take: fn(&[u8]),
}

/// All of them, in the order the data flows.
pub const ALL: [Target; 8] = [
    Target { name: "settings", take: settings },
    Target { name: "server", take: server },
    Target { name: "client", take: client },
    Target { name: "exposition", take: exposition },
    Target { name: "decimal", take: decimal },
    Target { name: "bodies", take: bodies },
    Target { name: "convert", take: convert },
    Target { name: "state", take: state },
];
