//! What the plugin costs in a real engine. Other work of the machine moves these figures, so they are printed
//! (`just bench-engine`), and what is asserted is far from them.

use crate::lab::{Lab, PLUGIN, plugin_process};
use crate::receiver::Receiver;
use crate::release::{Release, on_every_engine};
use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// Comes with each scrape.
const UP: &str = "docker.up";
const SCRAPES: usize = 100;
/// The first ones, which everything is new to.
const SCRAPES_BEFORE: usize = 10;
/// How long the engine is watched while nobody scrapes it.
const REST: Duration = Duration::from_secs(3);
/// The engine itself waits half a second between starting the plugin and its first call.
const FIRST_DATAGRAM_TIME_MAX: Duration = Duration::from_secs(10);

on_every_engine!(
    a_scrape_to_udp_costs_less_than_answering_it,
    a_scrape_to_a_unix_socket_costs_less_than_answering_it,
    the_first_datagram_comes_soon_after_enable,
);

fn a_scrape_to_udp_costs_less_than_answering_it(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let receiver = Receiver::start(&lab, 0);
    measure(release, &lab, &receiver, &[]);
}

fn a_scrape_to_a_unix_socket_costs_less_than_answering_it(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start_unix(folder.path());
    measure(release, &lab, &receiver, &[&format!("datadog_socket.source={}", folder.path().display())]);
}

fn measure(release: Release, lab: &Lab, receiver: &Receiver, settings: &[&str]) {
    lab.create();
    let engine = engine_process(lab);
    let (begin, before) = (Instant::now(), cpu_us(engine));
    thread::sleep(REST);
    let at_rest_us = (cpu_us(engine) - before) / begin.elapsed().as_secs_f64();

    lab.enable(&[&[receiver.setting().as_str(), "INTERVAL=100ms"], settings].concat());
    let wait_for = |count: usize| {
        lab.wait_for("metrics", || (receiver.count(UP) >= count).then_some(()));
        (receiver.count(UP), Instant::now())
    };
    let plugin = plugin_process(&lab.plugin_id()).expect("the plugin's process");
    let (first, begin) = wait_for(SCRAPES_BEFORE);
    let before = [engine, plugin].map(cpu_us);
    let connections = sockets(plugin);
    let (last, end) = wait_for(first + SCRAPES);
    let after = [engine, plugin].map(cpu_us);
    // The engine's own connection, on which it made its call, may have been closed.
    assert!(sockets(plugin).is_subset(&connections), "all scrapes go over one connection");

    let count = f64::from(u32::try_from(last - first).unwrap());
    let at_rest_us = at_rest_us * (end - begin).as_secs_f64();
    let engine_us = (after[0] - before[0] - at_rest_us) / count;
    let plugin_us = (after[1] - before[1]) / count;
    let share = plugin_us / engine_us;
    let figures = format!("the engine {engine_us:.0} us, the plugin {plugin_us:.0} us: {share:.2}");
    show(release, &format!("{}: a scrape costs {figures}", receiver.setting()));
    assert!(share < 1.0, "{figures}");
}

fn the_first_datagram_comes_soon_after_enable(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let socket = lab.enter(|| UdpSocket::bind("127.0.0.1:0")).unwrap();
    socket.set_read_timeout(Some(FIRST_DATAGRAM_TIME_MAX)).unwrap();
    lab.create();
    lab.docker(&["plugin", "set", PLUGIN, &format!("STATSD_ADDR=udp://{}", socket.local_addr().unwrap())]);
    let begin = Instant::now();
    let first = thread::spawn(move || socket.recv(&mut [0; 1]).map(|_| begin.elapsed()));
    lab.docker(&["plugin", "enable", PLUGIN]);
    let enabled = begin.elapsed();
    let first = first.join().unwrap().expect("a datagram");
    show(release, &format!("enable takes {enabled:.2?}, the first datagram comes after {first:.2?}"));
}

#[allow(clippy::print_stdout, reason = "figures are what these tests are run for")]
fn show(release: Release, figures: &str) {
    println!("{release:?}: {figures}");
}

fn engine_process(lab: &Lab) -> i32 {
    let folder = lab.engine.folder().to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_engine = |id: &i32| {
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.contains(folder) && line.split('\0').next().is_some_and(|program| program.ends_with("dockerd"))
    };
    ids.find(is_engine).expect("a dockerd of this engine's folder")
}

/// The sockets that a process has open: each has a number of its own.
fn sockets(process: i32) -> BTreeSet<PathBuf> {
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).collect()
}

/// How long a process' threads have had a processor, exact to the scheduler's clock.
fn cpu_us(process: i32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let times = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e3
}
