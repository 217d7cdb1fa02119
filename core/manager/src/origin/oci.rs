//! Releases in a repository of an OCI registry. A tag is a release.

use super::partial::{bytes_of, partial_file};
use super::release::{Origin, OriginError, Progress, Release, Remote, Wanted};
use crate::archive::MAX_LEN;
use crate::digest::Digest;
use crate::source::Client;
use crate::source::FetchError;
use crate::source::http::Download;
use crate::source::oci::{Credentials, OciError, OciFile, Registry};
use crate::source::spec::OciSpec;
use pintle_plugin::manifest::TARGET;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The releases of one repository of a registry.
pub(crate) struct OciOrigin<'c> {
    client: &'c Client,
    spec: OciSpec,
    credentials: Credentials,
    partial: Option<PathBuf>,
    /// The signatures, by the names of their files.
    signatures: Mutex<BTreeMap<String, String>>,
}

impl<'c> OciOrigin<'c> {
    pub(crate) fn new(
        client: &'c Client,
        spec: &OciSpec,
        partial: Option<PathBuf>,
    ) -> Result<Self, OriginError> {
        let credentials = Credentials::of_docker(&spec.registry)?;
        let signatures = Mutex::default();
        Ok(Self { client, spec: spec.clone(), credentials, partial, signatures })
    }

    fn signatures(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.signatures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry(&self, spec: &OciSpec) -> Result<Registry<'c>, OriginError> {
        Ok(Registry::new(self.client, spec, self.credentials.clone())?)
    }
}

impl Origin for OciOrigin<'_> {
    fn release(&self, wanted: &Wanted) -> Result<Release, OriginError> {
        let mut spec = self.spec.clone();
        if let Some(version) = &wanted.version {
            let is_digest = version.starts_with("sha256:");
            (spec.digest, spec.tag) = match is_digest {
                true => (Some(version.clone()), None),
                false => (None, Some(version.clone())),
            };
        }
        let registry = self.registry(&spec)?;
        let pinned = registry.pin()?;
        let mut release = Release {
            tag: pinned.version.clone().or_else(|| spec.tag.clone()),
            // An artifact that is referred to by its digest cannot change.
            is_immutable: spec.digest.is_some(),
            ..Release::default()
        };
        let own: Vec<_> = pinned.for_target(TARGET).iter().map(|it| it.digest.clone()).collect();
        for platform in &pinned.platforms {
            let is_own = own.contains(&platform.digest);
            let target = match is_own {
                true => Some(TARGET.to_owned()),
                false => platform.target.clone(),
            };
            for file in &platform.files {
                let is_signature = file.name.ends_with(".minisig") || file.name.ends_with(".pub");
                let target = target.clone().filter(|_| !is_signature);
                release.files.push(remote(file, target));
            }
            if is_own {
                for found in registry.signatures(&platform.digest)? {
                    release.files.push(Remote {
                        name: found.name.clone(),
                        url: String::new(),
                        size: None,
                        digest: None,
                        unknown_digest: None,
                        target: None,
                    });
                    self.signatures().insert(found.name, found.text);
                }
            }
        }
        Ok(release)
    }

    fn server(&self) -> Option<String> {
        Some(self.spec.registry.clone())
    }

    fn fetch(&self, file: &Remote, progress: Progress<'_>) -> Result<Vec<u8>, OriginError> {
        if let Some(text) = self.signatures().get(&file.name) {
            return Ok(text.clone().into_bytes());
        }
        let digest = file.digest.map(|it| it.to_string()).unwrap_or_default();
        let wanted = OciFile {
            name: file.name.clone(),
            digest,
            size: file.size.unwrap_or_default(),
            media_type: String::new(),
        };
        let partial = self.partial.as_ref().map(|it| partial_file(it, file));
        let mut download = Download { partial, limit: MAX_LEN, expected_len: file.size, progress };
        let done = self.registry(&self.spec)?.fetch(&wanted, &mut download)?;
        bytes_of(done.content)
    }
}

fn remote(file: &OciFile, target: Option<String>) -> Remote {
    let digest: Option<Digest> = file.digest.parse().ok();
    let unknown_digest = digest.is_none().then(|| file.digest.clone());
    Remote {
        name: file.name.clone(),
        // The digest is the address.
        url: file.digest.clone(),
        size: Some(file.size),
        digest,
        unknown_digest,
        target,
    }
}

impl From<OciError> for OriginError {
    fn from(err: OciError) -> Self {
        let is_interrupted = matches!(err, OciError::Fetch(FetchError::Interrupted { .. }));
        Self { hint: err.hint(), is_interrupted, source: Box::new(err) }
    }
}
