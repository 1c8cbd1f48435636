//! Plugins that `plugin-builder push` has brought to a real registry: who may push, and what engines make of it.

mod tls;
mod token;

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::lab::{Lab, PLUGIN, plugin_folder, plugin_tarball};
use crate::receiver::Receiver;
use crate::registry::{Access, Options, PASSWORD, Registry, USER};
use crate::release::{Release, on_every_engine};
use crate::support::{asked_to_skip, workspace_root};

const NAME: &str = "team/docker-metrics-statsd";
const CPUS: &str = "docker.engine_daemon_engine_cpus_cpus";

on_every_engine!(
    a_plugin_is_installed_by_tag_and_by_digest,
    another_architectures_plugin_is_installed_and_cannot_be_enabled,
);

/// `plugin-builder push` with the docker client's settings in `config`.
fn push_command(config: &Path, references: &[&str]) -> Command {
    let mut push = Command::new(env!("CARGO_BIN_EXE_plugin-builder"));
    push.current_dir(workspace_root()).arg("push").args(references).env("DOCKER_CONFIG", config);
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        push.env_remove(proxy);
    }
    push.stdin(Stdio::null());
    push
}

/// What it printed, or what it complained about.
fn result(output: Output) -> Result<String, String> {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn push(config: &Path, references: &[&str]) -> Result<String, String> {
    result(push_command(config, references).output().unwrap())
}

/// The client's settings after `docker login`, without a client.
fn log_in(config: &Path, host: &str, user: &str, password: &str) {
    let auths = json!({"auths": {host: {"username": user, "password": password}}});
    fs::write(config.join("config.json"), auths.to_string()).unwrap();
}

/// The digest in a line that was printed for `reference`.
fn digest_of<'a>(printed: &'a str, reference: &str) -> &'a str {
    let mut lines = printed.lines();
    let found = lines.find_map(|line| line.strip_prefix(reference)?.strip_prefix('@'));
    found.unwrap_or_else(|| panic!("no {reference} in {printed}"))
}

fn a_plugin_is_installed_by_tag_and_by_digest(release: Release) {
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let options = Options { access: Access::Password, ..Options::default() };
    let registry = lab.enter(|| Registry::start_with(&options));
    let receiver = Receiver::start(&lab, 0);
    let reference = registry.reference(&format!("{NAME}:1"));
    // The same file for the client, which writes it, and for the push.
    lab.docker(&["login", "--username", USER, "--password", PASSWORD, &registry.host()]);
    let config = lab.engine.folder().join("client");
    let printed = lab.enter(|| push(&config, &[&reference])).unwrap();
    let digest = digest_of(&printed, &reference);
    assert_eq!(digest_of(&printed, &format!("{reference}-amd64")), digest);

    let is_20 = lab.docker(&["version", "--format", "{{.Server.Version}}"]).starts_with("20.");
    let by_digest = format!("{}@{digest}", registry.reference(NAME));
    for (prefix, name) in [("tag.", &reference), ("digest.", &by_digest)] {
        let settings = [receiver.setting(), "INTERVAL=200ms".to_owned(), format!("METRIC_PREFIX={prefix}")];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let install = ["plugin", "install", "--grant-all-permissions", "--alias", PLUGIN, name];
        let installed = lab.try_docker(&[&install, settings.as_slice()].concat());
        if is_20 && prefix == "digest." {
            // It crashes, which the documentation says.
            assert!(
                installed.is_err() && lab.engine.log().contains("withFetchProgress"),
                "{}",
                lab.log_end()
            );
            continue;
        }
        assert!(installed.is_ok(), "{name}: {}\n{}", installed.unwrap_err(), registry.log());
        let metric = CPUS.replace("docker.", prefix);
        lab.wait_for(&format!("metrics of {name}"), || (receiver.count(&metric) > 0).then_some(()));
        lab.docker(&["plugin", "rm", "--force", PLUGIN]);
    }
}

