//! Pure: what a person calls a plugin, as the docker client reads it: `[HOST[:PORT]/]PATH[:TAG]`.

use std::fmt;
use std::net::IpAddr;

use ureq::http::uri::Authority;

use crate::arch::Arch;

/// What the registry of a name without a host is called, by people and by the API.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_API: &str = "registry-1.docker.io";
/// Under which the docker client keeps its credentials.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// Where Docker Hub keeps names of one part.
const DOCKER_HUB_LIBRARY: &str = "library";
const TAG: &str = "latest";
/// Limits of the distribution's specification.
const TAG_BYTES_MAX: usize = 128;
const NAME_BYTES_MAX: usize = 255;

/// Where a plugin is kept, whatever its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// A name or an address, and a port where it is not the usual one.
    host: String,
    path: String,
}

/// A plugin in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where it is kept.
    pub repository: Repository,
    /// What it is called there.
    pub tag: String,
}

impl Repository {
    /// The registry, as people call it.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.host
    }

    /// Its name in the registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the docker client keeps the registry's credentials under.
    #[must_use]
    pub fn credentials_key(&self) -> &str {
        if self.host == DOCKER_HUB { DOCKER_HUB_KEY } else { &self.host }
    }

    /// The beginning of every address of the registry, without a slash at its end.
    ///
    /// On the loopback address it is asked without TLS, as engines do.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.is_loopback() { "http" } else { "https" };
        let host = if self.host == DOCKER_HUB { DOCKER_HUB_API } else { &self.host };
        format!("{scheme}://{host}")
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.parse::<Authority>().is_ok_and(|host| is_loopback(host.host()))
    }
}

/// Whether `host`, without a port, is this machine. Only what needs no look-up.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address: IpAddr| address.is_loopback())
}

impl Reference {
    /// The tags of the plugin for `arch`: engines cannot choose by architecture, so each has its own, and
    /// what has none is for amd64.
    #[must_use]
    pub fn tags(&self, arch: Arch) -> Vec<String> {
        let own = format!("{}-{arch}", self.tag);
        if arch == Arch::Amd64 { vec![self.tag.clone(), own] } else { vec![own] }
    }

    /// Reads what a person wrote.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains("://") {
            return Err(
                "begins with a scheme; leave it out, a registry has TLS unless it is on the loopback",
            );
        }
        if text.contains('@') {
            return Err("has a digest, which follows from what is pushed; leave it out");
        }
        let (host, rest) = match text.split_once('/') {
            // As the docker client tells a host from the first part of a path.
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => (DOCKER_HUB, text),
        };
        let (path, tag) = rest.rsplit_once(':').unwrap_or((rest, TAG));
        if !is_host(host) {
            return Err("has no host and port before its first slash");
        }
        if !path.split('/').all(is_part) {
            return Err("has a path of other than lower-case letters and digits, with . _ or - between them");
        }
        if host.len() + path.len() >= NAME_BYTES_MAX {
            return Err("is longer than 255 bytes");
        }
        let longest = Arch::ALL.into_iter().map(|arch| arch.name().len() + 1).max().unwrap_or(0);
        if !is_tag(tag) || tag.len() + longest > TAG_BYTES_MAX {
            return Err("has a tag of other than letters, digits, _ . and -, or of more than 122 of them");
        }
        let is_short = host == DOCKER_HUB && !path.contains('/');
        let path = if is_short { format!("{DOCKER_HUB_LIBRARY}/{path}") } else { path.to_owned() };
        Ok(Self { repository: Repository { host: host.to_owned(), path }, tag: tag.to_owned() })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.host, self.path)
    }
}

