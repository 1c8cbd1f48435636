//! Who pushes: what `docker login` has kept for a registry, in the docker client's `config.json` or in the
//! credential helper that this names.
//!
//! The format and the helpers' protocol are a library's business. Here is what it leaves open: where the file
//! is, that a helper may have nothing, and that it may never answer.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

use docker_credential::{
    CredentialRetrievalError, DockerCredential, get_credential_from_reader as credential_of,
};

use super::http::printable;
use super::{PushError, Repository};

/// The docker client's file, in its directory.
const FILE: &str = "config.json";
/// With the credentials of hundreds of registries.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// A helper may ask a person for a password.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// How helpers say that they have nothing, which is no error to the docker client.
const NOTHING: &str = "credentials not found";

/// Who pushes, and how that is proved.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// A name and a secret.
    Password { user: String, password: String },
    /// A long-lived token, for which the registry's server of tokens gives short-lived ones.
    Identity(String),
}

/// The directory of the docker client's settings.
pub(super) fn directory() -> Option<PathBuf> {
    let named = env::var_os("DOCKER_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    named.or_else(|| env::home_dir().map(|home| home.join(".docker")))
}

/// What `directory` has for the registry of `repository`.
pub(super) fn find(directory: &Path, repository: &Repository) -> Result<Option<Credentials>, PushError> {
    let path = directory.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PushError::Credentials { path, problem: error.to_string() }),
    };
    let key = repository.credentials_key().to_owned();
    let (answer, answered) = mpsc::channel();
    // Past its limit it is left behind: there is no other way to end the wait for a helper.
    thread::spawn(move || answer.send(credential_of(file.take(FILE_BYTES_MAX), &key)));
    match answered.recv_timeout(ANSWER_MAX) {
        Ok(found) => understood(found).map_err(|problem| PushError::Credentials { path, problem }),
        Err(_) => {
            Err(PushError::Credentials { path, problem: "its credential helper does not answer".to_owned() })
        }
    }
}

fn understood(
    found: Result<DockerCredential, CredentialRetrievalError>,
) -> Result<Option<Credentials>, String> {
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(Some(Credentials::Password { user, password }))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credentials::Identity(token))),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { helper, stdout, stderr }) => {
            let said = format!("{stdout}{stderr}");
            let failed = || format!("{helper} failed: {}", printable(said.as_bytes()));
            if said.contains(NOTHING) { Ok(None) } else { Err(failed()) }
        }
        Err(CredentialRetrievalError::HelperCommunicationError) => {
            Err("the credential helper that it names cannot be run; is it installed?".to_owned())
        }
        Err(CredentialRetrievalError::ConfigReadError) => {
            Err("it is not the docker client's JSON".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Reference;
    use super::*;

    fn found(config: &str, reference: &str) -> Result<Option<Credentials>, String> {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), config).unwrap();
        let repository = Reference::parse(reference).unwrap().repository;
        find(directory.path(), &repository).map_err(|error| error.to_string())
    }

    fn ada() -> Credentials {
        Credentials::Password { user: "ada".to_owned(), password: "b:c".to_owned() }
    }

    #[test]
    fn what_docker_login_keeps_is_found() {
        for (config, reference, expected) in [
            // printf ada:b:c | base64
            (r#"{"auths":{"127.0.0.1:5000":{"auth":"YWRhOmI6Yw=="}}}"#, "127.0.0.1:5000/a", Some(ada())),
            (
                r#"{"auths":{"https://registry.example":{"auth":"YWRhOmI6Yw=="}}}"#,
                "registry.example/a",
                Some(ada()),
            ),
            (r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YWRhOmI6Yw=="}}}"#, "user/a", Some(ada())),
            (
                r#"{"auths":{"registry.example":{"username":"ada","password":"b:c"}}}"#,
                "registry.example/a",
                Some(ada()),
            ),
            (
                r#"{"auths":{"registry.example":{"auth":"YWRhOmI6Yw==","identitytoken":"long"}}}"#,
                "registry.example/a",
                Some(Credentials::Identity("long".to_owned())),
            ),
            (r#"{"auths":{"127.0.0.1:5000":{"auth":"YWRhOmI6Yw=="}}}"#, "127.0.0.1:5001/a", None),
            (r#"{"auths":{}}"#, "registry.example/a", None),
            ("{}", "registry.example/a", None),
        ] {
            assert!(found(config, reference) == Ok(expected), "{config} {reference}");
        }
    }

    #[test]
    fn nobody_ever_logged_in() {
        let repository = Reference::parse("registry.example/a").unwrap().repository;
        assert!(matches!(find(Path::new("/no/such"), &repository), Ok(None)));
    }

    #[test]
    fn what_cannot_be_read_says_which_file_and_why() {
        for (config, problem) in [
            ("{", "it is not the docker client's JSON"),
            (r#"{"auths":{"registry.example":{"auth":"%"}}}"#, "Unable to decode credential"),
            (
                r#"{"credHelpers":{"registry.example":"no-such-helper"}}"#,
                "the credential helper that it names cannot be run; is it installed?",
            ),
        ] {
            let error = found(config, "registry.example/a").err().unwrap();
            assert!(error.starts_with("cannot read the credentials in /"), "{error}");
            assert!(error.ends_with(&format!("/config.json: {problem}")), "{error}");
        }
    }
}