fn another_architectures_plugin_is_installed_and_cannot_be_enabled(release: Release) {
    // The kernel would start the emulator that is registered for it.
    if Path::new("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists() {
        return;
    }
    let Some(lab) = Lab::start_on(release, &[]) else { return };
    let registry = lab.enter(Registry::start);
    let reference = registry.reference(NAME);
    let config = tempfile::tempdir().unwrap();
    lab.enter(|| push(config.path(), &[&reference])).unwrap();
    let other = format!("{reference}:latest-arm64");
    let install = ["plugin", "install", "--grant-all-permissions", "--alias", PLUGIN, &other];
    let error = lab.try_docker(&install).unwrap_err().to_string();
    assert!(error.contains("plugin.sock: connect: no such file or directory"), "{error}");
    let log = lab.plugin_log();
    assert!(log.iter().any(|line| line.contains("exec format error")), "{log:#?}");
    let state = lab.docker(&["plugin", "inspect", "--format", "{{.Enabled}}", PLUGIN]);
    assert_eq!(state.trim(), "false");
    lab.docker(&["plugin", "rm", PLUGIN]);
}

#[test]
fn what_is_pushed_is_what_an_engine_pushes() {
    let Some(lab) = Lab::start() else { return };
    let registry = lab.enter(Registry::start);
    let (ours, theirs) = (registry.reference("ours:1"), registry.reference("theirs:1"));
    let config = tempfile::tempdir().unwrap();
    lab.enter(|| push(config.path(), &[&ours])).unwrap();
    lab.docker(&["plugin", "create", &theirs, plugin_folder().to_str().unwrap()]);
    lab.docker(&["plugin", "push", &theirs]);
    let get = |path: &str| {
        let mut curl = lab.engine.netns_command("curl");
        curl.args(["--silent", "--show-error", "--fail"]);
        curl.args(["--header", "Accept: application/vnd.docker.distribution.manifest.v2+json"]);
        let output = curl.arg(format!("http://{}/v2/{path}", registry.host())).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{path}: {output:?}"))
    };
    let [ours, theirs] = ["ours", "theirs"].map(|name| {
        let mut manifest = get(&format!("{name}/manifests/1"));
        let digest = manifest["config"]["digest"].as_str().unwrap();
        let config = filled_in(get(&format!("{name}/blobs/{digest}")));
        // They depend on the archive that the docker client writes.
        for part in ["/config", "/layers/0"] {
            let part = manifest.pointer_mut(part).unwrap().as_object_mut().unwrap();
            assert!(part.remove("size").is_some_and(|size| size.is_u64()));
            assert!(part.remove("digest").is_some_and(|digest| digest.is_string()));
        }
        (manifest, config.unwrap())
    });
    assert_eq!(ours.0, theirs.0);
    let [ours, theirs] = [ours.1, theirs.1].map(|mut config| {
        let [diff_id] = config["rootfs"]["diff_ids"].as_array_mut().unwrap().as_mut_slice() else {
            panic!("{config}")
        };
        assert!(diff_id.take().as_str().unwrap().starts_with("sha256:"));
        config
    });
    assert_eq!(ours, theirs);
}

/// What of a configuration is filled in, with keys as engines compare them: in any case.
fn filled_in(config: Value) -> Option<Value> {
    match config {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key.to_lowercase(), value));
            let fields = fields.filter(|(key, _)| key != "dockerversion");
            let fields = fields.filter_map(|(key, value)| Some((key, filled_in(value)?)));
            Some(Value::Object(fields.collect())).filter(|object| *object != json!({}))
        }
        Value::Array(items) => Some(items.into_iter().filter_map(filled_in).collect()),
        value => Some(value).filter(|value| ![json!(null), json!(""), json!(false)].contains(value)),
    }
}

