//! Everyone who is timed, under one name in commands and another one in tables.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// Who is timed, and with which body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// Counting the newlines of the bodies of `Warm`: what memory and wide instructions allow.
    NewlineScan,
    /// Finding one newline after the other in them: the least that any reader of lines does.
    LineWalk,
    /// Ours, with a scrape in which 10 % of the values have changed.
    Warm,
    /// Ours, with a scrape in which label sets went and came.
    Churn,
    /// Ours, with a scrape in another order.
    Shuffled,
    /// Ours, with one of them as the first scrape.
    First,
    /// `prometheus-parse`, a hash map and cadence, with the bodies of `Warm`.
    Pipeline,
    /// `prom_text_format_parser`, which does nothing but read, with the bodies of `Warm`.
    Parser,
}

impl Contestant {
    /// In the order they are shown.
    pub const ALL: [Self; 8] = [
        Self::NewlineScan,
        Self::LineWalk,
        Self::Warm,
        Self::Churn,
        Self::Shuffled,
        Self::First,
        Self::Pipeline,
        Self::Parser,
    ];

    /// What it is called where it is shown.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::NewlineScan => "newline scan",
            Self::LineWalk => "line walk",
            Self::Warm => "this plugin, warm scrape",
            Self::Churn => "this plugin, churn scrape",
            Self::Shuffled => "this plugin, shuffled scrape",
            Self::First => "this plugin, first scrape",
            Self::Pipeline => "prometheus-parse, HashMap, cadence",
            Self::Parser => "prom_text_format_parser, parsing alone",
        }
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NewlineScan => "newline-scan",
            Self::LineWalk => "line-walk",
            Self::Warm => "warm",
            Self::Churn => "churn",
            Self::Shuffled => "shuffled",
            Self::First => "first",
            Self::Pipeline => "pipeline",
            Self::Parser => "parser",
        })
    }
}

impl FromStr for Contestant {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|contestant| contestant.to_string() == name);
        found.ok_or_else(|| Error::Usage(format!("there is no contestant {name:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contestants_are_read_as_they_are_shown() {
        for contestant in Contestant::ALL {
            assert_eq!(contestant.to_string().parse::<Contestant>().unwrap(), contestant);
        }
        assert!("best".parse::<Contestant>().is_err());
    }
}
