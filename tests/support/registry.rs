//! A real registry, the one that Debian packages as `docker-registry`.
//!
//! It listens on the loopback address of the network namespace that it is started in, where engines
//! accept it without TLS.

use crate::support::process::{self, Process};
use crate::support::system_tool;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A running registry, empty at its start.
pub(crate) struct Registry {
    process: Process,
    address: Ipv4Addr,
    port: u16,
    /// Holds the images; removed after the process has ended.
    _folder: TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST)
    }

    /// At another address than loopback engines accept it only with `--insecure-registry`.
    pub(crate) fn start_at(address: Ipv4Addr) -> Self {
        process::start_on_free_ports("docker-registry", || Self::try_start(address))
    }

    fn try_start(address: Ipv4Addr) -> Option<Self> {
        let folder = process::folder();
        let port = process::free_tcp_port();
        let config = process::write_config(&folder, &configuration(folder.path(), address, port));
        let mut command = Command::new(system_tool("docker-registry"));
        command.arg("serve").arg(config);
        let mut process = Process::spawn("docker-registry", &command, &folder);
        process.wait_or_end("socket", |_| TcpStream::connect((address, port)).ok())?;
        Some(Self { process, address, port, _folder: folder })
    }

    /// What a plugin is called that is kept here.
    pub(crate) fn reference(&self, name_and_tag: &str) -> String {
        format!("{}:{}/{name_and_tag}", self.address, self.port)
    }

    /// The requests it has answered and its other remarks, for a test that fails.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

fn configuration(folder: &Path, address: Ipv4Addr, port: u16) -> String {
    format!(
        r#"version: 0.1
storage:
  filesystem:
    rootdirectory: "{}"
http:
  addr: "{address}:{port}"
"#,
        folder.join("images").display()
    )
}
