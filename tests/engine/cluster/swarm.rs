//! The plugin as a service of a swarm of three engines, as `plugin-builder swarm` runs it.

use crate::cluster::{Cluster, plugin_builder};
use crate::edition::publish;
use crate::lab::Lab;
use crate::metrics::samples;
use crate::receiver::Receiver;
use crate::release::Release;
use plugin_builder::NAME;
use plugin_builder::api::{Api, Body};
use serde_json::{Value, json};
use std::thread;

const CPUS: &str = "docker.engine_daemon_engine_cpus_cpus";
const EXPERIMENTAL: &[&str] = &["--experimental"];
/// Where the plugin sends to unless it is told.
const STATSD_PORT: u16 = 8125;

fn swarm(lab: &Lab, arguments: &[&str]) -> (bool, String) {
    let host = lab.engine.docker_host();
    plugin_builder(&[&["swarm"], arguments].concat(), &[("DOCKER_HOST", &host)])
}

#[track_caller]
fn works(lab: &Lab, arguments: &[&str]) -> String {
    let (is_ok, said) = swarm(lab, arguments);
    assert!(is_ok, "{arguments:?}: {said}\n{}", lab.engine.log_tail());
    said
}

#[track_caller]
fn fails(lab: &Lab, arguments: &[&str], reasons: &[&str]) {
    let (is_ok, said) = swarm(lab, arguments);
    let has_all = reasons.iter().all(|reason| said.contains(reason));
    assert!(!is_ok && has_all, "{arguments:?}: {said}\n{}", lab.engine.log_tail());
}

/// Waits for the status to have each of these in it, and to be what it says.
fn await_status(lab: &Lab, is_ok: bool, parts: &[&str]) {
    lab.wait_for(&format!("status with {parts:?}"), || {
        let (well, said) = swarm(lab, &["status"]);
        (well == is_ok && parts.iter().all(|part| said.contains(part))).then_some(())
    });
}

/// What runs under the plugin's name: whether it is enabled, its reference, its settings.
fn plugin(lab: &Lab) -> String {
    let format = "{{.Enabled}} {{.PluginReference}} {{.Settings.Env}}";
    lab.docker(&["plugin", "inspect", "--format", format, NAME])
}

fn check_plugins(cluster: &Cluster, reference: &str, settings: &[&str]) {
    for lab in &cluster.labs {
        let plugin = plugin(lab);
        assert!(plugin.starts_with(&format!("true {reference} ")), "{plugin}");
        assert!(settings.iter().all(|setting| plugin.contains(setting)), "{plugin}");
    }
}

/// What an engine has counted of calls, less what has arrived.
fn outstanding(lab: &Lab, receiver: &Receiver) -> f64 {
    const ENGINES: &str = "docker.engine_daemon_host_info_functions_seconds_count.function.system_info";
    const OURS: &str = "docker.engine_daemon_host_info_functions_seconds.count:";
    let engines = samples(&lab.engine.metrics().unwrap(), "engine_daemon_host_info", &["histogram"])[ENGINES];
    let lines = receiver.lines().into_iter().filter(|line| line.ends_with("|c|#function:system_info"));
    let counts = lines.filter_map(|line| line.strip_prefix(OURS)?.split('|').next()?.parse::<f64>().ok());
    engines - counts.sum::<f64>()
}

/// As `outstanding`, once all that is due has arrived: the least over some scrapes.
fn settled(lab: &Lab, receiver: &Receiver) -> f64 {
    let scrapes = receiver.count(CPUS);
    let mut least = f64::INFINITY;
    lab.wait_for("scrapes", || {
        least = least.min(outstanding(lab, receiver));
        (receiver.count(CPUS) > scrapes + 3).then_some(least)
    })
}

