//! Pushes the plugin straight to a registry, without an engine.
//!
//! | module | job |
//! |---|---|
//! | [`mod@reference`] | pure: what a person calls a plugin in a registry |
//! | [`bundle`] | pure: a tarball to what a registry keeps of it |
//! | `credentials` | what `docker login` has kept |
//! | `challenge` | pure: how a registry wants to be told who asks |
//! | `http` | one request and its answer, within limits |
//! | `registry` | the requests that a registry understands, and who asks |
//! | [`progress`] | pure: what a push says while it runs |

pub mod bundle;
mod challenge;
mod credentials;
mod error;
mod http;
pub mod progress;
pub mod reference;
mod registry;

use crate::arch::Arch;
use bundle::{Blob, Bundle};
use progress::Step;
use registry::Registry;

pub use error::PushError;
pub use reference::{Reference, Repository};

/// Pushes each bundle under its tags of every reference; `tell` hears of each step. Blobs are uploaded once to a
/// repository, only those that it lacks, and all of them before the first tag is set.
///
/// # Errors
/// The first thing that fails; what was pushed until then stays.
pub fn push(
    bundles: &[(Arch, Bundle)],
    references: &[Reference],
    tell: &mut dyn FnMut(Step),
) -> Result<(), PushError> {
    let mut repositories: Vec<&Repository> = Vec::new();
    for Reference { repository, .. } in references {
        if !repositories.contains(&repository) {
            repositories.push(repository);
        }
    }
    for repository in repositories {
        let credentials = match credentials::directory() {
            Some(directory) => credentials::find(&directory, repository)?,
            None => None,
        };
        let mut registry = Registry::new(repository, credentials);
        for (arch, bundle) in bundles {
            for (part, blob) in [("layer", &bundle.layer), ("config", &bundle.config)] {
                upload(&mut registry, blob, &format!("{repository}: {part} for {arch}"), tell)?;
            }
        }
        let references: Vec<_> =
            references.iter().filter(|reference| reference.repository == *repository).collect();
        for (arch, Bundle { manifest, .. }) in bundles {
            for tag in references.iter().flat_map(|reference| reference.tags(*arch)) {
                registry.tag(manifest, &tag)?;
                tell(Step::Tagged { reference: format!("{repository}:{tag}@{}", manifest.digest) });
            }
        }
    }
    Ok(())
}

fn upload(
    registry: &mut Registry<'_>,
    blob: &Blob,
    what: &str,
    tell: &mut dyn FnMut(Step),
) -> Result<(), PushError> {
    if registry.has(blob)? {
        tell(Step::Present { what: what.to_owned() });
        return Ok(());
    }
    let all_bytes = blob.bytes.len();
    registry.upload(blob, &mut |done_bytes| tell(Step::Sent { what: what.to_owned(), done_bytes, all_bytes }))
}
