//! Asking a private engine: the `docker` client, the API, and the metrics that a plugin would scrape.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{CALL_LIMIT, Engine, EngineError, limited, output};
use crate::api::{Api, ApiReply, Body};

impl Engine {
    /// Runs the `docker` client against this engine and returns its standard output.
    ///
    /// # Errors
    /// When the client fails; then with all it said.
    pub fn docker<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String, EngineError> {
        output(&mut self.docker_command(arguments))
    }

    /// The `docker` client, set to this engine and limited to [`CALL_LIMIT`].
    pub fn docker_command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut docker = limited(CALL_LIMIT, "docker");
        docker
            .env("PATH", &self.path)
            .env("DOCKER_HOST", self.docker_host())
            // The user's own settings, credential helpers included, have no business here.
            .env("DOCKER_CONFIG", self.file("client"))
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_TLS_VERIFY")
            .env_remove("DOCKER_CONTENT_TRUST")
            .args(arguments)
            .stdin(Stdio::null());
        docker
    }

    /// Calls the engine's API, sending the file `body`, a tar archive, when there is one.
    ///
    /// # Errors
    /// When there is no answer. A status of 400 and above is an answer.
    pub fn api(&self, method: &str, path: &str, body: Option<&Path>) -> Result<ApiReply, EngineError> {
        Api::Unix(self.socket()).call(method, path, body.map_or(Body::Empty, Body::Tar))
    }

    /// The engine's own metrics, as a plugin would scrape them.
    ///
    /// # Errors
    /// When the metrics socket does not answer.
    pub fn metrics(&self) -> Result<String, EngineError> {
        let mut curl = limited(CALL_LIMIT, "curl");
        curl.args(["--silent", "--show-error", "--fail", "--unix-socket"])
            .arg(self.file("exec/metrics.sock"))
            .arg("http://engine/metrics");
        output(&mut curl)
    }
}
