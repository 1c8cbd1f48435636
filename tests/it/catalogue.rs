//! `docs/metrics.md`, written from the recorded scrapes: which metrics which engine has, and as what they arrive.

use std::collections::{BTreeMap, BTreeSet};

use crate::sent;

const HEAD: &str = "\
# The engine's metrics

What the engine says of itself, and the names under which that arrives with the default settings
([other dialects](mapping.md#names-outside-of-datadog)). Written by a test, `tests/it/catalogue.rs`, from recorded scrapes of";

const OWN: &str = "\
They are Debian's packages; they were idle, at work, and the manager of a swarm.
`UPDATE=1 cargo test --test it catalogue` writes this page again.

A counter arrives as `.count`; a histogram as `.bucket` with the tag `upper_bound`, cumulative, and as `.count` and `.sum`; each
is what it grew by. So `.sum` divided by `.count` is an average, and a `.bucket` divided by `.count` the share within its bound.
A unit is that of the `.sum`; without one the values are numbers of what the name says. Image and network actions, and
`grpc_*`, are there from their first use on.";

const LIBRARIES: &str = "\
## Of the libraries in it
What the engine's libraries add depends on their versions, and so on who built the engine. What these mean is said by those
who make them; `EXCLUDE=go_*,process_*,promhttp_*,grpc_*,etcd_*` leaves them out.";

/// Docker's own families by how they begin, and what is written above them.
const GROUPS: [(&str, &str); 4] = [
    ("engine_daemon_", "## The engine, its containers, images and networks"),
    ("builder_", "## Builds"),
    ("logger_", "## Logs of containers"),
    ("swarm_", "## Swarm"),
];
const INFO: &str = "engine_daemon_engine_info";

/// How names end that say a unit.
const UNITS: [&str; 3] = ["bytes", "percent", "seconds"];
/// Labels with few values, which say what is measured.
const TELLING: [&str; 4] = ["action", "function", "reason", "state"];

/// What the engine's own words leave out.
const NOTES: [(&str, &str); 5] = [
    ("builder_builds_triggered_total", "Of the engine's own builder: BuildKit's are not counted"),
    ("engine_daemon_container_actions_seconds", "Each action begins with an observation of 0 seconds"),
    (INFO, "1; what it says is in the tags"),
    ("engine_daemon_events_subscribers_total", "A gauge, whatever its name says"),
    (
        "engine_daemon_health_checks_failed_total",
        "That is: could not be run. A container found unhealthy is not counted",
    ),
];

/// A family of any engine.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    /// Versions of engines that have it.
    engines: BTreeSet<String>,
    /// The names it arrives under.
    names: BTreeSet<String>,
    tags: BTreeMap<String, BTreeSet<String>>,
}

#[test]
fn the_catalogue_of_metrics_is_what_the_recorded_engines_have() {
    let mut families = BTreeMap::new();
    let mut engines = BTreeSet::new();
    for (name, body) in sent::scrapes() {
        let engine = name.split('-').next().unwrap();
        engines.insert(engine.to_owned());
        // Its samples stand behind its two lines of comment.
        for block in body.split("# HELP ").skip(1) {
            read(block, engine, &mut families);
        }
    }
    let engines: Vec<_> = engines.into_iter().collect();
    let versions = engines.join(", ");
    let mut page = format!("{HEAD}\nengines {versions}. {OWN}\n");
    let mut is_named = BTreeSet::new();
    for (begin, heading) in GROUPS {
        page += &format!(
            "\n{heading}\n| arrives as | kind | unit | tags | meaning | engines |\n|---|---|---|---|---|---|\n"
        );
        for (name, family) in families.iter().filter(|(name, _)| name.starts_with(begin)) {
            is_named.insert(name);
            let (what, tags, meaning) = (family.what(name), family.tags(), family.meaning(name));
            page += &format!("| {what} | {tags} | {meaning} | {} |\n", family.engines(&engines));
        }
    }
    page +=
        &format!("\n{LIBRARIES}\n\n| arrives as | kind | unit | tags | engines |\n|---|---|---|---|---|\n");
    for (name, family) in families.iter().filter(|(name, _)| !is_named.contains(name)) {
        page += &format!("| {} | {} | {} |\n", family.what(name), family.tags(), family.engines(&engines));
    }
    assert!(NOTES.iter().all(|(name, _)| families.contains_key(*name)));
    crate::command_line::check_written("docs/metrics.md", &page);
}

/// `NAME HELP`, `# TYPE NAME KIND` and samples.
fn read(block: &str, engine: &str, families: &mut BTreeMap<String, Family>) {
    let (first, body) = block.split_once('\n').unwrap();
    let (name, help) = first.split_once(' ').unwrap();
    let kind = body.lines().next().unwrap().rsplit(' ').next().unwrap();
    let family = families.entry(name.to_owned()).or_default();
    kind.clone_into(&mut family.kind);
    help.trim_end_matches('.').clone_into(&mut family.help);
    family.engines.insert(engine.to_owned());
    // A scrape that tells the processors without this is of an engine that is still starting.
    let is_info = name == INFO;
    let body = if is_info { body.to_owned() } else { format!("{body}{INFO} 1\n") };
    let lines = sent::lines("datadog", body.as_bytes());
    for line in lines.iter().filter(|line| is_info || !line.contains(INFO)) {
        let (head, tags) = line.split_once("|#").unwrap_or((line, ""));
        family.names.insert(head.split(':').next().unwrap().to_owned());
        for (key, value) in tags.split(',').filter_map(|tag| tag.split_once(':')) {
            family.tags.entry(key.to_owned()).or_default().insert(value.to_owned());
        }
    }
}

impl Family {
    /// The first name whole and the ends of the others, the kind, the unit.
    fn what(&self, name: &str) -> String {
        let mut names = self.names.iter();
        let first = names.next().unwrap();
        let end = |name: &String| format!(", `{}`", &name[name.rfind('.').unwrap()..]);
        let ends: String = names.map(end).collect();
        let unit = UNITS.iter().find(|unit| name.trim_end_matches("_total").ends_with(**unit)).unwrap_or(&"");
        format!("`{first}`{ends} | {} | {unit}", self.kind)
    }

    fn meaning(&self, name: &str) -> String {
        let note = NOTES.iter().find(|(family, _)| *family == name);
        note.map_or(self.help.clone(), |(_, note)| format!("{}. {note}", self.help))
    }

    fn tags(&self) -> String {
        let known = self.tags.iter().filter(|(key, _)| *key != "upper_bound");
        let told = known.map(|(key, values)| {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            let values = if TELLING.contains(&key.as_str()) {
                format!(": {}", values.join(", "))
            } else {
                String::new()
            };
            format!("`{key}`{values}")
        });
        told.collect::<Vec<_>>().join("; ")
    }

    fn engines(&self, all: &[String]) -> String {
        let has = |engine: &&String| self.engines.contains(*engine);
        let having: Vec<&str> = all.iter().filter(has).map(String::as_str).collect();
        if having.len() == all.len() { "all".to_owned() } else { having.join(", ") }
    }
}
