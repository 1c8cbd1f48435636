//! What dashboards, monitors and documents name is sent: each name of a metric, and each tag that a query asks for, is
//! looked for in what the recorded scrapes become and in what the program says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::graphite;
use crate::sent;

const DATADOG: &str = "dashboards/datadog.json";
const GRAFANA: &str = "dashboards/grafana-graphite.json";
const MONITORS: &str = "dashboards/monitors";
/// Put on by the Agent, or by the setting `TAGS`.
const HOST: &str = "host";
/// How the engine's families begin.
const FAMILIES: [&str; 9] =
    ["engine_daemon_", "builder_", "logger_", "swarm_", "go_", "process_", "promhttp_", "grpc_", "etcd_"];

type Tags = BTreeMap<String, String>;

/// Names of metrics, each with the tags of every line.
struct Sent(BTreeMap<String, Vec<Tags>>);

impl Sent {
    fn of(names_and_tags: impl Iterator<Item = (String, Tags)>) -> Self {
        let mut sent = BTreeMap::<_, Vec<_>>::new();
        names_and_tags.for_each(|(name, tags)| sent.entry(name).or_default().push(tags));
        Self(sent)
    }

    fn to_datadog() -> Self {
        Self::of(lines("datadog").iter().map(|line| {
            let (head, tags) = line.split_once("|#").unwrap_or((line, ""));
            let name = match head.strip_prefix("_sc|") {
                Some(check) => check.split('|').next(),
                None => head.split(':').next(),
            };
            (name.unwrap().to_owned(), read_tags(tags.split(','), ':'))
        }))
    }

    fn in_graphite() -> Self {
        let lines = lines("graphite");
        let paths = lines.iter().flat_map(|line| graphite::paths(line));
        Self::of(paths.map(|path| {
            let (name, tags) = path.split_once(';').unwrap_or((&path, ""));
            (name.to_owned(), read_tags(tags.split(';'), '='))
        }))
    }

    /// One line of this name has all these tags; `None` stands for any value.
    fn check(&self, name: &str, wanted: &[(String, Option<String>)]) -> Result<(), String> {
        let lines = self.0.get(name).ok_or_else(|| format!("no metric {name}"))?;
        let has = |tags: &Tags, (key, value): &(String, Option<String>)| {
            key == HOST
                || tags.get(key).is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        };
        let found = lines.iter().any(|tags| wanted.iter().all(|tag| has(tags, tag)));
        found.then_some(()).ok_or_else(|| format!("{name} has no tags {wanted:?}"))
    }
}

/// Everything that is sent in a dialect.
fn lines(format: &str) -> Vec<String> {
    let scrapes = sent::scrapes();
    let lines = scrapes.iter().flat_map(|(_, body)| sent::lines(format, body.as_bytes()));
    lines.chain(sent::lines_of_itself(format)).collect()
}

fn read_tags<'a>(tags: impl Iterator<Item = &'a str>, equals: char) -> Tags {
    let tags = tags.filter_map(|tag| tag.split_once(equals));
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Every text of a JSON document.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(values) => values.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// The metrics that a Datadog query asks for: `sum:NAME{$host,KEY:VALUE} by {KEY}`.
fn check_query(query: &str, sent: &Sent) -> Result<usize, String> {
    let mut asked = 0;
    for (head, rest) in query.match_indices('{').map(|(at, _)| (&query[..at], &query[at + 1..])) {
        // Of a name or of ` by `.
        let name = head.rsplit(|char: char| !is_of_name(char)).next().unwrap();
        if name.is_empty() {
            continue;
        }
        let (scope, rest) = rest.split_once('}').ok_or_else(|| format!("no end of the scope: {query}"))?;
        let groups =
            rest.strip_prefix(" by {").and_then(|rest| rest.split_once('}')).map_or("", |(groups, _)| groups);
        let scope = scope.split(',').filter(|tag| !["*", "$host"].contains(tag));
        let scope = scope
            .map(|tag| tag.split_once(':').map_or((tag, None), |(key, value)| (key, Some(value.to_owned()))));
        let groups = groups.split(',').filter(|key| !key.is_empty()).map(|key| (key, None));
        let wanted: Vec<_> = scope.chain(groups).map(|(key, value)| (key.to_owned(), value)).collect();
        sent.check(name, &wanted)?;
        asked += 1;
    }
    Ok(asked)
}

fn is_of_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_.".contains(char)
}

/// Each name of a metric in a text, whatever else it says.
fn check_text(text: &str, names: &BTreeSet<String>) -> Result<usize, String> {
    let words = text.split(|char| !is_of_name(char) && char != '*').map(|word| word.trim_end_matches('.'));
    let is_metric = |word: &&str| {
        let is_ours =
            word.strip_prefix("docker.").is_some_and(|rest| !rest.starts_with('x') && rest != "sock");
        is_ours || FAMILIES.iter().any(|family| word.starts_with(family))
    };
    let mut found_count = 0;
    for word in words.filter(is_metric) {
        let found = match word.strip_suffix('*').or((word == "docker.metrics").then_some(word)) {
            Some(begin) => names.iter().any(|name| name.starts_with(begin)),
            None => names.contains(word),
        };
        if !found {
            return Err(format!("no metric {word}"));
        }
        found_count += 1;
    }
    Ok(found_count)
}

/// As they arrive in Datadog and outside of it, and as a scrape has them; and the tags' keys.
fn all_names() -> BTreeSet<String> {
    let tagged = lines("graphite");
    let outside = tagged.iter().map(|line| line.split([':', ';']).next().unwrap().to_owned());
    let scrapes = sent::scrapes();
    let comments = scrapes.iter().flat_map(|(_, body)| body.lines());
    let families =
        comments.filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned));
    let to_datadog = Sent::to_datadog().0;
    let keys: Vec<String> = to_datadog.values().flatten().flat_map(BTreeMap::keys).cloned().collect();
    to_datadog.into_keys().chain(keys).chain(outside).chain(families).collect()
}

