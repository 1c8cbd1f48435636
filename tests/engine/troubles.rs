//! What docker says when it refuses something, which `docs/troubleshooting.md` quotes.

use crate::lab::{Lab, PLUGIN, plugin_folder};
use crate::registry::Registry;
use crate::release::{Release, on_every_engine};
use crate::support::quotations::{VARIES, quotations};
use crate::support::workspace_root;

on_every_engine!(docker_says_what_the_document_quotes);

fn docker_says_what_the_document_quotes(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let registry = lab.enter(Registry::start);
    let reference = registry.reference("docker-metrics-statsd:test");
    let folder = plugin_folder();
    let folder = folder.to_str().unwrap();
    lab.docker(&["plugin", "create", &reference, folder]);
    lab.docker(&["plugin", "push", &reference]);
    lab.docker(&["plugin", "rm", &reference]);
    lab.create();

    let mut said = String::new();
    let mut refuses = |arguments: &[&str]| match lab.try_docker(&[&["plugin"], arguments].concat()) {
        Ok(output) => panic!("{arguments:?}: {output}\n{}", lab.log_end()),
        Err(error) => said += &format!("{error}\n"),
    };
    refuses(&["create", "other", folder]);
    refuses(&["create", PLUGIN, folder]);
    refuses(&["install", "--grant-all-permissions", "--alias", PLUGIN, &reference]);
    refuses(&["install", "--alias", "other", &reference]);
    refuses(&["set", PLUGIN, "NO_SUCH_SETTING=1"]);
    lab.docker(&["plugin", "set", PLUGIN, "INTERVAL=never"]);
    refuses(&["enable", PLUGIN]);
    lab.docker(&["plugin", "set", PLUGIN, "INTERVAL=", "datadog_socket.source=/does/not/exist"]);
    refuses(&["enable", PLUGIN]);
    lab.enable(&["datadog_socket.source=/sys/module"]);
    refuses(&["set", PLUGIN, "INTERVAL=1s"]);
    refuses(&["rm", PLUGIN]);

    let document = std::fs::read_to_string(workspace_root().join("docs/troubleshooting.md")).unwrap();
    let rows = quotations(&document, "docker says");
    assert!(rows.len() >= 8, "{rows:#?}");
    for row in rows {
        assert!(row.iter().any(|quotation| is_quoted(&said, quotation)), "{row:?} is not in:\n{said}");
    }
}

/// Whether a text holds a quotation: its parts one behind the other, with anything where it varies.
fn is_quoted(text: &str, quotation: &str) -> bool {
    let mut rest = Some(text);
    for part in quotation.split(VARIES) {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, rest)| rest);
    }
    rest.is_some()
}
