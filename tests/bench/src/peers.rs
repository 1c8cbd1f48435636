//! Other crates that read expositions, as they are published.

mod pipeline;

pub use pipeline::Pipeline;

use prom_text_format_parser::Scrape;

use crate::Error;

/// Reads a body with `prom_text_format_parser`; returns how many samples it found.
pub fn parse(body: &[u8]) -> Result<usize, Error> {
    let text = std::str::from_utf8(body).map_err(|error| Error::Wrong(error.to_string()))?;
    let scrape = Scrape::parse(text).map_err(|error| Error::Wrong(format!("{error:?}")))?;
    Ok(scrape.metrics.iter().map(|metric| metric.samples.len()).sum())
}
