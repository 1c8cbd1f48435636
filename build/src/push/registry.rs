//! One repository of a registry, by the distribution's specification.
//!
//! Nothing that a registry answers is taken for good: digests are compared, and credentials go only to the
//! registry itself and to the server of tokens that it names, over TLS unless all of it is on this machine.

use serde::Deserialize;
use ureq::http::{Uri, header};

use super::bundle::Blob;
use super::challenge::Challenge;
use super::credentials::Credentials;
use super::http::{Answer, Client, Payload, printable};
use super::reference::is_loopback;
use super::{PushError, Repository};

const DIGEST: &str = "docker-content-digest";
/// Who asks for a token; servers may want to know.
const CLIENT_ID: &str = "plugin-builder";

/// A repository in a registry.
pub(super) struct Registry<'a> {
    client: Client,
    repository: &'a Repository,
    credentials: Option<Credentials>,
    /// The header that says who asks, once the registry wanted it.
    authorization: Option<String>,
}

/// A request to a registry.
#[derive(Clone, Copy)]
struct Call<'a> {
    /// What it is for, behind "cannot".
    what: &'a str,
    method: &'a str,
    url: &'a str,
    payload: Option<Payload<'a>>,
}

/// What a server of tokens answers; either name is in use.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Registry<'a> {
    pub(super) fn new(repository: &'a Repository, credentials: Option<Credentials>) -> Self {
        let client = Client::new(repository.is_loopback());
        Self { client, repository, credentials, authorization: None }
    }

    /// Whether the repository has the blob already.
    pub(super) fn has(&mut self, blob: &Blob) -> Result<bool, PushError> {
        let what = format!("ask for {}", blob.digest);
        let url = format!("{}/blobs/{}", self.base(), blob.digest);
        let call = Call { what: &what, method: "HEAD", url: &url, payload: None };
        let answer = self.call(call, &mut |_| {})?;
        match answer.status {
            // 307: it has it, elsewhere.
            200 | 307 => self.check_digest(&what, &answer, blob).map(|()| true),
            404 => Ok(false),
            _ => Err(self.refused(&what, &answer)),
        }
    }

    /// Uploads the blob in one piece; `sent` is told how many bytes of it have gone.
    pub(super) fn upload(&mut self, blob: &Blob, sent: &mut dyn FnMut(usize)) -> Result<(), PushError> {
        let what = format!("upload {}", blob.digest);
        let url = format!("{}/blobs/uploads/", self.base());
        let empty = Payload { media_type: "application/octet-stream", bytes: &[] };
        let begin = Call { what: &what, method: "POST", url: &url, payload: Some(empty) };
        let answer = self.call(begin, &mut |_| {})?;
        if answer.status != 202 {
            return Err(self.refused(&what, &answer));
        }
        let location = self.location(&what, &answer)?;
        let separator = if location.contains('?') { '&' } else { '?' };
        let url = format!("{location}{separator}digest={}", blob.digest);
        self.put(&what, &url, Payload { bytes: &blob.bytes, ..empty }, blob, sent)
    }

    /// Gives the manifest a tag.
    pub(super) fn tag(&mut self, manifest: &Blob, tag: &str) -> Result<(), PushError> {
        let what = format!("tag {}:{tag}", self.repository);
        let url = format!("{}/manifests/{tag}", self.base());
        let payload = Payload { media_type: manifest.media_type, bytes: &manifest.bytes };
        self.put(&what, &url, payload, manifest, &mut |_| {})
    }

    fn put(
        &mut self,
        what: &str,
        url: &str,
        payload: Payload<'_>,
        blob: &Blob,
        sent: &mut dyn FnMut(usize),
    ) -> Result<(), PushError> {
        let answer = self.call(Call { what, method: "PUT", url, payload: Some(payload) }, sent)?;
        if answer.status != 201 {
            return Err(self.refused(what, &answer));
        }
        self.check_digest(what, &answer, blob)
    }

    fn base(&self) -> String {
        format!("{}/v2/{}", self.repository.origin(), self.repository.path())
    }

    /// One request; a second time when the registry wants to know who asks, or does not know it any more.
    fn call(&mut self, call: Call<'_>, sent: &mut dyn FnMut(usize)) -> Result<Answer, PushError> {
        let answer = self.send(call, sent)?;
        if answer.status != 401 {
            return Ok(answer);
        }
        self.authorization = Some(self.authorize(&answer)?);
        let answer = self.send(call, sent)?;
        if answer.status == 401 { Err(self.denied(&answer)) } else { Ok(answer) }
    }

    fn send(&self, call: Call<'_>, sent: &mut dyn FnMut(usize)) -> Result<Answer, PushError> {
        let Call { what, method, url, payload } = call;
        // An upload may go on elsewhere, at an address that is secret enough.
        let is_ours = url.strip_prefix(&self.repository.origin()).is_some_and(|rest| rest.starts_with('/'));
        let authorization = self.authorization.as_deref().filter(|_| is_ours);
        let answer = self.client.send(method, url, authorization, payload, sent);
        answer.map_err(|error| unreachable(self.repository.registry(), what, &error))
    }

    /// The header that the registry asks for.
    fn authorize(&self, asked: &Answer) -> Result<String, PushError> {
        let values = asked.headers.get_all(header::WWW_AUTHENTICATE).into_iter();
        match (Challenge::of(values.filter_map(|value| value.to_str().ok())), &self.credentials) {
            (Some(Challenge::Basic), Some(Credentials::Password { user, password })) => {
                Ok(basic(user, password))
            }
            (Some(Challenge::Basic), _) => Err(self.denied(asked)),
            (Some(Challenge::Bearer { realm, service }), _) => self.token(&realm, service.as_deref()),
            (None, _) => {
                Err(self.broken("log in", "answers 401 and neither Basic nor Bearer as a way to log in"))
            }
        }
    }

    /// The header with a token that lets this repository be written.
    fn token(&self, realm: &str, service: Option<&str>) -> Result<String, PushError> {
        const WHAT: &str = "get a token";
        let Some(server) = realm.parse::<Uri>().ok().filter(|uri| self.may_know(uri)) else {
            let problem = format!("sends for it to {}, which has no TLS", printable(realm.as_bytes()));
            return Err(self.broken(WHAT, &problem));
        };
        let server = server.host().unwrap_or(realm);
        let scope = format!("repository:{}:pull,push", self.repository.path());
        let mut asked = vec![("scope", scope.as_str()), ("client_id", CLIENT_ID)];
        asked.extend(service.map(|service| ("service", service)));
        let answer = match &self.credentials {
            Some(Credentials::Identity(token)) => {
                asked.extend([("grant_type", "refresh_token"), ("refresh_token", token)]);
                self.client.post_form(realm, &asked)
            }
            Some(Credentials::Password { user, password }) => {
                self.client.get(realm, Some(&basic(user, password)), &asked)
            }
            None => self.client.get(realm, None, &asked),
        };
        let answer = answer.map_err(|error| unreachable(server, WHAT, &error))?;
        match (answer.status, serde_json::from_slice(&answer.body)) {
            (200, Ok(Token { token: Some(token), .. } | Token { access_token: Some(token), .. })) => {
                Ok(format!("Bearer {token}"))
            }
            (200, _) => Err(self.broken(WHAT, "sends for it to a server that answers without one")),
            (401 | 403, _) => Err(self.denied(&answer)),
            (status, _) => {
                let (server, what) = (server.to_owned(), WHAT.to_owned());
                Err(PushError::Refused { server, what, status, said: answer.said() })
            }
        }
    }

    /// Whether the credentials for this registry may go there.
    fn may_know(&self, server: &Uri) -> bool {
        let is_here = self.repository.is_loopback() && server.host().is_some_and(is_loopback);
        server.scheme_str() == Some("https") || (is_here && server.scheme_str() == Some("http"))
    }

    /// Where an upload goes on.
    fn location(&self, what: &str, answer: &Answer) -> Result<String, PushError> {
        match answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) {
            Some(path) if path.starts_with('/') && !path.starts_with("//") => {
                Ok(format!("{}{path}", self.repository.origin()))
            }
            Some(url) if url.parse::<Uri>().is_ok_and(|url| self.may_know(&url)) => Ok(url.to_owned()),
            Some(other) => {
                let problem = format!("sends it to {}, which has no TLS", printable(other.as_bytes()));
                Err(self.broken(what, &problem))
            }
            None => Err(self.broken(what, "does not say where to")),
        }
    }

    /// What a registry keeps under another sum is not what it was sent.
    fn check_digest(&self, what: &str, answer: &Answer, blob: &Blob) -> Result<(), PushError> {
        match answer.headers.get(DIGEST) {
            Some(found) if found.as_bytes() != blob.digest.as_bytes() => {
                let found = printable(found.as_bytes());
                Err(self.broken(what, &format!("has {found} in place of {}", blob.digest)))
            }
            _ => Ok(()),
        }
    }

    fn denied(&self, answer: &Answer) -> PushError {
        let user = self.credentials.as_ref().map(|credentials| match credentials {
            Credentials::Password { user, .. } => user.clone(),
            // As credential helpers call it.
            Credentials::Identity(_) => "<token>".to_owned(),
        });
        PushError::Denied { repository: self.repository.clone(), user, said: answer.said() }
    }

    fn refused(&self, what: &str, answer: &Answer) -> PushError {
        if answer.status == 403 {
            return self.denied(answer);
        }
        let server = self.repository.registry().to_owned();
        PushError::Refused { server, what: what.to_owned(), status: answer.status, said: answer.said() }
    }

    fn broken(&self, what: &str, problem: &str) -> PushError {
        let server = self.repository.registry().to_owned();
        PushError::Protocol { server, what: what.to_owned(), problem: problem.to_owned() }
    }
}

fn basic(user: &str, password: &str) -> String {
    http_auth::basic::encode_credentials(user, password)
}

fn unreachable(server: &str, what: &str, error: &ureq::Error) -> PushError {
    PushError::Unreachable { server: server.to_owned(), what: what.to_owned(), problem: error.to_string() }
}

#[cfg(test)]
mod tests;
