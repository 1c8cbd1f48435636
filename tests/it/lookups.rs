//! Name servers that never answer: scraping goes on, little is left hanging, and what has grown arrives in the end.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use docker_metrics_statsd::resolve::LOOKUPS_MAX;

use crate::enclosed::{enclosed, threads, wait_until};
use crate::endpoint::{Endpoint, at_once, chunked};

/// A name server that takes questions and answers none, and a StatsD server whose name only it could know. Both end
/// with the process.
fn prepare(folder: &str) -> String {
    let listen = "setpriv --pdeathsig KILL \"$1\" listen --raw 127.0.0.1";
    format!(
        "cd {folder}\n\
         mount --bind resolv.conf /etc/resolv.conf\n\
         mount --bind hosts /etc/hosts\n\
         {listen}:53 >/dev/null 2>&1 &\n\
         {listen}:8125 >arrived 2>/dev/null &"
    )
}

#[test]
fn a_name_server_that_never_answers_does_not_stop_scraping() {
    let scrapes = Arc::new(AtomicUsize::new(0));
    let count = scrapes.clone();
    let endpoint = Endpoint::start(move |number| {
        count.store(number + 1, Ordering::SeqCst);
        vec![at_once(chunked(&format!("# TYPE a counter\na {}\ng {number}\n", 10 + number)))]
    });
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:2 attempts:3\n").unwrap();
    fs::write(file("hosts"), "").unwrap();
    let vars = [
        ("SCRAPE_ADDR", &*format!("unix://{}", endpoint.socket().display())),
        ("STATSD_ADDR", "udp://statsd.example"),
        ("INTERVAL", "100ms"),
        ("SELF_METRICS", "false"),
        ("LOG_LEVEL", "error"),
    ];
    let Some(agent) = enclosed(&prepare(folder.path().to_str().unwrap()), &["agent"], &vars) else { return };
    let (mut most, mut first) = (0, 0);
    wait_until("scrapes go on", || {
        most = most.max(threads(agent.0.id()));
        first = first.max(fs::metadata(file("arrived")).map_or(0, |file| file.len()));
        scrapes.load(Ordering::SeqCst) > 2 * LOOKUPS_MAX
    });
    assert_eq!(first, 0, "nobody could know where to send to");
    // The one that works, the one that waits for sockets, and the look-ups.
    assert!((3..=2 + LOOKUPS_MAX).contains(&most), "{most} threads");
    fs::write(file("hosts"), "127.0.0.1 statsd.example\n").unwrap();
    wait_until("all that has grown arrived", || {
        let arrived = fs::read_to_string(file("arrived")).unwrap();
        let values = |begin: &str| {
            let of = |line: &str| line.strip_prefix(begin)?.split('|').next()?.parse::<usize>().ok();
            arrived.lines().filter_map(of).collect::<Vec<_>>()
        };
        let (grown, last) = (values("docker.a.count:").iter().sum::<usize>(), values("docker.g:").pop());
        grown > 2 * LOOKUPS_MAX && last == Some(grown)
    });
}
