//! A registry that takes tokens: it checks each one's signature, and the server that signs them is a stand-in
//! for what a company or a hosted registry runs.

use serde_json::json;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use super::{NAME, log_in, push};
use crate::registry::{Access, Options, PASSWORD, Registry, Signer, USER};
use crate::support::{asked_to_skip, system_tool};

const ISSUER: &str = "a test";
const SERVICE: &str = "registry of a test";
/// Its user and password, as HTTP has them: `printf ada:secret:one | base64`.
const BASIC: &str = "Authorization: Basic YWRhOnNlY3JldDpvbmU=";
/// Until 2100.
const EXPIRES_UNIX_S: u64 = 4_102_444_800;
const SCOPE: &str = "scope=repository%3Ateam%2Fdocker-metrics-statsd%3Apull%2Cpush";

/// Runs openssl with `input` and returns its output.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(system_tool("openssl"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A certificate and its key in `folder`, for `name` (`IP:127.0.0.1`, `DNS:host`).
pub(super) fn certify(folder: &Path, name: &str) {
    let config = format!(
        "[req]\ndistinguished_name = dn\nx509_extensions = v3\nprompt = no\n[dn]\nCN = a test\n[v3]\n\
         subjectAltName = {name}\n"
    );
    fs::write(folder.join("openssl.cnf"), config).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (config, key, certificate) = (path("openssl.cnf"), path("key.pem"), path("certificate.pem"));
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config", &config];
    openssl(&[&request[..], &["-keyout", &key, "-out", &certificate]].concat(), &[]);
}

fn base64(bytes: &[u8]) -> String {
    String::from_utf8(openssl(&["base64", "-A"], bytes)).unwrap()
}

fn base64_in_tokens(bytes: &[u8]) -> String {
    base64(bytes).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned()
}

/// A token with which `actions` are allowed, as the distribution's specification has them: a JWT with the chain of
/// certificates of its key.
fn token(folder: &Path, actions: &[&str]) -> String {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let certificate = openssl(&["x509", "-in", &path("certificate.pem"), "-outform", "DER"], &[]);
    let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [base64(&certificate)]});
    let access = json!([{"type": "repository", "name": NAME, "actions": actions}]);
    let claims = json!({"iss": ISSUER, "sub": USER, "aud": SERVICE, "exp": EXPIRES_UNIX_S, "nbf": 0, "iat": 0,
        "jti": "1", "access": access});
    let encoded = |value: serde_json::Value| base64_in_tokens(value.to_string().as_bytes());
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let signature = openssl(&["dgst", "-sha256", "-sign", &path("key.pem")], signed.as_bytes());
    format!("{signed}.{}", base64_in_tokens(&signature))
}

/// Gives the token to who asks for the right thing with the right password; ends with the test.
fn serve(listener: TcpListener, token: String) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let asked = &head[0];
            let is_known = head.iter().any(|line| line.eq_ignore_ascii_case(BASIC));
            let is_right = asked.contains(SCOPE) && asked.contains("service=registry%20of%20a%20test");
            let (status, body) = match (is_known, is_right) {
                (false, _) => ("401 Unauthorized", json!({"details": "incorrect username or password"})),
                (true, false) => ("400 Bad Request", json!({"details": asked})),
                (true, true) => ("200 OK", json!({"token": token})),
            };
            let (body, connection) = (body.to_string(), "Connection: close");
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\n{connection}\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
}

/// A registry whose tokens allow `actions`.
fn registry(folder: &Path, actions: &[&str]) -> Registry {
    certify(folder, "IP:127.0.0.1");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let realm = format!("http://{}/token", listener.local_addr().unwrap());
    serve(listener, token(folder, actions));
    let certificate = folder.join("certificate.pem");
    let signer = Signer { realm, issuer: ISSUER, service: SERVICE, certificate };
    Registry::start_with(&Options { access: Access::Token(&signer), ..Options::default() })
}

#[test]
fn a_token_is_got_with_the_password_and_taken_by_the_registry() {
    if asked_to_skip("engine") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path(), &["pull", "push"]);
    let reference = registry.reference(NAME);
    let error = push(folder.path(), &[&reference]).unwrap_err();
    assert!(error.contains("asks who pushes"), "{error}");
    log_in(folder.path(), &registry.host(), USER, "wrong");
    let error = push(folder.path(), &[&reference]).unwrap_err();
    assert!(error.contains("does not let \"ada\" push"), "{error}");
    assert!(error.contains("incorrect username or password"), "{error}");
    log_in(folder.path(), &registry.host(), USER, PASSWORD);
    push(folder.path(), &[&reference]).unwrap_or_else(|error| panic!("{error}\n{}", registry.log()));
}

#[test]
fn a_token_that_allows_too_little_is_told() {
    if asked_to_skip("engine") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path(), &["pull"]);
    log_in(folder.path(), &registry.host(), USER, PASSWORD);
    let error = push(folder.path(), &[&registry.reference(NAME)]).unwrap_err();
    assert!(
        error.contains("does not let \"ada\" push to team/docker-metrics-statsd (UNAUTHORIZED"),
        "{error}"
    );
}