#[test]
fn several_tags_are_one_upload_and_the_same_source_is_the_same_digest() {
    if asked_to_skip("engine") {
        return;
    }
    let registry = Registry::start();
    let config = tempfile::tempdir().unwrap();
    let [one, two] = ["1", "2"].map(|tag| registry.reference(&format!("{NAME}:{tag}")));
    let printed = push(config.path(), &[&one, &two]).unwrap();
    let names: Vec<_> = printed.lines().map(|line| line.split_once('@').unwrap().0.to_owned()).collect();
    let of = |suffix: &str| [format!("{one}{suffix}"), format!("{two}{suffix}")];
    let amd64 = [one.clone(), format!("{one}-amd64"), two.clone(), format!("{two}-amd64")];
    assert_eq!(names, [&amd64[..], &of("-arm64")].concat());
    assert_eq!(digest_of(&printed, &one), digest_of(&printed, &two));
    assert_ne!(digest_of(&printed, &one), digest_of(&printed, &of("-arm64")[0]));
    let uploads = || registry.log().matches("\"POST /v2/").count();
    // A layer and a config for each architecture.
    assert_eq!(uploads(), 4, "{}", registry.log());

    let again = push(config.path(), &[&one, &two]).unwrap();
    assert_eq!(again, printed);
    assert_eq!(uploads(), 4, "what is there is not sent again");
    assert!(plugin_tarball().is_file());
}

#[test]
fn who_may_not_push_is_told_what_to_do() {
    if asked_to_skip("engine") {
        return;
    }
    let options = Options { access: Access::Password, ..Options::default() };
    let registry = Registry::start_with(&options);
    let host = registry.host();
    let reference = registry.reference(NAME);
    let config = tempfile::tempdir().unwrap();
    let error = push(config.path(), &[&reference]).unwrap_err();
    assert_eq!(error, format!("plugin-builder: {host} asks who pushes: `docker login {host}` first\n"));
    log_in(config.path(), &host, USER, "wrong");
    let error = push(config.path(), &[&reference]).unwrap_err();
    assert_eq!(
        error,
        format!(
            "plugin-builder: {host} does not let \"ada\" push to {NAME}: is the password still right (`docker \
             login {host}`), may this user write there?\n"
        )
    );
    log_in(config.path(), &host, USER, PASSWORD);
    push(config.path(), &[&reference]).unwrap();
}

#[test]
fn a_credential_helper_is_asked() {
    use std::os::unix::fs::PermissionsExt as _;
    if asked_to_skip("engine") {
        return;
    }
    let options = Options { access: Access::Password, ..Options::default() };
    let registry = Registry::start_with(&options);
    let config = tempfile::tempdir().unwrap();
    let bin = tempfile::tempdir().unwrap();
    let helpers = json!({"credHelpers": {registry.host(): "test"}}).to_string();
    fs::write(config.path().join("config.json"), helpers).unwrap();
    let run = |script: String| {
        let helper = bin.path().join("docker-credential-test");
        // Another file each time: the one before may still be run.
        let _ = fs::remove_file(&helper);
        fs::write(&helper, script).unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
        let mut push = push_command(config.path(), &[&registry.reference(NAME)]);
        result(push.env("PATH", path).output().unwrap())
    };
    let host = registry.host();
    let fail = |said: &str| run(format!("#!/bin/sh\ncat >/dev/null\necho {said}\nexit 1\n")).unwrap_err();
    let none = fail("credentials not found in native keychain");
    assert!(none.contains("asks who pushes"), "{none}");
    let failed = fail("the keychain is locked");
    assert!(failed.ends_with("docker-credential-test failed: the keychain is locked\n"), "{failed}");
    let answer = json!({"ServerURL": host, "Username": USER, "Secret": PASSWORD});
    run(format!("#!/bin/sh\n[ \"$1 $(cat)\" = 'get {host}' ] && echo '{answer}'\n")).unwrap();
}

#[test]
fn what_was_not_built_is_named() {
    let config = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut push = push_command(config.path(), &["registry.example/a"]);
    let error = result(push.arg("--out").arg(empty.path()).output().unwrap()).unwrap_err();
    assert!(error.contains("linux-amd64.tar: No such file"), "{error}");
}
