//! Which metrics are sent: those that `INCLUDE` and `EXCLUDE` leave.

use crate::config::{Histograms, Settings};
use crate::exposition::Role;
use crate::fingerprint::Fingerprints;
use crate::glob::Glob;

/// A number that stands for which series are counted: it goes by all settings that this depends on.
pub(super) fn choice(settings: &Settings) -> u64 {
    let histograms = match settings.histograms {
        Histograms::Buckets => "buckets",
        Histograms::Distributions => "distributions",
        Histograms::Counts => "counts",
        Histograms::Off => "off",
    };
    let names = |globs: &[Glob]| globs.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let text = format!("{histograms};{};{}", names(&settings.include), names(&settings.exclude));
    Fingerprints::with_key(0).of(text.as_bytes())
}

/// Decides by a metric's name.
#[derive(Debug)]
pub(super) struct Filter {
    /// Empty: every metric.
    include: Vec<Glob>,
    exclude: Vec<Glob>,
}

impl Filter {
    /// The filter that these settings ask for.
    pub(super) fn new(settings: &Settings) -> Self {
        Self { include: settings.include.clone(), exclude: settings.exclude.clone() }
    }

    /// Whether every sample is sent. [`Self::keeps`] says the same, but needs the name as text: 7% of the instructions of a
    /// first scrape.
    pub(super) fn keeps_all(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Whether a sample is sent. All parts of a histogram or summary are, or none.
    pub(super) fn keeps(&self, name: &str, role: Role) -> bool {
        let metric = metric(name, role);
        let is_any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(metric));
        (self.include.is_empty() || is_any(&self.include)) && !is_any(&self.exclude)
    }
}

/// The sample's name without what its role added to it. `_total` belongs to a counter's name.
fn metric(name: &str, role: Role) -> &str {
    let suffix = match role {
        Role::HistogramBucket => "_bucket",
        Role::HistogramCount | Role::SummaryCount => "_count",
        Role::HistogramSum | Role::SummarySum => "_sum",
        Role::Created => "_created",
        Role::Counter | Role::Gauge | Role::Untyped | Role::SummaryQuantile => "",
    };
    name.strip_suffix(suffix).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(include: &str, exclude: &str, kept: &[(&str, Role)], left_out: &[(&str, Role)]) {
        let settings = Settings::from_vars("", |name| match name {
            "INCLUDE" => Some(include.to_owned()),
            "EXCLUDE" => Some(exclude.to_owned()),
            _ => None,
        });
        let filter = Filter::new(&settings.unwrap());
        for (name, role) in kept {
            assert!(filter.keeps(name, *role), "{name}");
        }
        for (name, role) in left_out {
            assert!(!filter.keeps(name, *role), "{name}");
        }
    }

    #[test]
    fn without_settings_everything_is_sent() {
        check("", "", &[("a", Role::Gauge), ("b_total", Role::Counter)], &[]);
    }

    #[test]
    fn exclude_wins_over_include() {
        check(
            "go_*,b",
            "go_gc_*",
            &[("go_info", Role::Gauge), ("b", Role::Untyped)],
            &[("a", Role::Gauge), ("go_gc_gogc_percent", Role::Gauge)],
        );
    }

    #[test]
    fn a_histogram_or_summary_is_one_metric() {
        let parts = [
            ("h_bucket", Role::HistogramBucket),
            ("h_count", Role::HistogramCount),
            ("h_sum", Role::HistogramSum),
            ("h_created", Role::Created),
            ("h", Role::SummaryQuantile),
            ("h_count", Role::SummaryCount),
            ("h_sum", Role::SummarySum),
        ];
        check("h", "", &parts, &[("h_count", Role::Gauge)]);
        check("", "h", &[("h_count", Role::Gauge)], &parts);
        check("", "*_count", &parts, &[("h_count", Role::Gauge)]);
    }

    #[test]
    fn a_counter_has_the_name_that_stands_in_the_scrape() {
        check("a_total", "", &[("a_total", Role::Counter)], &[("a", Role::Counter)]);
    }
}