#[test]
fn a_swarm_runs_the_plugin_on_every_node() {
    let Some(mut cluster) = Cluster::start([EXPERIMENTAL; 3]) else { return };
    fails(cluster.manager(), &["status"], &["in no swarm", "docker swarm init"]);
    cluster.form_swarm();
    cluster.join_swarm(1);
    let [one, two] = ["one", "two"].map(|tag| publish(cluster.manager(), &cluster.registry, tag, |_| ()));
    let receivers = cluster.labs.each_ref().map(|lab| Receiver::start(lab, STATSD_PORT));
    let await_metrics = |cluster: &Cluster| {
        for (lab, receiver) in cluster.labs.iter().zip(&receivers) {
            let before = receiver.count(CPUS);
            lab.wait_for("metrics", || (receiver.count(CPUS) > before).then_some(()));
        }
    };

    // Refused before anything happens.
    fails(&cluster.labs[1], &["status"], &["is a worker", "10.77.0.1:2377"]);
    fails(cluster.manager(), &["status"], &["there is no service docker-metrics-statsd"]);
    fails(cluster.manager(), &["create", &one, "INTERVAL=never"], &["INTERVAL", "a duration from"]);
    let missing = one.replace(":one", ":missing");
    fails(cluster.manager(), &["create", &missing], &["finds no plugin at"]);

    // Somebody's plugin is in the way on one node; another node joins.
    let by_hand = ["plugin", "install", "--grant-all-permissions", "--alias", NAME, &one];
    cluster.labs[1].docker(&by_hand);
    let reasons = ["ok     ", "10.77.0.2: plugin already exists", "docker plugin rm --force", "1 of 2 nodes"];
    fails(cluster.manager(), &["create", &one, "INTERVAL=500ms"], &reasons);
    cluster.labs[1].docker(&["plugin", "rm", "--force", NAME]);
    cluster.join_swarm(2);
    await_status(cluster.manager(), true, &["3 of 3 nodes"]);
    fails(cluster.manager(), &["create", &one], &["there is a service"]);
    check_plugins(&cluster, &one, &["INTERVAL=500ms"]);
    await_metrics(&cluster);

    // What engines count while the plugin goes from one version to the other arrives as well.
    let nodes = || cluster.labs.iter().zip(&receivers);
    let before: Vec<_> = nodes().map(|(lab, receiver)| settled(lab, receiver)).collect();
    let host = cluster.manager().engine.docker_host();
    let update = ["swarm", "update", &two];
    let (is_ok, said) = thread::scope(|scope| {
        let update = scope.spawn(|| plugin_builder(&update, &[("DOCKER_HOST", &host)]));
        while !update.is_finished() {
            cluster.labs.iter().for_each(|lab| drop(lab.get("/v1.41/info")));
        }
        update.join().unwrap()
    });
    assert!(is_ok && said.contains("network [\"host\"] mount [\"/sys/module\"]"), "{said}");
    check_plugins(&cluster, &two, &["INTERVAL=500ms"]);
    for ((lab, receiver), before) in nodes().zip(before) {
        lab.wait_for("balance", || (outstanding(lab, receiver) == before).then_some(()));
    }

    // A lost node is named, and comes back to what the others have been taken to meanwhile.
    cluster.labs[1].engine.kill_daemon().unwrap();
    await_status(cluster.manager(), false, &["10.77.0.2: the node is down", "2 of 3 nodes"]);
    fails(cluster.manager(), &["rollback"], &["10.77.0.2: the node is down", "2 of 3 nodes", &one]);
    cluster.labs[1].engine.start_daemon().unwrap();
    await_status(cluster.manager(), true, &["3 of 3 nodes", &one]);
    check_plugins(&cluster, &one, &["INTERVAL=500ms"]);
    // One that is cut off runs its plugin on.
    cluster.set_last_link(false);
    await_status(cluster.manager(), false, &["10.77.0.3: the node is down", "2 of 3 nodes"]);
    await_metrics(&cluster);
    cluster.set_last_link(true);
    await_status(cluster.manager(), true, &["3 of 3 nodes"]);

    // What is done by hand on a node is undone.
    cluster.labs[2].docker(&["plugin", "disable", "--force", NAME]);
    cluster.labs[2].wait_for("plugin again", || plugin(&cluster.labs[2]).starts_with("true ").then_some(()));
    let node = cluster.labs[2].docker(&["info", "--format", "{{.Swarm.NodeID}}"]);
    let set_availability = |to| {
        cluster.manager().docker(&["node", "update", "--availability", to, node.trim()]);
    };
    set_availability("drain");
    await_status(cluster.manager(), false, &["10.77.0.3: the node's availability is drain", "2 of 3 nodes"]);
    set_availability("active");
    await_status(cluster.manager(), true, &["3 of 3 nodes"]);
    works(cluster.manager(), &["rollback"]);
    check_plugins(&cluster, &two, &["INTERVAL=500ms"]);

    works(cluster.manager(), &["set", "TAGS=from:swarm", "HISTOGRAMS=distributions"]);
    // Wrong only together with what is set already.
    fails(cluster.manager(), &["set", "STATSD_FORMAT=etsy"], &["HISTOGRAMS: got \"distributions\""]);
    works(cluster.manager(), &["status"]);
    check_plugins(&cluster, &two, &["INTERVAL=500ms", "TAGS=from:swarm"]);
    for (lab, receiver) in cluster.labs.iter().zip(&receivers) {
        let is_tagged = |line: &String| line.starts_with(CPUS) && line.ends_with("#from:swarm");
        lab.wait_for("tagged metric", || receiver.lines().iter().any(is_tagged).then_some(()));
    }

    works(cluster.manager(), &["rm"]);
    for lab in &cluster.labs {
        lab.wait_for("removal of the plugin", || (lab.get("/v1.41/plugins") == "[]").then_some(()));
    }
}

