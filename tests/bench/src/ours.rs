//! The plugin's converter, behind the one function that is measured.
//!
//! The only module of this package that knows the converter's interface.

use docker_metrics_statsd::config::Settings;
use docker_metrics_statsd::convert::{Converter, Start};

use crate::Error;

/// A converter that remembers the scrapes that it was given.
#[derive(Debug)]
pub struct Ours {
    converter: Converter,
}

impl Ours {
    /// A converter that has seen nothing, with the default settings and datagrams for a unix socket.
    pub fn new() -> Result<Self, Error> {
        let variable = |name: &str| (name == "STATSD_ADDR").then(|| "unixgram:///bench".to_owned());
        let settings = Settings::from_vars("bench", variable).map_err(|errors| {
            Error::Wrong(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        Ok(Self { converter: Converter::new(&settings, Start::FirstScrape) })
    }

    /// Converts a scrape and hands over its datagrams, each of which is taken.
    pub fn scrape(&mut self, body: &[u8], mut send: impl FnMut(&[u8])) -> Result<(), Error> {
        self.converter.convert(body).map_err(|error| Error::Wrong(error.to_string()))?;
        for index in 0..self.converter.datagrams() {
            send(self.converter.datagram(index).unwrap_or_default());
            self.converter.taken(index);
        }
        Ok(())
    }

    /// Bytes of memory for what is known.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.converter.memory_bytes()
    }
}
