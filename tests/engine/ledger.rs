//! The law: what the StatsD servers got is what the engine's own metrics grew by, for every counter.
//!
//! Job: keep the books over servers and engine processes that come and go, and compare them. The
//! engine is scraped directly, past the plugin, and read by a parser of the tests' own.

use crate::agent::Agent;
use crate::lab::{Lab, wait_until};
use crate::metrics::samples;
use std::collections::BTreeMap;

/// Counts that engines begin at 1 with, not 0: an observation of 0 s for each action of containers.
const STARTS: &str = "docker.engine_daemon_container_actions_seconds_count.action.start";
/// Moves by itself while an engine stops.
const EVENTS: &str = "docker.engine_daemon_events_total";
/// A scrape that was under way, one that this test made, and two that show that nothing moved.
const SCRAPES_TO_SETTLE: u32 = 4;
/// The server adds floating-point numbers; whole ones stay exact.
const SECONDS_TOLERANCE: f64 = 1e-9;

type Values = BTreeMap<String, f64>;

/// The books, from a quiet moment at which nothing was owed.
pub(crate) struct Ledger {
    /// What the engine's metrics said less what had arrived, when the books were opened.
    opening: Values,
    /// The last values of the engine processes that have ended, added up.
    ended: Values,
    engines_ended: u32,
    containers_before: u32,
    sums_before: Values,
    counts_events: bool,
}

impl Ledger {
    /// Waits for a quiet moment and opens the books.
    pub(crate) fn open(lab: &Lab, agent: &Agent) -> Self {
        let now = settle(lab, agent);
        let sums = agent.counters();
        let opening = now.iter().map(|(name, value)| (name.clone(), value - get(&sums, name))).collect();
        Self {
            opening,
            ended: Values::new(),
            engines_ended: 0,
            containers_before: lab.containers_run(),
            sums_before: sums,
            counts_events: true,
        }
    }

    /// Notes the last values of an engine that is about to end; to be called when nothing but its end
    /// will move them.
    pub(crate) fn engine_ends(&mut self, lab: &Lab) {
        for (name, value) in counted(lab) {
            *self.ended.entry(name).or_default() += value;
        }
        self.engines_ended += 1;
        self.counts_events = false;
    }

    /// Waits until everything that is due has arrived.
    pub(crate) fn await_balance(&self, lab: &Lab, agent: &Agent) {
        let mut wrong = Vec::new();
        let balanced = wait_until(|| {
            wrong = self.differences(&counted(lab), &agent.counters());
            wrong.is_empty().then_some(())
        });
        assert!(balanced.is_some(), "{}\n{}", wrong.join("\n"), lab.log_end());
        self.check_known_number(lab, agent);
    }

    /// As `await_balance`, and that nothing arrives twice afterwards.
    pub(crate) fn check(&self, lab: &Lab, agent: &Agent) {
        self.await_balance(lab, agent);
        agent.wait_for_scrapes(lab, SCRAPES_TO_SETTLE);
        let wrong = self.differences(&counted(lab), &agent.counters());
        assert!(wrong.is_empty(), "after further scrapes:\n{}\n{}", wrong.join("\n"), lab.log_end());
        agent.check_lines();
    }

    /// Waits until everything that is due has arrived, and checks that nothing arrived more than twice.
    pub(crate) fn check_within_twice(&self, lab: &Lab, agent: &Agent) {
        let now = settle(lab, agent);
        let sums = agent.counters();
        let before = |name: &str| get(&self.sums_before, name);
        let wrong: Vec<_> = now
            .iter()
            .map(|(name, value)| {
                let arrived = get(&sums, name) - before(name);
                (name, arrived, value - get(&self.opening, name) - before(name))
            })
            .filter(|(_, arrived, due)| {
                *arrived < due - SECONDS_TOLERANCE || *arrived > 2.0 * due + SECONDS_TOLERANCE
            })
            .map(|(name, arrived, due)| format!("{name}: {arrived} arrived, {due} due"))
            .collect();
        assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), lab.log_end());
    }

    /// As `await_balance` while no engine runs: all that the ended ones counted has arrived.
    pub(crate) fn await_balance_of_ended(&self, lab: &Lab, agent: &Agent) {
        let mut wrong = Vec::new();
        let balanced = wait_until(|| {
            wrong = self.differences(&Values::new(), &agent.counters());
            wrong.is_empty().then_some(())
        });
        assert!(balanced.is_some(), "{}\n{}", wrong.join("\n"), lab.log_end());
    }

    /// From here on the engine's count of events is not compared: what takes a plugin away is an event
    /// after its last scrape.
    pub(crate) fn ignore_events(&mut self) {
        self.counts_events = false;
    }

    /// What is wrong for each series; each value that the engine has is due, less the opening.
    fn differences(&self, now: &Values, sums: &Values) -> Vec<String> {
        let names = self.opening.keys().chain(now.keys()).chain(self.ended.keys());
        let mut names: Vec<&String> = names.collect();
        names.sort();
        names.dedup();
        let mut wrong = Vec::new();
        for name in names {
            if name == EVENTS && !self.counts_events {
                continue;
            }
            let due = get(now, name) + get(&self.ended, name) - get(&self.opening, name);
            let arrived = get(sums, name);
            let tolerance = if name.contains("_seconds_sum") { SECONDS_TOLERANCE } else { 0.0 };
            if (due - arrived).abs() > tolerance {
                wrong.push(format!("{name}: {arrived} arrived, {due} due"));
            }
        }
        wrong
    }

    /// The engine's word is one thing; that it counted what this test did is another.
    fn check_known_number(&self, lab: &Lab, agent: &Agent) {
        let containers = lab.containers_run() - self.containers_before;
        let known = f64::from(containers + self.engines_ended);
        assert_eq!(agent.counter(STARTS) - get(&self.sums_before, STARTS), known, "{STARTS}");
    }
}

/// How often containers were started, as far as the server knows.
pub(crate) fn starts(agent: &Agent) -> f64 {
    agent.counter(STARTS)
}

/// Waits until two looks at the engine's metrics, with scrapes of the plugin in between, are the same,
/// and returns them: what was to arrive has arrived.
pub(crate) fn settle(lab: &Lab, agent: &Agent) -> Values {
    let mut before = counted(lab);
    lab.wait_for("quiet moment", || {
        agent.wait_for_scrapes(lab, SCRAPES_TO_SETTLE);
        let after = counted(lab);
        let quiet = before == after;
        before.clone_from(&after);
        quiet.then_some(after)
    })
}

/// Every cumulative series of the engine's own, by its name at the server.
fn counted(lab: &Lab) -> Values {
    let exposition = lab.engine.metrics().expect("the engine's own metrics");
    let mut values = samples(&exposition, "engine_daemon_", &["counter", "histogram"]);
    // The bucket that is the count once more is not sent.
    values.retain(|name, _| !name.ends_with("._Inf"));
    values
}

fn get(values: &Values, name: &str) -> f64 {
    values.get(name).copied().unwrap_or(0.0)
}