/// A name or an address, and a port if there is one.
fn is_host(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let port = authority.port_u16().map_or(String::new(), |port| format!(":{port}"));
    !authority.host().is_empty() && format!("{}{port}", authority.host()) == text
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_part(part: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_separator =
        |text: &str| ["", ".", "_", "__"].contains(&text) || text.chars().all(|letter| letter == '-');
    part.starts_with(is_word) && part.ends_with(is_word) && part.split(is_word).all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    tag.starts_with(is_word) && tag.chars().all(|letter| is_word(letter) || ['.', '-'].contains(&letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_the_docker_client_reads_them() {
        for (text, registry, path, tag, origin) in [
            ("127.0.0.1:5000/a/b:1.0", "127.0.0.1:5000", "a/b", "1.0", "http://127.0.0.1:5000"),
            ("localhost:5000/a", "localhost:5000", "a", "latest", "http://localhost:5000"),
            ("localhost/a", "localhost", "a", "latest", "http://localhost"),
            ("[::1]:5000/a", "[::1]:5000", "a", "latest", "http://[::1]:5000"),
            ("[2001:db8::1]/a", "[2001:db8::1]", "a", "latest", "https://[2001:db8::1]"),
            (
                "registry.example/a-b__c.d/e:T_1",
                "registry.example",
                "a-b__c.d/e",
                "T_1",
                "https://registry.example",
            ),
            ("registry:443/a", "registry:443", "a", "latest", "https://registry:443"),
            ("127.example/a", "127.example", "a", "latest", "https://127.example"),
            ("user/name:2", "docker.io", "user/name", "2", "https://registry-1.docker.io"),
            ("docker.io/name", "docker.io", "library/name", "latest", "https://registry-1.docker.io"),
        ] {
            let reference = Reference::parse(text).unwrap();
            let Reference { repository, tag: found } = &reference;
            assert_eq!(
                (repository.registry(), repository.path(), found.as_str()),
                (registry, path, tag),
                "{text}"
            );
            assert_eq!(repository.origin(), origin, "{text}");
        }
    }

    #[test]
    fn what_no_registry_takes_is_refused() {
        let long = format!("registry.example/{}", "a".repeat(NAME_BYTES_MAX));
        let long_tag = format!("registry.example/a:{}", "a".repeat(123));
        for (text, problem) in [
            ("", "has a path of"),
            ("https://registry.example/a", "begins with a scheme"),
            ("registry.example/a@sha256:00", "has a digest"),
            ("registry.example/A", "has a path of"),
            ("registry.example/a//b", "has a path of"),
            ("registry.example/a/", "has a path of"),
            ("registry.example/-a", "has a path of"),
            ("registry.example/a___b", "has a path of"),
            ("registry.example/a b", "has a path of"),
            ("registry.example/a:", "has a tag of"),
            ("registry.example/a:-1", "has a tag of"),
            ("registry.example/a:1\r\n", "has a tag of"),
            ("registry.example/a\r\nb: c", "has a path of"),
            ("registry.example:99999/a", "has no host"),
            ("registry.example:/a", "has no host"),
            ("registry.example:05/a", "has no host"),
            (":5000/a", "has no host"),
            ("[::1/a", "has no host"),
            ("regi\u{e9}stry.example/a", "has no host"),
            ("regi?stry.example/a", "has no host"),
            (&long, "is longer"),
            (&long_tag, "has a tag of"),
        ] {
            let found = Reference::parse(text).unwrap_err();
            assert!(found.starts_with(problem), "{text}: {found}");
        }
    }

    #[test]
    fn tags_say_the_architecture_and_plain_is_amd64() {
        let reference = Reference::parse("registry.example/a:1").unwrap();
        assert_eq!(reference.tags(Arch::Amd64), ["1", "1-amd64"]);
        assert_eq!(reference.tags(Arch::Arm64), ["1-arm64"]);
    }

    #[test]
    fn credentials_are_kept_under_the_docker_clients_key() {
        let key = |text| Reference::parse(text).unwrap().repository.credentials_key().to_owned();
        assert_eq!(key("user/name"), "https://index.docker.io/v1/");
        assert_eq!(key("registry.example:5000/a"), "registry.example:5000");
    }
}
