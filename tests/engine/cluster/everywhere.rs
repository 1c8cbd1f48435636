//! The plugin on three engines without a swarm, as `plugin-builder install-everywhere` brings it.

use crate::cluster::{Cluster, plugin_builder};
use crate::edition::publish;
use crate::lab::{Lab, plugin_process};
use crate::support::process;
use plugin_builder::NAME;
use std::process::Command;

/// Whether the plugin is enabled, its version, the source of what is mounted, its settings.
fn plugin(lab: &Lab) -> String {
    let mount = "{{(index .Config.Mounts 0).Source}}";
    let format = format!("{{{{.Enabled}}}} {{{{.PluginReference}}}} {mount} {{{{.Settings.Env}}}}");
    lab.docker(&["plugin", "inspect", "--format", &format, NAME])
}

fn processes(cluster: &Cluster) -> Vec<Option<i32>> {
    let id = |lab: &Lab| lab.docker(&["plugin", "inspect", "--format", "{{.Id}}", NAME]);
    cluster.labs.iter().map(|lab| plugin_process(id(lab).trim())).collect()
}

#[test]
fn engines_get_what_they_lack_and_keep_what_they_have() {
    let Some(mut cluster) = Cluster::start([&[]; 3]) else { return };
    let [one, two] = ["one", "two"].map(|tag| publish(&cluster.labs[0], &cluster.registry, tag, |_| ()));
    let folder = process::folder();
    let (client, socket) = (folder.path().join("client"), folder.path().join("socket"));
    std::fs::create_dir(&socket).unwrap();
    let (client, socket) = (client.to_str().unwrap().to_owned(), socket.to_str().unwrap().to_owned());
    let hosts = cluster.labs.each_ref().map(|lab| lab.engine.docker_host());
    let create = ["context", "create", "third", "--docker", &format!("host={}", hosts[2])];
    let created = Command::new("docker").args(create).env("DOCKER_CONFIG", &client).output().unwrap();
    assert!(created.status.success(), "{created:?}");
    let install = |words: &[&str]| {
        let targets = ["--host", &hosts[0], "--host", &hosts[1], "--context", "third"];
        plugin_builder(&[&["install-everywhere"], words, &targets].concat(), &[("DOCKER_CONFIG", &client)])
    };
    let mount = format!("datadog_socket.source={socket}");

    // One of them has it already, with other settings.
    let by_hand = ["plugin", "install", "--grant-all-permissions", "--alias", NAME, &one, "TAGS=a:b"];
    cluster.labs[1].docker(&by_hand);
    let (is_ok, said) = install(&[&one, "INTERVAL=1s", &mount]);
    assert!(is_ok, "{said}");
    let expected = format!(
        "ok     {}: installed {one}\nok     {}: disabled, set INTERVAL=1s {mount}, enabled\nok     third: installed {one}\n",
        hosts[0], hosts[1]
    );
    assert_eq!(said, expected);
    let check = |lab: &Lab, reference: &str| {
        let plugin = plugin(lab);
        assert!(plugin.starts_with(&format!("true {reference} {socket} ")), "{plugin}");
        assert!(plugin.contains("INTERVAL=1s"), "{plugin}");
    };
    cluster.labs.iter().for_each(|lab| check(lab, &one));
    assert!(plugin(&cluster.labs[1]).contains("TAGS=a:b"));

    // A second run does not even start it again.
    let before = processes(&cluster);
    assert!(before.iter().all(Option::is_some), "{before:?}");
    let (is_ok, said) = install(&[&one, "INTERVAL=1s", &mount]);
    assert!(is_ok && said.matches("nothing to do").count() == 3, "{said}");
    assert_eq!(processes(&cluster), before);

    // An upgrade alone would drop the mount.
    let (is_ok, said) = install(&[&two]);
    assert!(is_ok && said.matches(&format!("to {two}, set {mount}, enabled")).count() == 3, "{said}");
    cluster.labs.iter().for_each(|lab| check(lab, &two));
    let (is_ok, said) = install(&[&two]);
    assert!(is_ok && said.matches("nothing to do").count() == 3, "{said}");

    // What fails on one engine does not keep the others from theirs, and leaves what was there.
    cluster.labs[0].engine.stop_daemon().unwrap();
    let none = two.replace(":two", ":none");
    let (is_ok, said) = install(&[&none]);
    assert!(!is_ok && said.matches("WRONG").count() == 3, "{said}");
    assert!(said.contains("Cannot connect") && said.contains("went wrong on 3"), "{said}");
    cluster.labs[1..].iter().for_each(|lab| check(lab, &two));
    let (is_ok, said) = install(&[&two, "TAGS=c:d"]);
    assert!(!is_ok && said.matches("set TAGS=c:d, enabled").count() == 2, "{said}");
}
