//! Which metrics the reference sends.

use docker_metrics_statsd::config::{Histograms, Settings};

use super::exposition::Role;

/// The settings by which series are counted or not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    histograms: Histograms,
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Choice {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            histograms: settings.histograms,
            include: settings.include.iter().map(ToString::to_string).collect(),
            exclude: settings.exclude.iter().map(ToString::to_string).collect(),
        }
    }

    /// Whether `INCLUDE` and `EXCLUDE` let a sample through. All parts of a histogram or summary have its name.
    pub(super) fn has(&self, name: &str, role: Role) -> bool {
        let suffix = match role {
            Role::Gauge | Role::Quantile | Role::Counter => "",
            Role::Bucket => "_bucket",
            Role::OfHistogram("count") | Role::OfSummary("count") => "_count",
            Role::OfHistogram(_) | Role::OfSummary(_) => "_sum",
            Role::Created => "_created",
        };
        let metric = name.strip_suffix(suffix).unwrap_or(name);
        let is_one = |globs: &[String]| globs.iter().any(|glob| matches(glob.as_bytes(), metric.as_bytes()));
        (self.include.is_empty() || is_one(&self.include)) && !is_one(&self.exclude)
    }
}

fn matches(glob: &[u8], name: &[u8]) -> bool {
    match (glob, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => matches(rest, name) || !name.is_empty() && matches(glob, &name[1..]),
        ([wanted, rest @ ..], [byte, tail @ ..]) => wanted == byte && matches(rest, tail),
        _ => false,
    }
}
