//! A real registry, the one that Debian packages as `docker-registry`.
//!
//! It listens on the loopback address of the network namespace that it is started in, where engines
//! accept it without TLS.

use crate::support::process::{self, Process};
use crate::support::system_tool;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A user whom a registry that asks knows.
pub(crate) const USER: &str = "ada";
pub(crate) const PASSWORD: &str = "secret:one";
/// The same as `htpasswd -B` writes it.
const HTPASSWD: &str = "ada:$2y$05$.SgdLGuZD.Bo3G0iNrG7BeL2.ZiEGIyFtWxpZuh9p0XhIB2JCKmJy\n";

/// Who may read and write.
pub(crate) enum Access<'a> {
    Anyone,
    /// Who tells the password of `USER`.
    Password,
    /// Who brings a token that this server has signed.
    Token(&'a Signer),
}

/// How a registry is served.
pub(crate) struct Options<'a> {
    pub(crate) address: IpAddr,
    pub(crate) access: Access<'a>,
    /// A certificate and its key, for TLS.
    pub(crate) certificate: Option<(&'a Path, &'a Path)>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), access: Access::Anyone, certificate: None }
    }
}

/// Who signs the tokens that a registry takes.
pub(crate) struct Signer {
    /// Where tokens are to be had.
    pub(crate) realm: String,
    pub(crate) issuer: &'static str,
    /// What the registry is called in tokens.
    pub(crate) service: &'static str,
    pub(crate) certificate: PathBuf,
}

/// A running registry, empty at its start.
pub(crate) struct Registry {
    process: Process,
    address: SocketAddr,
    /// Holds the images; removed after the process has ended.
    _folder: TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::start_with(&Options::default())
    }

    /// At another address than loopback engines accept it only with `--insecure-registry`.
    pub(crate) fn start_at(address: Ipv4Addr) -> Self {
        Self::start_with(&Options { address: address.into(), ..Options::default() })
    }

    pub(crate) fn start_with(options: &Options<'_>) -> Self {
        process::start_on_free_ports("docker-registry", || Self::try_start(options))
    }

    fn try_start(options: &Options<'_>) -> Option<Self> {
        let folder = process::folder();
        let address = SocketAddr::new(options.address, process::free_tcp_port());
        let config = process::write_config(&folder, &configuration(folder.path(), address, options));
        let mut command = Command::new(system_tool("docker-registry"));
        command.arg("serve").arg(config);
        let mut process = Process::spawn("docker-registry", &command, &folder);
        process.wait_or_end("socket", |_| TcpStream::connect(address).ok())?;
        Some(Self { process, address, _folder: folder })
    }

    /// Under which it is asked, and logged in to.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// What a plugin is called that is kept here.
    pub(crate) fn reference(&self, name_and_tag: &str) -> String {
        format!("{}/{name_and_tag}", self.address)
    }

    /// The requests it has answered and its other remarks.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

fn configuration(folder: &Path, address: SocketAddr, options: &Options<'_>) -> String {
    let tls = options.certificate.map_or(String::new(), |(certificate, key)| {
        format!("  tls:\n    certificate: {}\n    key: {}\n", certificate.display(), key.display())
    });
    let auth = match options.access {
        Access::Anyone => String::new(),
        Access::Password => {
            let path = folder.join("htpasswd");
            fs::write(&path, HTPASSWD).expect("a file in the test's own folder");
            format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.display())
        }
        Access::Token(Signer { realm, issuer, service, certificate }) => format!(
            "auth:\n  token:\n    realm: {realm}\n    service: {service}\n    issuer: {issuer}\n    \
             rootcertbundle: {}\n",
            certificate.display()
        ),
    };
    format!(
        r#"version: 0.1
storage:
  filesystem:
    rootdirectory: "{}"
http:
  addr: "{address}"
{tls}{auth}"#,
        folder.join("images").display()
    )
}
