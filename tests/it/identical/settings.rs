//! Settings that lines and counts depend on, by chance: those of one process, and others of the next.

use docker_metrics_statsd::config::Settings;

use crate::random::Random;

const VALUES: [(&str, &[&str]); 9] = [
    ("STATSD_FORMAT", &["", "", "", "", "etsy", "graphite", "influx", "librato", "signalfx"]),
    ("HISTOGRAMS", &["buckets", "distributions", "counts", "off"]),
    ("INCLUDE", &["", "", "a*,h,process*", "*_total,g,s"]),
    ("EXCLUDE", &["", "", "a", "a_total", "h,s"]),
    ("DROP_LABELS", &["", "", "x", "y"]),
    ("RENAME_LABELS", &["", "", "x:y", "y:x,x:y", "x:z,y:z"]),
    ("MAX_PACKET_BYTES", &["", "256", "1000"]),
    ("METRIC_PREFIX", &["", "a.b_", "docker_"]),
    ("TAGS", &["", "team:core,bare", "x:1"]),
];

pub(super) fn drawn(random: &mut Random) -> Settings {
    loop {
        let vars = VALUES.map(|(name, values)| (name, values[random.below(values.len())]));
        let value =
            |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        // Only one dialect has distributions.
        if let Ok(settings) = Settings::from_vars("", value) {
            return settings;
        }
    }
}
