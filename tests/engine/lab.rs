//! What every test needs: a private engine, the plugin's files, and waiting for things to be true.

use crate::release::Release;
use crate::support::{asked_to_skip, workspace_root};
use plugin_builder::engine::{Engine, EngineError, EngineOptions};
use std::cell::Cell;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// The plugin's name in the private engines.
pub(crate) const PLUGIN: &str = "metrics:test";
/// Longer than anything takes on a busy machine; only a failing test ever waits this long.
const WAIT_MAX: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const PLUGIN_LOG_LINES_SHOWN: usize = 30;
/// The image that containers are run from.
const IMAGE: &str = "busybox";

/// A private engine for one test.
pub(crate) struct Lab {
    pub(crate) engine: Engine,
    containers_run: Cell<u32>,
}

impl Lab {
    /// Nothing when the person who runs the tests asked for these to be left out.
    pub(crate) fn start() -> Option<Self> {
        Self::start_on(Release::Installed, &[])
    }

    pub(crate) fn start_on(release: Release, flags: &[&str]) -> Option<Self> {
        if asked_to_skip("engine") {
            return None;
        }
        let flags = flags.iter().map(ToString::to_string).collect();
        let engine = Engine::start(&EngineOptions { bin: release.bin(), flags });
        let engine = engine.unwrap_or_else(|error| panic!("{release:?}: {error}\n{}", how_to_skip()));
        Some(Self { engine, containers_run: Cell::new(0) })
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

    /// Makes the image that containers are run from: a static busybox.
    pub(crate) fn import_busybox(&self) {
        let archive = self.engine.folder().join("busybox.tar");
        let tar = Command::new("tar").args(["-C", "/bin", "-cf"]).arg(&archive).arg("busybox").status();
        assert!(tar.is_ok_and(|status| status.success()), "no /bin/busybox: install busybox-static");
        self.docker(&["import", archive.to_str().expect("a path in UTF-8"), IMAGE]);
    }

    /// Runs that many containers, one after the other, from their creation to their removal.
    pub(crate) fn run_containers(&self, count: u32) {
        for _ in 0..count {
            self.docker(&["run", "--name=short", "--network=none", IMAGE, "/busybox", "true"]);
            self.docker(&["rm", "short"]);
        }
        self.containers_run.set(self.containers_run.get() + count);
    }

    pub(crate) fn containers_run(&self) -> u32 {
        self.containers_run.get()
    }

    pub(crate) fn plugin_id(&self) -> String {
        self.docker(&["plugin", "inspect", "--format", "{{.Id}}", PLUGIN]).trim().to_owned()
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
    pub(crate) fn wait_for<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        wait_until(look).unwrap_or_else(|| panic!("no {what}\n{}", self.log_end()))
    }

    /// For the message of a test that fails.
    pub(crate) fn log_end(&self) -> String {
        let plugin = self.plugin_log().join("\n");
        let plugin = plugin_builder::engine::tail(&plugin, PLUGIN_LOG_LINES_SHOWN);
        format!("The plugin's log:\n{plugin}\nThe end of the engine's log:\n{}", self.engine.log_tail())
    }
}

/// The process of a plugin, when it has one.
pub(crate) fn plugin_process(plugin_id: &str) -> Option<i32> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.find(|id| {
        // The engine names a plugin's control group after it.
        let groups = std::fs::read_to_string(format!("/proc/{id}/cgroup")).unwrap_or_default();
        groups.contains(plugin_id)
    })
}

/// Looks until `look` finds something, or nothing when that takes too long.
pub(crate) fn wait_until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(POLL_INTERVAL);
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

pub(crate) fn how_to_skip() -> &'static str {
    "(SKIP_TESTS=engine leaves the tests out that need a Docker Engine)"
}

fn is_plugin_id((_, id): (&str, &str)) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
