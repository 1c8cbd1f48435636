//! The StatsD wire: names, tags, lines and datagrams.
//!
//! Pure: metrics in, bytes out. It knows what servers accept, dialect by dialect; it knows nothing of
//! Prometheus, of Docker or of sockets. Nothing in a name, tag or value that is given to it can add a
//! field, a tag or a line to what it writes.

mod check;
mod clean;
mod dialect;
mod encode;
mod packet;
mod rate;

pub use check::{CheckStatus, MESSAGE_CHARS_MAX, ServiceCheck};
pub use clean::{KEY_CHARS_MAX, NAME_CHARS_MAX, TAG_CHARS_MAX, is_tag_char};
pub use dialect::Format;
pub use encode::{Cleaning, Encoder, Kind, Metric, NameAndTags, counted};
pub use packet::{PACKETS_BYTES_MAX, Packets, Pushed};
pub use rate::{DistributionLine, LINE_OBSERVATIONS_MAX, SHARES_MAX, shares};
