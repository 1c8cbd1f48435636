//! Pure: what is linked into the plugin, as a `CycloneDX` document.
//!
//! It is made of what cargo knows without a network (`cargo metadata`) and of the sums in Cargo.lock, so the
//! same source gives the same bytes: no time, no serial number. Rust's standard library and musl come with
//! the compiler and are not in cargo's graph.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What is read of `cargo metadata --format-version 1`.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    /// Nothing is a normal one; others are for builds and tests.
    kind: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: About<'a>,
    components: Vec<Component<'a>>,
    dependencies: Vec<DependsOn>,
}

#[derive(Debug, Serialize)]
struct About<'a> {
    component: Component<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    r#type: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash<'a>>,
    purl: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<Reference<'a>>,
}

#[derive(Debug, Serialize)]
struct License {
    expression: String,
}

#[derive(Debug, Serialize)]
struct Hash<'a> {
    alg: &'static str,
    content: &'a str,
}

#[derive(Debug, Serialize)]
struct Reference<'a> {
    r#type: &'static str,
    url: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DependsOn {
    r#ref: String,
    depends_on: BTreeSet<String>,
}

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SbomError {
    /// `cargo metadata` is not what it should be.
    Metadata(String),
    /// There is no such package in it.
    NoPackage(String),
}

impl std::fmt::Display for SbomError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Metadata(reason) => write!(out, "cargo metadata cannot be read: {reason}"),
            Self::NoPackage(name) => write!(out, "cargo metadata has no package {name}"),
        }
    }
}

impl std::error::Error for SbomError {}

/// The document for `program`, from the text of `cargo metadata` and that of Cargo.lock.
///
/// # Errors
/// The metadata cannot be read or lack the program.
pub fn document(program: &str, metadata: &[u8], lock: &str) -> Result<String, SbomError> {
    let metadata: Metadata =
        serde_json::from_slice(metadata).map_err(|error| SbomError::Metadata(error.to_string()))?;
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let root = metadata.packages.iter().find(|package| package.name == program);
    let root = root.ok_or_else(|| SbomError::NoPackage(program.to_owned()))?;
    let linked = linked(&root.id, &metadata.resolve, &packages);

    let sums = sums(lock);
    let mut components: Vec<_> = linked
        .keys()
        .filter(|id| **id != root.id)
        .filter_map(|id| packages.get(id).map(|package| component(package, "library", &sums)))
        .collect();
    components.sort_by(|one, other| one.bom_ref.cmp(&other.bom_ref));
    let name = |id: &str| packages.get(id).map(|package| purl(package));
    let mut dependencies: Vec<_> = linked
        .iter()
        .filter_map(|(id, on)| {
            let depends_on = on.iter().filter_map(|id| name(id)).collect();
            Some(DependsOn { r#ref: name(id)?, depends_on })
        })
        .collect();
    dependencies.sort_by(|one, other| one.r#ref.cmp(&other.r#ref));
    let document = Document {
        bom_format: "CycloneDX",
        spec_version: "1.5",
        version: 1,
        metadata: About { component: component(root, "application", &sums) },
        components,
        dependencies,
    };
    let text = serde_json::to_string_pretty(&document);
    text.map(|text| text + "\n").map_err(|error| SbomError::Metadata(error.to_string()))
}

/// Every package whose code is in the program, and what each uses: normal dependencies, without those whose
/// code runs in the compiler, and theirs.
fn linked<'a>(
    root: &'a str,
    resolve: &'a Resolve,
    packages: &BTreeMap<&str, &Package>,
) -> BTreeMap<&'a str, Vec<&'a str>> {
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let is_linked = |dependency: &&Dependency| {
        let package = packages.get(dependency.pkg.as_str());
        let is_macro = package.is_some_and(|package| {
            package.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
        });
        dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()) && !is_macro
    };
    let mut linked = BTreeMap::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if linked.contains_key(id) {
            continue;
        }
        let on = nodes.get(id).map(|node| node.deps.iter().filter(is_linked)).into_iter().flatten();
        let on: Vec<_> = on.map(|dependency| dependency.pkg.as_str()).collect();
        open.extend(&on);
        linked.insert(id, on);
    }
    linked
}

