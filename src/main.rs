//! `docker-metrics-statsd`: see the library's documentation and `--help`.

#[cfg(all(target_env = "musl", panic = "abort"))]
mod unwinder;

use std::process::ExitCode;

fn main() -> ExitCode {
    docker_metrics_statsd::cli::main(std::env::args_os()).into()
}
