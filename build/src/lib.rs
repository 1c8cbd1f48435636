//! Makes the plugin out of the source: what `just build` and `just plugin` call.
//!
//! The modules in the order the data flows:
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | the commands and their exit codes |
//! | [`arch`] | the architectures, under Docker's, Rust's and ELF's names |
//! | [`compile`] | the static binary, by the first way that works on this machine |
//! | [`elf`] | pure: is this a static program for that architecture? |
//! | [`config_json`] | pure: the plugin's `config.json`, made from the settings table, and its rules |
//! | [`rootfs`] | the skeleton and the binary, as a sorted list of entries |
//! | [`tarball`] | pure: entries to the bytes of a tar archive, and its sum |
//! | [`image`] | puts all of it in place, whole or not at all |
//! | [`push`] | the tarball to a registry, without an engine |
//! | [`sbom`] | pure: what is linked into the plugin, as a `CycloneDX` document |
//! | [`api`] | any Docker Engine's API |
//! | [`engine`] | a private Docker Engine, for the tests and the demo |
//! | [`demo`] | the plugin in an engine, its metrics on the screen |
//! | [`assignment`] | settings on a command line, refused as the plugin would refuse them |
//! | [`swarm`] | the plugin on every node of a swarm |
//! | [`everywhere`] | the plugin on each of many engines |

#![forbid(unsafe_code)]

pub mod api;
pub mod arch;
pub mod assignment;
pub mod cli;
pub mod compile;
pub mod config_json;
pub mod demo;
pub mod elf;
pub mod engine;
mod error;
pub mod everywhere;
pub mod image;
pub mod push;
pub mod rootfs;
pub mod sbom;
pub mod swarm;
pub mod tarball;

pub use error::Error;

/// The name of the plugin, its package and its binary.
pub const NAME: &str = "docker-metrics-statsd";
/// The version of the workspace, and so of the plugin.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
