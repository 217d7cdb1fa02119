//! Pushes plugins and signatures, for `plugin mirror`.

use std::collections::BTreeMap;

use oci_client::RegistryOperation;
use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor,
    OciImageManifest, Platform,
};
use reqwest::header::HeaderValue;

use super::artifact::{
    OciPlatform, OciSignature, PLUGIN_TYPE, SIGNATURE_TYPE, TARGET_ANNOTATION, TITLE, VERSION,
    digest_text, empty_index, platform_of,
};
use super::error::OciError;
use super::registry::Registry;

/// The media type of an empty config, and its content.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";

/// Files to push for a target.
#[derive(Debug, Clone)]
pub struct PushTarget {
    /// The target triple.
    pub target: String,
    /// The files.
    pub files: Vec<PushFile>,
}

/// A file to push.
#[derive(Debug, Clone)]
pub struct PushFile {
    /// The name.
    pub name: String,
    /// The media type.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Registry<'_> {
    /// Pushes files for several targets under the tag, and returns the digest of their index.
    ///
    /// # Errors
    ///
    /// [`OciError`].
    pub fn push(&self, targets: &[PushTarget], version: Option<&str>) -> Result<String, OciError> {
        let annotations: Option<BTreeMap<_, _>> =
            version.map(|it| BTreeMap::from([(VERSION.to_owned(), it.to_owned())]));
        self.sign_in(RegistryOperation::Push)?;
        self.push_blob(EMPTY)?;
        let mut index = empty_index();
        index.artifact_type = Some(PLUGIN_TYPE.into());
        index.annotations = annotations.clone();
        for target in targets {
            let mut own = annotations.clone().unwrap_or_default();
            own.insert(TARGET_ANNOTATION.into(), target.target.clone());
            let manifest = self.push_files(&target.files, PLUGIN_TYPE, own.clone(), None)?;
            let platform = platform_of(&target.target).and_then(platform_message);
            index.manifests.push(ImageIndexEntry {
                platform,
                annotations: Some(BTreeMap::from([(
                    TARGET_ANNOTATION.to_owned(),
                    target.target.clone(),
                )])),
                ..manifest
            });
        }
        let tag = self.spec.tag.as_deref().unwrap_or("latest");
        let bytes = self.serialize(&index)?;
        self.push_manifest(tag, &bytes, OCI_IMAGE_INDEX_MEDIA_TYPE)?;
        Ok(digest_text(&bytes))
    }

    /// Pushes a signature that refers to a platform's manifest.
    ///
    /// # Errors
    ///
    /// [`OciError`].
    pub fn push_signature(
        &self,
        subject: &OciPlatform,
        signature: &OciSignature,
    ) -> Result<(), OciError> {
        self.sign_in(RegistryOperation::Push)?;
        self.push_blob(EMPTY)?;
        let file = PushFile {
            name: signature.name.clone(),
            media_type: SIGNATURE_TYPE.into(),
            bytes: signature.text.clone().into_bytes(),
        };
        let subject = OciDescriptor {
            media_type: OCI_IMAGE_MEDIA_TYPE.into(),
            digest: subject.digest.clone(),
            size: length(subject.size),
            ..OciDescriptor::default()
        };
        let digest = subject.digest.clone();
        let entry = self.push_files(&[file], SIGNATURE_TYPE, BTreeMap::new(), Some(subject))?;
        let mut index = self.referrers(&digest)?;
        if index.manifests.iter().any(|it| it.digest == entry.digest) {
            return Ok(());
        }
        // The registry has no list of its own, so clients store one under a tag.
        index.manifests.push(entry);
        let bytes = self.serialize(&index)?;
        self.push_manifest(&digest.replace(':', "-"), &bytes, OCI_IMAGE_INDEX_MEDIA_TYPE)
    }

    /// Pushes a manifest of files, and returns its entry in an index.
    fn push_files(
        &self,
        files: &[PushFile],
        artifact_type: &str,
        annotations: BTreeMap<String, String>,
        subject: Option<OciDescriptor>,
    ) -> Result<ImageIndexEntry, OciError> {
        let mut layers = Vec::new();
        for file in files {
            self.push_blob(&file.bytes)?;
            let title = BTreeMap::from([(TITLE.to_owned(), file.name.clone())]);
            let annotations = Some(title);
            layers.push(OciDescriptor { annotations, ..descriptor(&file.media_type, &file.bytes) });
        }
        let manifest = OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.into()),
            config: descriptor(EMPTY_TYPE, EMPTY),
            layers,
            subject,
            artifact_type: Some(artifact_type.into()),
            annotations: Some(annotations).filter(|it| !it.is_empty()),
            ..OciImageManifest::default()
        };
        let bytes = self.serialize(&manifest)?;
        let digest = digest_text(&bytes);
        self.push_manifest(&digest, &bytes, OCI_IMAGE_MEDIA_TYPE)?;
        Ok(ImageIndexEntry {
            media_type: OCI_IMAGE_MEDIA_TYPE.into(),
            digest,
            size: length(bytes.len() as u64),
            platform: None,
            annotations: None,
            artifact_type: Some(artifact_type.into()),
        })
    }

    fn push_blob(&self, bytes: &[u8]) -> Result<(), OciError> {
        let (reference, digest) = (self.reference("x"), digest_text(bytes));
        let url = self.address(&["blobs", &digest]);
        self.run(&url, async {
            if self.oci.blob_exists(&reference, &digest).await? {
                return Ok(());
            }
            self.oci.push_blob(&reference, bytes.to_vec(), &digest).await.map(drop)
        })
    }

    /// Pushes a manifest under a tag or its digest.
    fn push_manifest(
        &self,
        name: &str,
        bytes: &[u8],
        media_type: &'static str,
    ) -> Result<(), OciError> {
        // As a tag, even if it is a digest: oci-client panics otherwise if a registry omits the
        // header `Location`.
        let reference = self.reference(name);
        let url = self.address(&["manifests", name]);
        let media_type = HeaderValue::from_static(media_type);
        self.run(&url, async {
            self.oci.push_manifest_raw(&reference, bytes.to_vec(), media_type).await.map(drop)
        })
    }

    fn serialize(&self, manifest: &impl serde::Serialize) -> Result<Vec<u8>, OciError> {
        serde_json::to_vec(manifest).map_err(|err| self.invalid(err.to_string()))
    }
}

fn platform_message((os, architecture, variant): (&str, &str, Option<&str>)) -> Option<Platform> {
    let json = serde_json::json!({ "os": os, "architecture": architecture, "variant": variant });
    serde_json::from_value(json).ok()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.into(),
        digest: digest_text(bytes),
        size: length(bytes.len() as u64),
        ..OciDescriptor::default()
    }
}

fn length(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