/// The `seriesByTag` of a target for Graphite, and what is done by a tag.
fn check_target(target: &str, sent: &Sent) -> Result<usize, String> {
    let by = target.strip_prefix("aliasByTags(").and_then(|rest| rest.strip_suffix("')")?.rsplit_once('\''));
    let by = by.map(|(_, key)| (key.to_owned(), None));
    let mut asked = 0;
    for call in target.split("seriesByTag(").skip(1) {
        let (expressions, _) = call.split_once(')').ok_or_else(|| format!("no end of the call: {target}"))?;
        let expressions = expressions.split(',').map(|text| text.trim_matches('\'').split_once('='));
        let mut wanted: Vec<(String, Option<String>)> = by.clone().into_iter().collect();
        let mut name = None;
        for expression in expressions {
            let (key, value) = expression.ok_or_else(|| format!("no tag and value: {target}"))?;
            match key {
                "name" => name = Some(value),
                _ => wanted.push((key.to_owned(), (!value.starts_with('~')).then(|| value.to_owned()))),
            }
        }
        sent.check(name.ok_or_else(|| format!("no name: {target}"))?, &wanted)?;
        asked += 1;
    }
    Ok(asked)
}

/// A Grafana dashboard's texts, with the constants among its variables in place.
fn grafana_texts() -> Vec<String> {
    let dashboard = json(Path::new(GRAFANA));
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let constants: Vec<_> = variables.iter().filter(|variable| variable["type"] == "constant").collect();
    assert_eq!(constants.len(), 3);
    let filled = |text: &String| {
        constants.iter().fold(text.clone(), |text, constant| {
            let name = format!("${{{}}}", constant["name"].as_str().unwrap());
            text.replace(&name, constant["query"].as_str().unwrap())
        })
    };
    texts(&dashboard).iter().map(filled).collect()
}

#[test]
fn datadogs_dashboard_and_monitors_ask_for_what_is_sent() {
    let (sent, names) = (Sent::to_datadog(), all_names());
    let mut paths = files(MONITORS, "json");
    assert!(paths.len() > 5, "{paths:?}");
    paths.push(DATADOG.into());
    for path in &paths {
        let document = json(path);
        let texts = texts(&document);
        let asked: usize = texts.iter().map(|text| check_query(text, &sent).unwrap()).sum();
        let found_count: usize = texts.iter().map(|text| check_text(text, &names).unwrap()).sum();
        assert!(asked > 0 && found_count >= asked, "{path:?}: {asked} {found_count}");
    }
}

#[test]
fn grafanas_dashboard_asks_for_what_is_sent() {
    let (sent, names) = (Sent::in_graphite(), all_names());
    let texts = grafana_texts();
    let asked: usize = texts.iter().map(|text| check_target(text, &sent).unwrap()).sum();
    assert!(asked > 50, "{asked}");
    for text in &texts {
        check_text(text, &names).unwrap();
    }
    let host = texts.iter().find_map(|text| text.strip_prefix("tag_values(host, name=")?.strip_suffix(')'));
    sent.check(host.unwrap(), &[]).unwrap();
}

#[test]
fn documents_name_what_is_sent() {
    let names = all_names();
    let mut paths = files("docs", "md");
    paths.extend(["README.md", "dashboards/README.md"].map(PathBuf::from));
    let check = |path: &PathBuf| check_text(&fs::read_to_string(path).unwrap(), &names);
    let found_count: usize = paths
        .iter()
        .map(|path| check(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .sum();
    assert!(found_count > 60, "{found_count}");
}

#[test]
fn what_is_not_sent_is_noticed() {
    let datadog = Sent::to_datadog();
    let actions = "docker.engine_daemon_container_actions_seconds";
    assert_eq!(
        check_query(&format!("sum:{actions}.count{{$host,action:start}} by {{host}}.as_count()"), &datadog),
        Ok(1)
    );
    for wrong in ["sum:docker.upp{*}", "sum:docker.up{action:start}", "sum:docker.up{*} by {state}"] {
        assert!(check_query(wrong, &datadog).is_err(), "{wrong}");
    }
    for wrong in [".counts{*}", ".count{action:begin}", ".count{*} by {actions}", ".bucket{upper_bound:0.3}"]
    {
        assert!(check_query(&format!("sum:{actions}{wrong}"), &datadog).is_err(), "{wrong}");
    }
    let graphite = Sent::in_graphite();
    let up = "seriesByTag('name=stats.gauges.docker.up','host=~.*')";
    assert_eq!(check_target(&format!("alias(divideSeries({up},{up}),'a')"), &graphite), Ok(2));
    let tasks = "seriesByTag('name=stats.gauges.docker.swarm_manager_tasks_total','state=running')";
    assert_eq!(check_target(&format!("aliasByTags({tasks},'state')"), &graphite), Ok(1));
    for wrong in [
        tasks.replace("gauges", "counters"),
        tasks.replace("running", "walking"),
        tasks.replace("state", "stat"),
    ] {
        assert!(check_target(&wrong, &graphite).is_err(), "{wrong}");
    }
    assert!(check_target(&format!("aliasByTags({tasks},'action')"), &graphite).is_err());
    let names = all_names();
    assert_eq!(
        check_text("`docker.up`, docker.metrics.*, go_* and docker.sock, not docker.x.count", &names),
        Ok(3)
    );
    for wrong in ["docker.upp", "go_goroutine", "swarm_x*", "docker.metrics.scrape"] {
        assert!(check_text(wrong, &names).is_err(), "{wrong}");
    }
}
