//! The StatsD wire: names, tags, lines and datagrams.
//!
//! Pure: metrics in, bytes out. It knows what servers accept, dialect by dialect; it knows nothing of
//! Prometheus, of Docker or of sockets. Nothing in a name, tag or value that is given to it can add a
//! field, a tag or a line to what it writes.

mod clean;
mod encode;
mod packet;

pub use clean::{NAME_CHARS_MAX, TAG_CHARS_MAX, is_tag_char};
pub(crate) use encode::push_value;
pub use encode::{Encoder, Kind, Metric};
pub use packet::{Packets, Pushed};

/// A dialect of StatsD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// DogStatsD: tags behind `|#`.
    Datadog,
    /// Etsy's statsd and everything else without tags: labels become part of the name.
    Etsy,
}

impl Format {
    /// The format with this name in the settings.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "datadog" => Some(Self::Datadog),
            "etsy" => Some(Self::Etsy),
            _ => None,
        }
    }
}
