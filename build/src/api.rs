//! A Docker Engine's API, for what the `docker` client cannot do; curl speaks HTTP.

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::engine::{CALL_LIMIT, EngineError, limited, output};

/// Where an engine's API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    /// On a unix socket with this path.
    Unix(PathBuf),
    /// On TCP without TLS, at `HOST:PORT`.
    Tcp(String),
}

/// What is sent with a call.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// A file that holds a tar archive.
    Tar(&'a Path),
    /// Text.
    Json(&'a str),
}

/// What the engine's API answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiReply {
    /// The HTTP status.
    pub status: u16,
    /// The body, which is JSON or empty.
    pub body: String,
}

impl Api {
    /// Reads an address as `DOCKER_HOST` has it; `None`: neither `unix://` nor `tcp://`.
    #[must_use]
    pub fn at(address: &str) -> Option<Self> {
        if let Some(path) = address.strip_prefix("unix://") {
            return path.starts_with('/').then(|| Self::Unix(path.into()));
        }
        let target = address.strip_prefix("tcp://")?.trim_end_matches('/');
        (!target.is_empty() && !target.contains('/')).then(|| Self::Tcp(target.to_owned()))
    }

    /// Makes one call, limited to [`CALL_LIMIT`].
    ///
    /// # Errors
    /// When there is no answer. A status of 400 and above is an answer.
    pub fn call(&self, method: &str, path: &str, body: Body<'_>) -> Result<ApiReply, EngineError> {
        let mut curl = limited(CALL_LIMIT, "curl");
        curl.args(["--silent", "--show-error", "--globoff", "--write-out", "\n%{http_code}"])
            .args(["--request", method]);
        // Gone when the call is over. A command line could be read by everybody on the machine.
        let json;
        let (file, kind) = match body {
            Body::Empty => (None, ""),
            // curl's own choice says that the body is a form, which the engine would try to read.
            Body::Tar(file) => (Some(file), "Content-Type: application/x-tar"),
            Body::Json(text) => {
                json = temporary(text)?;
                (Some(json.path()), "Content-Type: application/json")
            }
        };
        if let Some(file) = file {
            let mut data = OsString::from("@");
            data.push(file);
            curl.args(["--header", kind]).arg("--data-binary").arg(data);
        }
        match self {
            Self::Unix(socket) => {
                curl.arg("--unix-socket").arg(socket).arg(format!("http://engine{path}"));
            }
            Self::Tcp(target) => {
                curl.args(["--noproxy", "*"]).arg(format!("http://{target}{path}"));
            }
        }
        let answer = output(&mut curl).map_err(|error| match error {
            EngineError::Failed { said, .. } => EngineError::NoAnswer {
                address: self.to_string(),
                // The status that was not received comes first.
                said: said.trim_start().trim_start_matches('0').to_owned(),
            },
            error => error,
        })?;
        let (body, status) = answer.rsplit_once('\n').unwrap_or(("", &answer));
        Ok(ApiReply { status: status.parse().unwrap_or(0), body: body.trim_end().to_owned() })
    }
}

impl fmt::Display for Api {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix://{}", path.display()),
            Self::Tcp(target) => write!(out, "tcp://{target}"),
        }
    }
}

fn temporary(text: &str) -> Result<NamedTempFile, EngineError> {
    let failed = |source| EngineError::File { path: std::env::temp_dir(), source };
    let mut file = NamedTempFile::new().map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_docker_host() {
        let unix = |path: &str| Some(Api::Unix(path.into()));
        let tcp = |target: &str| Some(Api::Tcp(target.to_owned()));
        for (address, expected) in [
            ("unix:///var/run/docker.sock", unix("/var/run/docker.sock")),
            ("tcp://10.0.0.5:2375", tcp("10.0.0.5:2375")),
            ("tcp://10.0.0.5:2375/", tcp("10.0.0.5:2375")),
            ("unix://docker.sock", None),
            ("tcp://", None),
            ("tcp://10.0.0.5:2375/path", None),
            ("ssh://10.0.0.5", None),
            ("/var/run/docker.sock", None),
        ] {
            assert_eq!(Api::at(address), expected, "{address}");
        }
    }

    #[test]
    fn an_engine_that_is_not_there_is_named() {
        let api = Api::at("unix:///nowhere/docker.sock").unwrap();
        let error = api.call("GET", "/info", Body::Empty).unwrap_err().to_string();
        assert!(
            error.starts_with("no Docker Engine answers at unix:///nowhere/docker.sock: curl: (7)"),
            "{error}"
        );
    }
}
