//! Pure: how a registry wants to be told who asks, out of what it answers without that (`WWW-Authenticate`).

use http_auth::{ChallengeRef, parse_challenges};

/// A way to tell who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password, with each request.
    Basic,
    /// A token from a server for them, with each request.
    Bearer {
        /// The address of that server.
        realm: String,
        /// What the registry is called there.
        service: Option<String>,
    },
}

impl Challenge {
    /// Out of the values of the headers. Of several ways a token is taken, as the docker client does: user
    /// and password then go to one server alone.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let read = values.into_iter().flat_map(|value| parse_challenges(value).unwrap_or_default());
        let known: Vec<_> = read.filter_map(|challenge| Self::known(&challenge)).collect();
        let bearer = known.iter().find(|challenge| matches!(challenge, Self::Bearer { .. }));
        bearer.or(known.first()).cloned()
    }

    fn known(challenge: &ChallengeRef<'_>) -> Option<Self> {
        let parameter = |name: &str| {
            let mut parameters = challenge.params.iter();
            let (_, value) = parameters.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
            Some(value.to_unescaped())
        };
        if challenge.scheme.eq_ignore_ascii_case("Basic") {
            return Some(Self::Basic);
        }
        let is_bearer = challenge.scheme.eq_ignore_ascii_case("Bearer");
        let realm = parameter("realm").filter(|_| is_bearer)?;
        Some(Self::Bearer { realm, service: parameter("service") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_send_is_understood() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        for (values, expected) in [
            (&[r#"Basic realm="Registry Realm""#][..], Some(Challenge::Basic)),
            (&[r#"basic realm="a", charset="UTF-8""#], Some(Challenge::Basic)),
            (
                &[
                    r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull""#,
                ],
                bearer("https://auth.example/token", Some("registry.example")),
            ),
            (&[r#"bearer Realm="https://a/t?x=1,2""#], bearer("https://a/t?x=1,2", None)),
            (&[r#"Bearer realm="https://a/t", service="a \"b\"""#], bearer("https://a/t", Some("a \"b\""))),
            (&[r#"Basic realm="a", Bearer realm="https://a/t""#], bearer("https://a/t", None)),
            (&[r#"Basic realm="a""#, r#"Bearer realm="https://a/t""#], bearer("https://a/t", None)),
            (&["Negotiate", r#"Basic realm="a""#], Some(Challenge::Basic)),
            (&[r#"Bearer service="a""#], None),
            (&["Negotiate"], None),
            (&[r#"Bearer realm="https://a"#], None),
            (&["", "\u{1}", ",,,", "="], None),
            (&[], None),
        ] {
            assert_eq!(Challenge::of(values.iter().copied()), expected, "{values:?}");
        }
    }
}
