//! What the plugin's process may still do, as the kernel says it, and that it does its work with that.

use crate::lab::{Lab, plugin_process, wait_until};
use crate::receiver::Receiver;
use crate::release::{Release, on_every_engine};
use std::fs::{self, Permissions};
use std::net::UdpSocket;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

const CPUS: &str = "docker.engine_daemon_engine_cpus_cpus";
/// A user that is not root, as the Datadog Agent is.
const AGENT_USER: u32 = 1000;
/// Longer than a datagram takes; only a failing test waits this long.
const WAIT_MAX: Duration = Duration::from_secs(30);

on_every_engine!(the_plugin_keeps_no_right_while_metrics_flow);

fn the_plugin_keeps_no_right_while_metrics_flow(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let receiver = Receiver::start(&lab, 0);
    lab.create();
    lab.enable(&[&receiver.setting(), "INTERVAL=200ms"]);
    let scraped = |count: usize| {
        lab.wait_for("metrics", || (receiver.count(CPUS) >= count).then_some(()));
    };
    scraped(2);
    let process = plugin_process(&lab.plugin_id()).expect("the plugin's process");
    let threads: Vec<_> = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten().collect();
    assert!(threads.len() >= 2, "the thread that waits for sockets is one of them");
    for thread in threads {
        let status = fs::read_to_string(thread.path().join("status")).unwrap();
        for (field, expected) in [
            ("CapInh", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapEff", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
        ] {
            assert!(status.contains(&format!("\n{field}:\t{expected}\n")), "{field} in {status}");
        }
    }
    scraped(receiver.count(CPUS) + 2);
    let log = lab.plugin_log();
    let said = log.iter().filter(|line| line.contains("gave up capabilities, other system calls")).count();
    assert_eq!(said, 1, "{log:#?}");
    assert!(log.iter().all(|line| line.contains("level=info")), "nothing was refused: {log:#?}");
}

#[test]
fn a_name_is_looked_up_at_the_name_server() {
    let Some(lab) = Lab::start() else { return };
    let server = lab.enter(|| UdpSocket::bind("127.0.0.1:53")).unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = server.recv_from(&mut query) {
            let _ = server.send_to(&answer(&query[..length]), client);
        }
    });
    // Only the private engine sees this file there.
    let servers = lab.engine.folder().join("resolv.conf");
    fs::write(&servers, "nameserver 127.0.0.1\n").unwrap();
    let mounted = lab.engine.command("mount").arg("--bind").arg(&servers).arg("/etc/resolv.conf").status();
    assert!(mounted.is_ok_and(|status| status.success()));

    let receiver = Receiver::start(&lab, 0);
    lab.create();
    let setting = receiver.setting().replace("127.0.0.1", "statsd.example");
    lab.enable(&[&setting, "INTERVAL=200ms"]);
    lab.wait_for("metrics", || (receiver.count(CPUS) >= 2).then_some(()));
}

/// An answer to a query of one name (RFC 1035): 127.0.0.1, or that there is no such address.
fn answer(query: &[u8]) -> Vec<u8> {
    const HEADER_BYTES: usize = 12;
    const TYPE_A: [u8; 2] = [0, 1];
    let name_bytes = query[HEADER_BYTES..].iter().position(|byte| *byte == 0).expect("the end of the name");
    let question = &query[HEADER_BYTES..HEADER_BYTES + name_bytes + 5];
    let is_found = question[name_bytes + 1..name_bytes + 3] == TYPE_A;
    let counts = [0, 1, 0, u8::from(is_found), 0, 0, 0, 0];
    let mut answer = [&query[..2], &[0x81, 0x80], &counts, question].concat();
    if is_found {
        // The name of the question, IN A, for 60 seconds.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

#[test]
fn a_socket_of_another_user_works_when_others_may_write_and_else_says_so() {
    let Some(lab) = Lab::start() else { return };
    let folder = lab.engine.folder().join("agent");
    fs::create_dir(&folder).unwrap();
    let socket = folder.join("dsd.socket");
    let server = UnixDatagram::bind(&socket).unwrap();
    server.set_read_timeout(Some(WAIT_MAX)).unwrap();
    chown(&socket, Some(AGENT_USER), Some(AGENT_USER)).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o600)).unwrap();
    lab.create();
    lab.enable(&[
        &format!("datadog_socket.source={}", folder.display()),
        "STATSD_ADDR=unix:///var/run/datadog/dsd.socket",
        "INTERVAL=200ms",
    ]);
    let said = wait_until(|| {
        let log = lab.plugin_log();
        log.into_iter().find(|line| line.contains("Permission denied"))
    });
    let said = said.expect("a line about the socket");
    assert!(said.contains("let others write to the socket"), "{said}");
    // As the Datadog Agent makes its socket.
    fs::set_permissions(&socket, Permissions::from_mode(0o722)).unwrap();
    let mut datagram = [0; 9000];
    let length = server.recv(&mut datagram).expect("metrics");
    assert!(datagram[..length].starts_with(b"docker."));
}
