//! Three engines in namespaces of their own, with a network between them and a registry in it.

mod everywhere;
mod swarm;

use crate::lab::Lab;
use crate::registry::Registry;
use crate::release::Release;
use std::net::Ipv4Addr;
use std::process::Command;
use std::thread;

/// The first has the bridge that the others are linked to, and the registry.
const RELEASES: [Release; 3] = [Release::Fetched("28"), Release::Installed, Release::Fetched("26")];
const ADDRESSES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2), Ipv4Addr::new(10, 77, 0, 3)];
const REGISTRIES: &str = "--insecure-registry=10.77.0.0/24";
/// A lost node is noticed after three of them.
const HEARTBEAT: &str = "--dispatcher-heartbeat=1s";

/// The engines and the registry that all of them reach.
pub(crate) struct Cluster {
    pub(crate) registry: Registry,
    pub(crate) labs: [Lab; 3],
}

impl Cluster {
    /// Each engine has flags of its own.
    pub(crate) fn start(flags: [&'static [&'static str]; 3]) -> Option<Self> {
        let start = |(release, flags): (Release, &'static [_])| {
            thread::spawn(move || Lab::start_on(release, &[&[REGISTRIES], flags].concat()))
        };
        let started: Vec<_> = RELEASES.into_iter().zip(flags).map(start).collect();
        let mut labs = Vec::new();
        for started in started {
            labs.push(started.join().expect("an engine that starts")?);
        }
        let labs: [Lab; 3] = labs.try_into().ok().expect("as many as there are releases");
        let networks = labs.each_ref().map(|lab| lab.engine.network());
        networks[0].make_bridge(ADDRESSES[0]).unwrap();
        for (network, address) in networks.into_iter().zip(ADDRESSES).skip(1) {
            networks[0].link(network, address).unwrap();
        }
        let registry = labs[0].enter(|| Registry::start_at(ADDRESSES[0]));
        Some(Self { registry, labs })
    }

    /// The engine that manages, once there is a swarm.
    pub(crate) fn manager(&self) -> &Lab {
        &self.labs[0]
    }

    /// Makes a swarm of the first engine.
    pub(crate) fn form_swarm(&self) {
        let address = format!("--advertise-addr={}", ADDRESSES[0]);
        self.manager().docker(&["swarm", "init", HEARTBEAT, &address]);
    }

    /// Has another engine join it.
    pub(crate) fn join_swarm(&self, number: usize) {
        let token = self.manager().docker(&["swarm", "join-token", "--quiet", "worker"]);
        let address = format!("--advertise-addr={}", ADDRESSES[number]);
        let manager = format!("{}:2377", ADDRESSES[0]);
        self.labs[number].docker(&["swarm", "join", &address, "--token", token.trim(), &manager]);
    }

    /// Cuts the last engine off, or links it again.
    pub(crate) fn set_last_link(&self, is_up: bool) {
        self.manager().engine.network().set_link(ADDRESSES[2], is_up).unwrap();
    }
}

/// Runs `plugin-builder`: whether it went well, and all that it said.
pub(crate) fn plugin_builder(arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plugin-builder"));
    let output = command.args(arguments).envs(environment.iter().copied()).output().expect("a built program");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).expect("text"));
    (output.status.success(), said.concat())
}
