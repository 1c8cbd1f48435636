//! HTTP/1.1 over any stream: the only user of async-h1 and http-types.
//!
//! Both crates are unmaintained, and handed raw bytes they hang, panic, close without an answer or
//! pass a cut body as whole. So nothing reaches them that was not looked at first: heads are read
//! whole and bounded (`head`), requests are decoded from memory (`server`), and the answers to our own
//! are read without them (`client`, `framing`). Each fence names the defect
//! it is there for and has a test that fails without it. Replacing the crates means replacing this
//! module.

pub mod client;
mod framing;
mod head;
pub mod server;
