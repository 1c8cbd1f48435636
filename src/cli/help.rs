//! What `--help` says, of the program and of each command, by example.

/// Of the program.
pub(super) const PROGRAM: &str = "\
Sends a Docker Engine's own metrics to StatsD and Datadog.

usage: docker-metrics-statsd [COMMAND]

commands:
  (none)    be the Docker plugin: what the engine starts, and of no use elsewhere
  agent     do the plugin's work without an engine: scrape SCRAPE_ADDR until SIGTERM
  check     try the settings: the StatsD server, and one scrape
  convert   print the lines that scrapes in files become
  demo      an engine's metrics arriving, with nothing else installed
  listen    print the metrics that arrive
  settings  every setting: its default, its meaning and the value in force

options:
  -h, --help     this text; behind a command, what that command takes, with examples
  -V, --version  the version

Settings are environment variables; `docker-metrics-statsd settings` lists them.

examples:
  docker-metrics-statsd demo
  docker-metrics-statsd listen --summary
  SCRAPE_ADDR=http://127.0.0.1:9323/metrics docker-metrics-statsd agent

exit codes:
  0  all is well
  1  it failed, and standard error says why; wrong settings are listed all at once
  2  the command line is wrong
";

/// Of the command with this name, if there is one.
pub(super) fn of(command: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(name, _)| *name == command).map(|(_, help)| *help)
}

const COMMANDS: &[(&str, &str)] = &[
    ("agent", AGENT),
    ("check", CHECK),
    ("convert", CONVERT),
    ("demo", DEMO),
    ("listen", LISTEN),
    ("settings", SETTINGS),
];

const AGENT: &str = "\
Does the plugin's work without an engine around: scrapes SCRAPE_ADDR every INTERVAL, sends what it
finds to STATSD_ADDR, and logs each change of state. SIGTERM or Ctrl-C ends it after a last scrape.

usage: [SETTING=VALUE...] docker-metrics-statsd agent

examples:
  an engine with \"metrics-addr\": \"127.0.0.1:9323\" in its daemon.json, to a StatsD server:
    SCRAPE_ADDR=http://127.0.0.1:9323/metrics STATSD_ADDR=udp://10.0.0.5:8125 \\
      docker-metrics-statsd agent
  another endpoint on a unix socket, every second, to a Datadog Agent's socket:
    SCRAPE_ADDR=unix:///run/app.sock:/metrics METRIC_PREFIX=app. INTERVAL=1s \\
      STATSD_ADDR=unix:///var/run/datadog/dsd.socket docker-metrics-statsd agent

exit codes: 0 it was told to end; 1 a setting is wrong; 2 the command line is wrong
";

const CHECK: &str = "\
Tries the settings: reads them, looks up and tries the StatsD server (what it sends is an empty
line, and no metric), and scrapes once. Says line by line what works, what does not, and what to do.

usage: [SETTING=VALUE...] docker-metrics-statsd check

examples:
  SCRAPE_ADDR=http://127.0.0.1:9323/metrics STATSD_ADDR=udp://10.0.0.5:8125 \\
    docker-metrics-statsd check
  STATSD_ADDR=unix:///var/run/datadog/dsd.socket docker-metrics-statsd check

exit codes: 0 all of it works; 1 something does not; 2 the command line is wrong
";

const CONVERT: &str = "\
Takes the files as successive scrapes (- is standard input) and prints the lines that would be sent
for each: gauges of every one, counts from the second on, which is what they grew by.

usage: [SETTING=VALUE...] docker-metrics-statsd convert [--from-zero] FILE...

  --from-zero  count from 0 at the first file, instead of taking it for where counting begins

examples:
  what one scrape of an engine would send:
    curl -s http://127.0.0.1:9323/metrics | docker-metrics-statsd convert --from-zero -
  what happened between two scrapes, as lines without tags:
    STATSD_FORMAT=etsy docker-metrics-statsd convert before.prom after.prom

exit codes: 0 all converted; 1 a file is missing or no complete exposition, or a setting is wrong;
2 the command line is wrong
";

const DEMO: &str = "\
Shows an engine's metrics arriving, with nothing else installed: a stand-in engine that serves a
recording which moves, the collector that scrapes it, and the listener's live table, in one process
over sockets in a temporary folder. Ctrl-C ends it and removes the folder. Settings count, but for
the addresses; INTERVAL is 1s unless set.

usage: [SETTING=VALUE...] docker-metrics-statsd demo [--seconds N]

  --seconds N  end after N seconds

examples:
  docker-metrics-statsd demo
  STATSD_FORMAT=etsy HISTOGRAMS=counts docker-metrics-statsd demo --seconds 10

exit codes: 0 it has ended as it should; 1 no metric arrived, or a setting is wrong;
2 the command line is wrong
";

const LISTEN: &str = "\
Prints the metrics that arrive at ADDR, one a line, until Ctrl-C. ADDR is as in STATSD_ADDR:
HOST:PORT or udp://HOST[:PORT], tcp://HOST[:PORT], unix:///PATH (datagrams) or unixstream:///PATH;
without it, 127.0.0.1:8125 over UDP.

usage: docker-metrics-statsd listen [--raw|--summary] [ADDR]

  --raw      the lines as they arrive
  --summary  a live table: the sum of each count (of a distribution, how many values came) and what
             it grows by in a second (over the last half minute to minute), the last value of
             anything else, and how long ago it came; where there is no terminal, plain lines of
             what changed, every two seconds

examples:
  docker-metrics-statsd listen --summary
  docker-metrics-statsd listen udp://0.0.0.0 | grep health_check
  docker-metrics-statsd listen --raw unix:///tmp/dsd.socket > lines.txt

exit codes: 0 nobody reads its output any more; 1 it cannot listen there;
2 the command line is wrong
";

const SETTINGS: &str = "\
Prints every setting: its value in force, its meaning, what it takes and its default. Settings are
environment variables here, and `docker plugin set` in an engine.

usage: docker-metrics-statsd settings [--markdown|--json]

  --markdown  the table in docs/settings.md
  --json      an array of objects, for programs

examples:
  docker-metrics-statsd settings
  INTERVAL=3s docker-metrics-statsd settings | grep -A 2 ^INTERVAL

exit codes: 0 printed; 2 the command line is wrong
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_taught_by_example_and_has_its_exit_codes() {
        for (name, help) in COMMANDS {
            assert!(PROGRAM.contains(&format!("\n  {name} ")), "{name}");
            for part in
                [&format!("docker-metrics-statsd {name}"), "\nusage: ", "\nexamples:\n", "\nexit codes: "]
            {
                assert!(help.contains(part), "{name}: {part}");
            }
        }
    }

    #[test]
    fn lines_fit_a_terminal() {
        let texts = COMMANDS.iter().map(|(_, help)| *help).chain([PROGRAM]);
        for line in texts.flat_map(str::lines) {
            assert!(line.len() <= 100, "{line}");
        }
    }
}
