//! Rules about what the source may depend on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Beside the root's own.
const OTHER_MANIFESTS: [&str; 4] = ["build", "tests/bench", "tests/fuzz", "fuzz"];

/// The folder of the root's manifest.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of a folder and of those in it.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn only_the_http_module_names_async_h1_and_http_types() {
    let names = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        ["async_h1", "http_types"].iter().any(|name| text.contains(name))
    };
    let users: Vec<_> = sources(&root().join("src")).into_iter().filter(names).collect();
    assert!(!users.is_empty(), "a name has changed");
    for user in users {
        let path = user.strip_prefix(root()).unwrap();
        assert!(path == Path::new("src/http.rs") || path.starts_with("src/http"), "{}", path.display());
    }
}

#[test]
fn every_direct_dependency_is_justified_with_its_version() {
    let mut declared = BTreeSet::new();
    for folder in [""].iter().chain(&OTHER_MANIFESTS) {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let mut is_dependencies = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                is_dependencies = line.ends_with("dependencies]");
            } else if let (true, Some((name, value))) = (is_dependencies, line.split_once(" = ")) {
                let Some(version) = value.split('"').nth(1).filter(|_| !value.contains("path =")) else {
                    continue;
                };
                // One that is used under another name.
                let package = value.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next());
                let name = package.unwrap_or(name);
                declared.insert((name.to_owned(), version.trim_start_matches('=').to_owned()));
            }
        }
    }
    let document = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let rows = document.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let (name, version) = (cells.next()?.trim_end_matches('`'), cells.next()?);
        (cells.count() == 3).then(|| (name.to_owned(), version.to_owned()))
    });
    assert_eq!(rows.collect::<BTreeSet<_>>(), declared);
    assert!(declared.len() > 20, "{declared:?}");
}

/// The workspace of what `cargo fuzz` runs has a lock of its own.
#[test]
fn what_is_fuzzed_is_what_is_built() {
    let locked = |path: &str| {
        let lock = fs::read_to_string(root().join(path)).unwrap();
        let packages = lock.split("[[package]]").skip(1);
        // Name and version.
        packages.map(|package| package.lines().skip(1).take(2).collect()).collect::<BTreeSet<String>>()
    };
    let (built, fuzzed) = (locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    let others = fuzzed.difference(&built).map(|package| package.split('"').nth(1).unwrap());
    assert_eq!(others.collect::<Vec<_>>(), ["docker-metrics-statsd-fuzz", "jobserver", "libfuzzer-sys"]);
    assert!(fuzzed.len() > 50, "{fuzzed:?}");
}

#[test]
fn no_package_has_a_build_script() {
    for folder in [""].iter().chain(&OTHER_MANIFESTS) {
        let folder = root().join(folder);
        assert!(!folder.join("build.rs").exists(), "{}", folder.display());
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(!manifest.lines().any(|line| line.starts_with("build = ")), "{}", folder.display());
    }
}

#[test]
fn every_test_that_the_table_of_defects_names_is_there() {
    let document = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let rows = document.lines().skip_while(|line| !line.starts_with("| what they do"));
    let rows: Vec<_> = rows.skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 8, "{rows:?}");
    let tests = ["client", "server"]
        .map(|side| fs::read_to_string(root().join(format!("tests/it/fenced_{side}.rs"))).unwrap());
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<_> = last.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(tests.iter().any(|text| text.contains(&format!("fn {name}()"))), "{name}");
        }
    }
}
