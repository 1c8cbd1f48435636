//! Pure: a plugin's tarball to the three things that a registry keeps of it.
//!
//! They are what an engine pushes: its own media types, exactly one layer, compressed with gzip, and no index,
//! from which engines cannot install. Same tarball, same bytes, so the digest that a release is known by
//! follows from its source.

use std::io::{self, Read as _, Write as _};

use flate2::{Compression, GzBuilder};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::image::CONFIG_JSON;
use crate::rootfs::ROOTFS;
use crate::tarball::{self, Content, Entry};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.plugin.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A plugin takes a thousandth of it.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// Bytes that a registry keeps under their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What they are.
    pub media_type: &'static str,
    /// `sha256:` and their sum.
    pub digest: String,
    /// They.
    pub bytes: Vec<u8>,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { media_type, digest: digest(&bytes), bytes }
    }
}

/// What a registry keeps of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Names the other two.
    pub manifest: Blob,
    /// The plugin's `config.json`, and the sum of its rootfs.
    pub config: Blob,
    /// The rootfs.
    pub layer: Blob,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor<'a>,
    layers: [Descriptor<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    size: usize,
    digest: &'a str,
}

impl<'a> From<&'a Blob> for Descriptor<'a> {
    fn from(blob: &'a Blob) -> Self {
        Self { media_type: blob.media_type, size: blob.bytes.len(), digest: &blob.digest }
    }
}

/// What an engine adds to a `config.json`.
#[derive(Serialize)]
struct Rootfs<'a> {
    r#type: &'a str,
    diff_ids: [&'a str; 1],
}

impl Bundle {
    /// Of a tarball that [`crate::image`] made.
    ///
    /// # Errors
    /// It is no such tarball.
    pub fn of(tarball: &[u8]) -> io::Result<Self> {
        let (config, rootfs) = parts(tarball)?;
        let rootfs = tarball::archive(&rootfs)?;
        let diff_id = digest(&rootfs);
        let mut config: Map<String, Value> = serde_json::from_slice(&config)?;
        let added = serde_json::to_value(Rootfs { r#type: "layers", diff_ids: [&diff_id] })?;
        config.insert("rootfs".to_owned(), added);
        let config = Blob::new(CONFIG, serde_json::to_vec(&config)?);
        let layer = Blob::new(LAYER, compressed(&rootfs)?);
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: (&config).into(),
            layers: [(&layer).into()],
        };
        let manifest = Blob::new(MANIFEST, serde_json::to_vec(&manifest)?);
        Ok(Self { manifest, config, layer })
    }
}

/// The bytes' digest, as registries write it.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", tarball::sha256(bytes))
}

/// `config.json`, and what is in the rootfs.
fn parts(tarball: &[u8]) -> io::Result<(Vec<u8>, Vec<Entry>)> {
    let (mut config, mut rootfs) = (None, Vec::new());
    for entry in tar::Archive::new(tarball.take(UNPACKED_BYTES_MAX)).entries()? {
        let mut entry = entry?;
        let path = String::from_utf8(entry.path_bytes().into_owned()).map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        let path = path.trim_end_matches('/');
        if path == CONFIG_JSON {
            config = Some(bytes);
        } else if let Some(path) = path.strip_prefix(ROOTFS).and_then(|rest| rest.strip_prefix('/')) {
            let content = if entry.header().entry_type().is_dir() {
                Content::Directory
            } else if entry.header().mode()? == Content::Program(Vec::new()).mode() {
                Content::Program(bytes)
            } else {
                Content::File(bytes)
            };
            rootfs.push(Entry { path: path.to_owned(), content });
        }
    }
    match config {
        Some(config) if !rootfs.is_empty() => Ok((config, rootfs)),
        _ => Err(io::Error::other(format!("it lacks {CONFIG_JSON} or {ROOTFS}"))),
    }
}

/// With neither a time nor a name.
fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    gzip.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tarball() -> Vec<u8> {
        let entry = |path: &str, content| Entry { path: path.to_owned(), content };
        let entries = [
            entry("config.json", Content::File(br#"{"entrypoint":["/program"]}"#.to_vec())),
            entry("rootfs", Content::Directory),
            entry("rootfs/program", Content::Program(vec![7; 1000])),
            entry("rootfs/run", Content::Directory),
            entry("rootfs/run/file", Content::File(vec![8])),
        ];
        tarball::archive(&entries).unwrap()
    }

    #[test]
    fn the_manifest_is_an_engines() {
        let bundle = Bundle::of(&tarball()).unwrap();
        let Bundle { manifest, config, layer } = &bundle;
        assert_eq!(
            serde_json::from_slice::<Value>(&manifest.bytes).unwrap(),
            json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {
                    "mediaType": "application/vnd.docker.plugin.v1+json",
                    "size": config.bytes.len(),
                    "digest": config.digest,
                },
                "layers": [{
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": layer.bytes.len(),
                    "digest": layer.digest,
                }],
            })
        );
    }

    #[test]
    fn the_layer_is_the_inside_of_the_rootfs_and_the_config_has_its_sum() {
        let bundle = Bundle::of(&tarball()).unwrap();
        let mut layer = Vec::new();
        flate2::read::GzDecoder::new(bundle.layer.bytes.as_slice()).read_to_end(&mut layer).unwrap();
        let mut archive = tar::Archive::new(layer.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), entry.header().mode().unwrap())
        });
        let entries: Vec<_> = entries.collect();
        let expected = [("program", 0o755), ("run/", 0o755), ("run/file", 0o644)];
        assert_eq!(entries, expected.map(|(path, mode)| (path.to_owned(), mode)));
        let config: Value = serde_json::from_slice(&bundle.config.bytes).unwrap();
        let rootfs = json!({"type": "layers", "diff_ids": [digest(&layer)]});
        assert_eq!(config, json!({"entrypoint": ["/program"], "rootfs": rootfs}));
    }

    #[test]
    fn same_tarball_same_digest() {
        assert_eq!(Bundle::of(&tarball()).unwrap(), Bundle::of(&tarball()).unwrap());
        // Changes with the compression, too: then a release is known by another digest.
        let digest = Bundle::of(&tarball()).unwrap().manifest.digest;
        assert_eq!(digest, "sha256:0c72fe0f235819b89852f13ef058f4aa9c7ec81fe7392ba2f52c6e8c40049f8c");
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let entry = Entry { path: "config.json".to_owned(), content: Content::File(b"{}".to_vec()) };
        let error = Bundle::of(&tarball::archive(&[entry]).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "it lacks config.json or rootfs");
        assert!(Bundle::of(b"no archive").is_err());
    }
}
