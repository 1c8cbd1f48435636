//! A registry that is not on the loopback address has TLS, and a certificate that this machine trusts.

use std::net::{IpAddr, Ipv4Addr};

use super::token::certify;
use super::{NAME, push_command, result};
use crate::lab::Lab;
use crate::registry::{Options, Registry};

/// Of those for documentation; it is there in the engine's network namespace only.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

#[test]
fn a_registry_is_pushed_to_when_its_certificate_is_trusted() {
    let Some(lab) = Lab::start() else { return };
    let address = format!("{ADDRESS}/32");
    let added =
        lab.engine.netns_command("ip").args(["address", "add", &address, "dev", "lo"]).status().unwrap();
    assert!(added.success());
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path(), &format!("IP:{ADDRESS}"));
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let options = Options {
        address: IpAddr::V4(ADDRESS),
        certificate: Some((&certificate, &key)),
        ..Options::default()
    };
    let registry = lab.enter(|| Registry::start_with(&options));
    let push = |trusted: bool| {
        let mut push = push_command(folder.path(), &[&registry.reference(NAME)]);
        if trusted {
            push.env("SSL_CERT_FILE", &certificate);
        }
        result(lab.enter(|| push.output()).unwrap())
    };
    let error = push(false).unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
    push(true).unwrap_or_else(|error| panic!("{error}\n{}", registry.log()));
}