/// A service that was made by other means, with a key that engines document and ignore.
#[test]
fn a_service_without_privileges_is_told_and_mended() {
    let Some(cluster) = Cluster::start([EXPERIMENTAL; 3]) else { return };
    cluster.form_swarm();
    (1..cluster.labs.len()).for_each(|number| cluster.join_swarm(number));
    let one = publish(cluster.manager(), &cluster.registry, "one", |_| ());
    let granted = json!([{"Name": "network", "Description": "", "Value": ["host"]}]);
    let plugin = json!({"Name": NAME, "Remote": one, "PluginPrivilege": granted});
    let task = json!({"Runtime": "plugin", "PluginSpec": plugin});
    let service = json!({"Name": NAME, "TaskTemplate": task, "Mode": {"Global": {}}}).to_string();
    let api = Api::at(&cluster.manager().engine.docker_host()).unwrap();
    let reply = api.call("POST", "/services/create", Body::Json(&service)).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.body);
    await_status(
        cluster.manager(),
        false,
        &["incorrect privileges", "`swarm update` with the same", "0 of 3"],
    );
    works(cluster.manager(), &["update", &one]);
    check_plugins(&cluster, &one, &[]);

    // Another edition under the same reference.
    let describe = |config: &mut Value| config["description"] = "another".into();
    publish(cluster.manager(), &cluster.registry, "one", describe);
    works(cluster.manager(), &["update", &one]);
    for lab in &cluster.labs {
        let description = lab.docker(&["plugin", "inspect", "--format", "{{.Config.Description}}", NAME]);
        assert_eq!(description.trim(), "another");
    }
}

#[test]
fn workers_that_are_not_experimental_are_named() {
    let Some(cluster) = Cluster::start([EXPERIMENTAL, &[], &[]]) else { return };
    cluster.form_swarm();
    (1..cluster.labs.len()).for_each(|number| cluster.join_swarm(number));
    let one = publish(cluster.manager(), &cluster.registry, "one", |_| ());
    let reason = "runtime type \"plugin\" only supported in experimental\n       put \"experimental\": true";
    let workers = ["10.77.0.2", "10.77.0.3"].map(|address| format!("{address}: {reason}"));
    let reasons = ["10.77.0.1: runs it", &workers[0], &workers[1], "1 of 3 nodes"];
    fails(cluster.manager(), &["create", &one], &reasons);
}

#[test]
fn a_manager_that_is_not_experimental_says_what_to_do() {
    const TCP: &str = "tcp://127.0.0.1:2375";
    let flags = ["--tls=false", &format!("--host={TCP}")];
    let Some(lab) = Lab::start_on(Release::Installed, &flags) else { return };
    lab.docker(&["swarm", "init", "--advertise-addr=127.0.0.1"]);
    let reasons = ["\"experimental\": true", "install-everywhere"];
    fails(&lab, &["create", "127.0.0.1:5000/a:1"], &reasons);
    let mut by_tcp = lab.engine.netns_command(env!("CARGO_BIN_EXE_plugin-builder"));
    let output = by_tcp.args(["swarm", "create", "127.0.0.1:5000/a:1", "--host", TCP]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(reasons.iter().all(|reason| said.contains(reason)), "{said}");
}
