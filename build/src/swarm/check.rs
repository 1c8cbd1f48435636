//! Pure: whether each node runs the plugin, and if not, why.
//!
//! A manager keeps the tasks that a node had before, so that a failure is told by one that has ended
//! while the next one waits to begin. Swarm begins again five seconds after each failure, for ever.

use std::fmt;

use super::manager::{Node, Service, Task, TaskSpec, UpdateStatus};

/// The state of a node that answers its manager.
pub(super) const READY: &str = "ready";
const ACTIVE: &str = "active";
const RUNNING: &str = "running";
/// How often a node fails before its reason counts as one that stays.
const FAILURES_MIN: usize = 3;
/// A manager stops an update when a node fails.
const STOPPED: [&str; 2] = ["paused", "rollback_paused"];

/// How the plugin stands on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It runs the version that the service has.
    Runs,
    /// Not yet: what it does, or what failed before it tries again.
    Coming(String),
    /// It does not, and nothing is going to change that: why.
    Lacks(String),
}

/// What a person can do about a failure, by a part of what the engine says.
const ADVICE: [(&str, &str); 6] = [
    (
        "only supported in experimental",
        "put \"experimental\": true into that engine's /etc/docker/daemon.json and restart it; every node needs it",
    ),
    (
        "plugin already exists",
        "there it was installed by hand, or by another service: `docker plugin rm --force` it on that node; Swarm tries again",
    ),
    (
        "incorrect privileges",
        "what is under the reference has changed and asks for other privileges: `swarm update` with the same reference \
         grants them",
    ),
    (
        "HTTP response to HTTPS client",
        "that engine insists on TLS: put the registry into \"insecure-registries\" of its daemon.json (also said when a \
         registry without TLS lacks the plugin)",
    ),
    ("not found", "is it pushed under this reference?"),
    ("plugin.sock", "the plugin ended at its start: the log of that engine says why"),
];

/// How the plugin stands on all nodes.
#[derive(Debug)]
pub(super) struct Report {
    remote: String,
    update: UpdateStatus,
    /// Host name and address of a node, and how it stands there.
    nodes: Vec<(String, Standing)>,
}

impl Report {
    pub(super) fn new(service: &Service, nodes: &[Node], tasks: &[Task]) -> Self {
        let target = service.target();
        let mut nodes: Vec<_> = nodes
            .iter()
            .map(|node| {
                let name = format!("{} {}", node.description.hostname, node.status.addr);
                (name, standing(node, tasks, &target))
            })
            .collect();
        nodes.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { remote: target.plugin_spec.remote, update: service.update_status.clone(), nodes }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.all(|standing| *standing == Standing::Runs)
    }

    pub(super) fn all(&self, holds: impl Fn(&Standing) -> bool) -> bool {
        self.nodes.iter().all(|(_, standing)| holds(standing))
    }

    /// Whether the manager has given up going on to another version.
    pub(super) fn is_stopped(&self) -> bool {
        STOPPED.contains(&self.update.state.as_str())
    }
}

/// A line for each node, with advice behind those that need it.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { remote, update, nodes } = self;
        for (name, standing) in nodes {
            let (mark, words) = match standing {
                Standing::Runs => ("ok   ", "runs it"),
                Standing::Coming(what) => ("WAIT ", what.as_str()),
                Standing::Lacks(why) => ("WRONG", why.as_str()),
            };
            // Parts of it come from other machines.
            writeln!(out, "{}", format!("{mark}  {name}: {words}").replace(char::is_control, "?"))?;
            if let Some((_, advice)) = ADVICE.iter().find(|(part, _)| words.contains(part)) {
                writeln!(out, "       {advice}")?;
            }
        }
        let running = nodes.iter().filter(|(_, standing)| *standing == Standing::Runs).count();
        writeln!(out, "{running} of {} nodes run {remote}", nodes.len())?;
        if self.is_stopped() {
            writeln!(out, "the manager stopped: {}; `swarm rollback` goes back", update.message)?;
        }
        Ok(())
    }
}

