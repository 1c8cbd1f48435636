//! What every test needs: a private engine, the plugin's files, and waiting for things to be true.

use crate::support::etsy::Etsy;
use crate::support::{asked_to_skip, workspace_root};
use plugin_builder::engine::{Engine, EngineError, EngineOptions};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// The plugin's name in the private engines.
pub(crate) const PLUGIN: &str = "metrics:test";
/// Longer than anything takes on a busy machine; only a failing test ever waits this long.
const WAIT_MAX: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The engine counts how often its metrics were scraped.
const SCRAPES: &str = "docker.promhttp_metric_handler_requests_total.code.200";

/// A private engine for one test.
pub(crate) struct Lab {
    pub(crate) engine: Engine,
}

impl Lab {
    /// Nothing when the person who runs the tests asked for these to be left out.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(flags: &[&str]) -> Option<Self> {
        if asked_to_skip("engine") {
            return None;
        }
        let flags = flags.iter().map(ToString::to_string).collect();
        let bin = std::env::var_os("ENGINE_BIN").map(PathBuf::from);
        let engine = Engine::start(&EngineOptions { bin, flags });
        Some(Self { engine: engine.unwrap_or_else(|error| panic!("{error}\n{}", how_to_skip())) })
    }

    /// Runs the docker client; a failure ends the test with the engine's log.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        self.try_docker(arguments).unwrap_or_else(|error| panic!("{error}\n{}", self.log_end()))
    }

    pub(crate) fn try_docker(&self, arguments: &[&str]) -> Result<String, EngineError> {
        self.engine.docker(arguments)
    }

    /// Creates the plugin from the directory, as the documentation says.
    pub(crate) fn create(&self) {
        self.docker(&["plugin", "create", PLUGIN, plugin_folder().to_str().expect("a path in UTF-8")]);
    }

    /// Sets and enables the plugin that was created.
    pub(crate) fn enable(&self, settings: &[&str]) {
        self.docker(&[&["plugin", "set", PLUGIN], settings].concat());
        self.docker(&["plugin", "enable", PLUGIN]);
    }

    /// Calls the API without the client, which would make further calls.
    pub(crate) fn get(&self, path: &str) -> String {
        let reply = self.engine.api("GET", path, None).expect("an answer of the engine");
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    /// A StatsD server on the loopback address that the plugin sees.
    pub(crate) fn etsy(&self) -> Agent<'_> {
        Agent { lab: self, etsy: self.enter(Etsy::start) }
    }

    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.engine.enter(work).expect("the engine's network namespace")
    }

    /// What the plugin has logged: the engine marks each line with the plugin's id.
    pub(crate) fn plugin_log(&self) -> Vec<String> {
        let log = self.engine.log();
        let lines = log.lines().filter(|line| line.rsplit_once(" plugin=").is_some_and(is_plugin_id));
        lines.map(str::to_owned).collect()
    }

    /// Looks until `look` finds something; `what` completes "no ...".
    pub(crate) fn wait_for<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "no {what}\n{}", self.log_end());
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn log_end(&self) -> String {
        format!("The end of the engine's log:\n{}", self.engine.log_tail())
    }
}

/// A StatsD server beside a private engine.
pub(crate) struct Agent<'lab> {
    lab: &'lab Lab,
    etsy: Etsy,
}

impl Agent<'_> {
    /// The setting that leads the plugin here.
    pub(crate) fn setting(&self) -> String {
        format!("STATSD_ADDR=udp://127.0.0.1:{}", self.etsy.udp_port())
    }

    /// Asks the server, from inside the namespace that its management port is in.
    pub(crate) fn ask<T: Send>(&self, question: impl FnOnce(&Etsy) -> T + Send) -> T {
        self.lab.enter(|| question(&self.etsy))
    }

    pub(crate) fn counter(&self, name: &str) -> f64 {
        self.ask(Etsy::counters).get(name).copied().unwrap_or(0.0)
    }

    /// Waits for the gauge and returns its value.
    pub(crate) fn gauge(&self, name: &str) -> f64 {
        self.lab.wait_for(&format!("gauge {name}"), || self.ask(Etsy::gauges).get(name).copied())
    }

    /// Waits until `count` further scrapes have arrived.
    ///
    /// The server keeps no time of arrival, so this watches the counter that the engine moves each
    /// time it is scraped.
    pub(crate) fn wait_for_scrapes(&self, count: u32) {
        let scrapes = || {
            let counters = self.ask(Etsy::counters);
            counters.get(SCRAPES).copied().unwrap_or(0.0)
        };
        let before = scrapes();
        self.lab.wait_for("further scrapes", || (scrapes() >= before + f64::from(count)).then_some(()));
    }
}

/// `target/plugin/amd64`, with `config.json` and `rootfs`.
pub(crate) fn plugin_folder() -> PathBuf {
    built("target/plugin/amd64")
}

/// The tarball of the same.
pub(crate) fn plugin_tarball() -> PathBuf {
    let version = plugin_builder::VERSION;
    built(&format!("target/plugin/docker-metrics-statsd-{version}-linux-amd64.tar"))
}

fn built(path: &str) -> PathBuf {
    let path = workspace_root().join(path);
    assert!(path.exists(), "{} is missing: run `just plugin`\n{}", path.display(), how_to_skip());
    path
}

fn how_to_skip() -> &'static str {
    "(SKIP_TESTS=engine leaves the tests out that need a Docker Engine)"
}

fn is_plugin_id((_, id): (&str, &str)) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
