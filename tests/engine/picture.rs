//! Records what the picture of the Grafana dashboard is drawn from (`just picture`): what a real engine's plugin
//! sends while containers, images and services come and go, as a real Etsy statsd writes it to Graphite.
//!
//! No test, hence ignored: it takes its time, and what it says is in the picture.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::registry::Registry;
use crate::release::Release;
use crate::support::carbon::Carbon;
use crate::support::etsy::Etsy;
use crate::support::workspace_root;

/// Where the recording goes, as lines of carbon's.
const RECORDING: &str = "target/picture/carbon.txt";
/// How much of an engine's life is recorded.
const RECORDED: Duration = Duration::from_secs(10 * 60);
/// The plugin's own default, and that of Etsy's statsd.
const INTERVAL: Duration = Duration::from_secs(10);
/// Between two rounds of work.
const ROUND_INTERVAL: Duration = Duration::from_secs(4);
/// How many containers run at most.
const RUNNING_MAX: usize = 12;
const IMAGE: &str = "busybox";
/// Of the containers that come and go.
const LABEL: &str = "--label=work";
const SLEEP: [&str; 3] = ["/busybox", "sleep", "3600"];

#[test]
#[ignore = "ten minutes: records what the picture in docs is made of"]
fn an_engine_at_work_is_recorded() {
    let Some(lab) = Lab::start_on(Release::Fetched("28"), &[]) else { return };
    let carbon = lab.enter(Carbon::start);
    let etsy = lab.enter(|| Etsy::start_before_carbon(carbon.port(), INTERVAL));
    let registry = lab.enter(Registry::start);
    let work = Work::open(&lab, &registry);
    lab.create();
    let address = format!("STATSD_ADDR=udp://127.0.0.1:{}", etsy.udp_port());
    lab.enable(&[&address, "STATSD_FORMAT=graphite", "TAGS=host:demo"]);
    let start = Instant::now();
    for round in 0.. {
        if start.elapsed() >= RECORDED {
            break;
        }
        work.go_on(round);
        thread::sleep(ROUND_INTERVAL);
    }
    let recording = workspace_root().join(RECORDING);
    fs::create_dir_all(recording.parent().expect("a folder")).expect("a folder below target");
    fs::write(recording, carbon.text()).expect("a file below target");
}

/// What people do with an engine, in small.
struct Work<'lab> {
    lab: &'lab Lab,
    reference: String,
}

impl<'lab> Work<'lab> {
    fn open(lab: &'lab Lab, registry: &Registry) -> Self {
        lab.import_busybox();
        let work = Self { lab, reference: registry.reference("tools:1") };
        lab.docker(&["tag", IMAGE, &work.reference]);
        lab.docker(&["swarm", "init", "--advertise-addr=127.0.0.1"]);
        let check = "HEALTHCHECK --interval=5s CMD [\"/busybox\", \"true\"]";
        work.write("good", &format!("FROM {IMAGE}\n{check}\nCOPY Dockerfile /\n"));
        work.write("bad", &format!("FROM {IMAGE}\nWALK /\n"));
        work.build("good").expect("a build that works");
        // There is no shell that could run it.
        work.run(&["--health-cmd=true", "--health-interval=20s", IMAGE]);
        work
    }

    fn go_on(&self, round: usize) {
        let running = self.containers();
        // A wave, so that there is something to see.
        let is_rising = (round / 20).is_multiple_of(2);
        match running.first() {
            Some(oldest) if !is_rising || running.len() >= RUNNING_MAX => {
                self.lab.docker(&["stop", "--time=0", oldest]);
                if !round.is_multiple_of(3) {
                    self.lab.docker(&["rm", oldest]);
                }
            }
            _ => self.run(&[LABEL, "good"]),
        }
        match round % 12 {
            1 => drop(self.lab.docker(&["push", &self.reference])),
            2 => drop(self.lab.docker(&["rmi", "--force", &self.reference])),
            3 => drop(self.lab.docker(&["pull", &self.reference])),
            4 | 8 => self.build("good").map(drop).expect("a build that works"),
            5 => assert!(self.build("bad").is_err(), "this build is to fail"),
            6 => drop(self.lab.docker(&["history", "good"])),
            7 => self.pause(),
            9 => self.scale(round),
            10 => drop(self.lab.docker(&["container", "prune", "--force"])),
            11 => running.last().map_or((), |last| drop(self.lab.docker(&["commit", last, "kept"]))),
            _ => self.import_and_remove(),
        }
        self.lab.run_containers(1);
    }

    /// A container that does nothing for long.
    fn run(&self, options_and_image: &[&str]) {
        let run = ["run", "--detach", "--network=none"];
        self.lab.docker(&[&run, options_and_image, &SLEEP].concat());
    }

    fn import_and_remove(&self) {
        let archive = self.lab.engine.folder().join("busybox.tar");
        self.lab.docker(&["import", archive.to_str().expect("a path in UTF-8"), "waste"]);
        self.lab.docker(&["rmi", "waste"]);
    }

    fn containers(&self) -> Vec<String> {
        let ids = self.lab.docker(&["ps", "--quiet", "--filter=label=work", "--filter=status=running"]);
        ids.lines().rev().map(str::to_owned).collect()
    }

    fn pause(&self) {
        let paused = self.lab.docker(&["ps", "--quiet", "--filter=status=paused"]);
        paused.lines().for_each(|id| drop(self.lab.docker(&["unpause", id])));
        if let Some(id) = self.containers().last() {
            self.lab.docker(&["pause", id]);
        }
    }

    fn scale(&self, round: usize) {
        let replicas = format!("--replicas={}", 1 + round / 12 % 4);
        if self.lab.docker(&["service", "ls", "--quiet"]).is_empty() {
            let create = ["service", "create", "--detach", "--name=desk", "--network=host", &replicas, IMAGE];
            self.lab.docker(&[&create[..], &SLEEP].concat());
        } else {
            self.lab.docker(&["service", "update", "--detach", &replicas, "desk"]);
        }
    }

    fn write(&self, name: &str, dockerfile: &str) {
        let folder = self.lab.engine.folder().join(name);
        fs::create_dir(&folder).expect("a folder of the engine's");
        fs::write(folder.join("Dockerfile"), dockerfile).expect("a file of the engine's");
    }

    /// With the engine's own builder: the other one is not part of it, and it counts none of its builds.
    fn build(&self, name: &str) -> Result<String, plugin_builder::engine::EngineError> {
        let folder = self.lab.engine.folder().join(name);
        let folder = folder.to_str().expect("a path in UTF-8");
        let mut build = self.lab.engine.docker_command(&["build", "--no-cache", "--tag", name, folder]);
        plugin_builder::engine::output(build.env("DOCKER_BUILDKIT", "0"))
    }
}