/// The sum of each package that comes from a registry, by name and version.
fn sums(lock: &str) -> BTreeMap<(&str, &str), &str> {
    lock.split("[[package]]")
        .filter_map(|package| {
            let field = |name: &str| {
                let line = package.lines().find(|line| line.starts_with(&format!("{name} = ")))?;
                line.split('"').nth(1)
            };
            Some(((field("name")?, field("version")?), field("checksum")?))
        })
        .collect()
}

/// The package's address, as package-url has it.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn component<'a>(
    package: &'a Package,
    kind: &'static str,
    sums: &BTreeMap<(&str, &str), &'a str>,
) -> Component<'a> {
    let sum = sums.get(&(package.name.as_str(), package.version.as_str()));
    // An alternative as cargo once had it.
    let expression = package.license.as_ref().map(|license| license.replace('/', " OR "));
    Component {
        r#type: kind,
        bom_ref: purl(package),
        name: &package.name,
        version: &package.version,
        licenses: expression.map(|expression| License { expression }).into_iter().collect(),
        hashes: sum.map(|content| Hash { alg: "SHA-256", content }).into_iter().collect(),
        purl: purl(package),
        external_references: package.repository.iter().map(|url| Reference { r#type: "vcs", url }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A program that uses `a` and a macro; `a` uses `b`, and `c` for its tests.
    fn metadata() -> Vec<u8> {
        let package = |name: &str, kind: &str, license: Option<&str>| {
            json!({
                "id": format!("id of {name}"), "name": name, "version": "1.2.3", "license": license,
                "repository": "https://example.com", "targets": [{ "kind": [kind] }], "other": 1,
            })
        };
        let on = |name: &str, kind: Option<&str>| json!({ "pkg": format!("id of {name}"), "dep_kinds": [{ "kind": kind, "target": null }] });
        let node = |name: &str, deps: &[Value]| json!({ "id": format!("id of {name}"), "deps": deps });
        let metadata = json!({
            "packages": [
                package("program", "bin", Some("MIT")), package("a", "lib", Some("MIT/Apache-2.0")),
                package("b", "lib", None), package("c", "lib", None), package("macro", "proc-macro", None),
            ],
            "resolve": { "nodes": [
                node("program", &[on("macro", None), on("a", None)]),
                node("a", &[on("b", None), on("c", Some("dev")), on("c", Some("build"))]),
                node("b", &[]), node("c", &[]), node("macro", &[on("c", None)]),
            ] },
        });
        metadata.to_string().into_bytes()
    }

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.2.3\"\nsource = \"x\"\n\
                        checksum = \"0a\"\n\n[[package]]\nname = \"b\"\nversion = \"1.2.3\"\n";

    #[test]
    fn what_is_linked_is_listed_with_its_licence_and_sum() {
        let text = document("program", &metadata(), LOCK).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["metadata"]["component"]["name"], "program");
        assert_eq!(
            document["components"],
            json!([
                {
                    "type": "library", "bom-ref": "pkg:cargo/a@1.2.3", "name": "a", "version": "1.2.3",
                    "licenses": [{ "expression": "MIT OR Apache-2.0" }],
                    "hashes": [{ "alg": "SHA-256", "content": "0a" }],
                    "purl": "pkg:cargo/a@1.2.3",
                    "externalReferences": [{ "type": "vcs", "url": "https://example.com" }],
                },
                {
                    "type": "library", "bom-ref": "pkg:cargo/b@1.2.3", "name": "b", "version": "1.2.3",
                    "purl": "pkg:cargo/b@1.2.3",
                    "externalReferences": [{ "type": "vcs", "url": "https://example.com" }],
                },
            ])
        );
        assert_eq!(
            document["dependencies"],
            json!([
                { "ref": "pkg:cargo/a@1.2.3", "dependsOn": ["pkg:cargo/b@1.2.3"] },
                { "ref": "pkg:cargo/b@1.2.3", "dependsOn": [] },
                { "ref": "pkg:cargo/program@1.2.3", "dependsOn": ["pkg:cargo/a@1.2.3"] },
            ])
        );
    }

    #[test]
    fn metadata_that_is_no_such_thing_is_named() {
        let error = document("program", b"{}", "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cargo metadata cannot be read: missing field `packages` at line 1 column 2"
        );
        let error = document("other", &metadata(), "").unwrap_err();
        assert_eq!(error.to_string(), "cargo metadata has no package other");
    }
}
