//! A StatsD server beside a private engine, which can go away and come back.

use crate::lab::Lab;
use crate::support::etsy::Etsy;
use plugin_builder::engine::Network;
use std::collections::BTreeMap;

/// The engine counts how often its metrics were scraped.
const SCRAPES: &str = "docker.promhttp_metric_handler_requests_total.code.200";

/// Etsy's server on the loopback address that the plugin sees. It borrows nothing of the lab, whose
/// engine can be stopped meanwhile.
pub(crate) struct Agent {
    network: Network,
    port: u16,
    /// Nothing while it is away.
    server: Option<Etsy>,
    /// The sums of the servers that have ended.
    earlier: BTreeMap<String, f64>,
}

impl Agent {
    pub(crate) fn start(lab: &Lab) -> Self {
        let network = lab.engine.network();
        let server = lab.enter(Etsy::start);
        Self { network, port: server.udp_port(), server: Some(server), earlier: BTreeMap::new() }
    }

    /// The setting that leads the plugin here.
    pub(crate) fn setting(&self) -> String {
        format!("STATSD_ADDR=udp://127.0.0.1:{}", self.port)
    }

    /// Ends the server. What it had counted stays part of the sums.
    pub(crate) fn stop(&mut self) {
        self.earlier = self.counters();
        self.server = None;
    }

    /// Starts a new server at the address of the one that was stopped.
    pub(crate) fn start_again(&mut self) {
        let port = self.port;
        self.server = Some(self.network.enter(|| Etsy::start_on(port)).expect("the engine's namespace"));
    }

    /// Asks the server, from inside the namespace that its management port is in.
    pub(crate) fn ask<T: Send>(&self, question: impl FnOnce(&Etsy) -> T + Send) -> T {
        let server = self.server.as_ref().expect("a server that was not stopped");
        self.network.enter(|| question(server)).expect("the engine's namespace")
    }

    /// The sum of each counter, over all servers that there were.
    pub(crate) fn counters(&self) -> BTreeMap<String, f64> {
        let mut sums = self.earlier.clone();
        for (name, sum) in self.ask(Etsy::counters) {
            *sums.entry(name).or_default() += sum;
        }
        sums
    }

    pub(crate) fn counter(&self, name: &str) -> f64 {
        self.counters().get(name).copied().unwrap_or(0.0)
    }

    /// Waits for the gauge and returns its value.
    pub(crate) fn gauge(&self, lab: &Lab, name: &str) -> f64 {
        lab.wait_for(&format!("gauge {name}"), || self.ask(Etsy::gauges).get(name).copied())
    }

    /// Waits until `count` further scrapes have arrived.
    ///
    /// The server keeps no time of arrival, so this watches the counter that the engine moves each
    /// time it is scraped, by this test too.
    pub(crate) fn wait_for_scrapes(&self, lab: &Lab, count: u32) {
        let before = self.counter(SCRAPES);
        lab.wait_for("further scrapes", || {
            (self.counter(SCRAPES) >= before + f64::from(count)).then_some(())
        });
    }

    /// Every line that arrived could be read.
    pub(crate) fn check_lines(&self) {
        assert_eq!(self.ask(|etsy| (etsy.bad_lines_seen(), etsy.bad_lines())), (0, vec![]));
    }
}