fn standing(node: &Node, tasks: &[Task], target: &TaskSpec) -> Standing {
    if node.status.state != READY {
        return Standing::Lacks(format!(
            "the node is {}; Swarm sees to the plugin when it is back",
            node.status.state
        ));
    }
    let of_node = || tasks.iter().filter(|task| task.node_id == node.id);
    let is_current = |task: &&Task| task.spec.is_for(target);
    let begun = of_node().filter(|task| task.desired_state == RUNNING && is_current(task));
    let begun = begun.max_by_key(|task| &task.created_at);
    if begun.is_some_and(|task| task.status.state == RUNNING) {
        return Standing::Runs;
    }
    if node.spec.availability != ACTIVE {
        // "drain" and "pause".
        return Standing::Lacks(format!(
            "the node's availability is {}: Swarm leaves the plugin there as it is",
            node.spec.availability
        ));
    }
    let failures = || of_node().filter(is_current).filter(|task| !task.status.err.is_empty());
    match failures().max_by_key(|task| &task.created_at) {
        Some(last) => {
            let err = last.status.err.clone();
            let count = failures().filter(|task| task.status.err == err).count();
            if count >= FAILURES_MIN { Standing::Lacks(err) } else { Standing::Coming(err) }
        }
        None => Standing::Coming(begun.map_or("not begun yet", |task| &task.status.state).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const REMOTE: &str = "registry.example/plugin:2";

    fn node(state: &str, availability: &str) -> Node {
        let node = json!({"ID": "n", "Spec": {"Availability": availability}, "Description": {"Hostname": "one"},
                          "Status": {"State": state, "Addr": "10.0.0.1"}});
        serde_json::from_value(node).unwrap()
    }

    /// A task of the node, as a manager lists it.
    fn task(second: u32, remote: &str, desired: &str, state: &str, err: &str) -> Task {
        let mut status = json!({"State": state, "Message": "", "Timestamp": ""});
        if !err.is_empty() {
            status["Err"] = err.into();
        }
        let task = json!({"ID": "t", "NodeID": "n", "CreatedAt": format!("2026-01-01T00:00:{second:02}.5Z"),
                          "Spec": {"PluginSpec": {"name": "plugin", "remote": remote}, "ForceUpdate": 1},
                          "DesiredState": desired, "Status": status});
        serde_json::from_value(task).unwrap()
    }

    fn rejected(second: u32, desired: &str, err: &str) -> Task {
        task(second, REMOTE, desired, "rejected", err)
    }

    fn check(node: &Node, tasks: &[Task], expected: &Standing) {
        assert_eq!(standing(node, tasks, &service(&json!({})).target()), *expected, "{tasks:#?}");
    }

    #[test]
    fn a_node_runs_it_whatever_was_before() {
        let running = task(5, REMOTE, "running", "running", "");
        check(&node("ready", "active"), std::slice::from_ref(&running), &Standing::Runs);
        let before = [
            rejected(1, "shutdown", "plugin already exists: plugin"),
            task(0, "registry.example/plugin:1", "shutdown", "shutdown", ""),
            running,
        ];
        check(&node("ready", "active"), &before, &Standing::Runs);
        check(&node("ready", "pause"), &before, &Standing::Runs);
    }

    #[test]
    fn another_version_or_another_nodes_task_does_not_count() {
        let old = task(1, "registry.example/plugin:1", "running", "running", "");
        let coming = |what: &str| Standing::Coming(what.to_owned());
        check(&node("ready", "active"), &[old], &coming("not begun yet"));
        let mut before = task(1, REMOTE, "running", "running", "");
        before.spec.force_update = 0;
        check(&node("ready", "active"), &[before], &coming("not begun yet"));
        let other = Task { node_id: "m".to_owned(), ..task(1, REMOTE, "running", "running", "") };
        check(&node("ready", "active"), &[other], &coming("not begun yet"));
        check(&node("ready", "active"), &[], &coming("not begun yet"));
        let preparing = task(1, REMOTE, "running", "preparing", "");
        check(&node("ready", "active"), &[preparing], &coming("preparing"));
    }

    #[test]
    fn a_failure_is_told_and_stays_after_the_third() {
        let exists = "plugin already exists: plugin";
        let mut tasks = vec![rejected(1, "shutdown", "not found"), rejected(2, "ready", exists)];
        check(&node("ready", "active"), &tasks, &Standing::Coming(exists.to_owned()));
        tasks.push(rejected(7, "shutdown", exists));
        check(&node("ready", "active"), &tasks, &Standing::Coming(exists.to_owned()));
        tasks.push(rejected(12, "running", exists));
        check(&node("ready", "active"), &tasks, &Standing::Lacks(exists.to_owned()));
    }

    #[test]
    fn a_node_that_is_away_or_drained_is_not_believed() {
        let running = [task(1, REMOTE, "running", "running", "")];
        let down = "the node is down; Swarm sees to the plugin when it is back";
        check(&node("down", "active"), &running, &Standing::Lacks(down.to_owned()));
        let ended = [task(1, REMOTE, "shutdown", "shutdown", "")];
        let drained = "the node's availability is drain: Swarm leaves the plugin there as it is";
        check(&node("ready", "drain"), &ended, &Standing::Lacks(drained.to_owned()));
    }

    fn service(update_status: &Value) -> Service {
        let spec = json!({"Name": "plugin", "TaskTemplate": {"PluginSpec": {"name": "plugin", "remote": REMOTE},
                          "ForceUpdate": 1, "Runtime": "plugin"}, "Mode": {"Global": {}}});
        let service =
            json!({"ID": "s", "Version": {"Index": 7}, "Spec": spec, "UpdateStatus": update_status});
        serde_json::from_value(service).unwrap()
    }

    #[test]
    fn a_report_says_which_nodes_lack_it_and_what_to_do() {
        let mut two = node("ready", "active");
        two.id = "m".to_owned();
        two.status.addr = "10.0.0.2".to_owned();
        let exists = |second| Task {
            node_id: "m".to_owned(),
            ..rejected(second, "ready", "plugin already exists: a\n")
        };
        let tasks = [task(1, REMOTE, "running", "running", ""), exists(1), exists(2), exists(3)];
        let report = Report::new(&service(&json!({})), &[two, node("ready", "active")], &tasks);
        assert!(!report.is_complete() && !report.is_stopped());
        assert_eq!(
            report.to_string(),
            "ok     one 10.0.0.1: runs it\n\
             WRONG  one 10.0.0.2: plugin already exists: a?\n\
             \x20      there it was installed by hand, or by another service: `docker plugin rm --force` it on that node; \
             Swarm tries again\n\
             1 of 2 nodes run registry.example/plugin:2\n"
        );
    }

    #[test]
    fn an_update_that_stopped_is_told() {
        let status = json!({"State": "paused", "Message": "update paused due to failure"});
        let report = Report::new(&service(&status), &[node("ready", "active")], &[]);
        assert!(report.is_stopped());
        let last = "the manager stopped: update paused due to failure; `swarm rollback` goes back\n";
        assert!(report.to_string().ends_with(last), "{report}");
    }
}
