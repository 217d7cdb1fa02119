//! A plugin as an artifact: an index with a manifest for each target. The layers are its files.

use std::collections::BTreeMap;

use oci_client::manifest::{
    IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciImageIndex, Platform,
};

use crate::digest::{hex, sha256};

/// The artifact type of a plugin.
pub const PLUGIN_TYPE: &str = "application/vnd.pintle.plugin.v1";

/// The artifact type of a signature, which refers to the manifest whose files it signs.
pub const SIGNATURE_TYPE: &str = "application/vnd.pintle.signature.v1";

/// The annotation with the target triple of a manifest.
pub const TARGET_ANNOTATION: &str = "pintle.dev/target";

/// The annotation with the name of a file.
pub(super) const TITLE: &str = "org.opencontainers.image.title";

/// The annotation with the version.
pub(super) const VERSION: &str = "org.opencontainers.image.version";

/// The artifact that a tag or a digest referred to when it was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The digest of the index or the manifest, in the form `sha256:…`.
    pub digest: String,
    /// The version in its annotations.
    pub version: Option<String>,
    /// The files for each platform.
    pub platforms: Vec<OciPlatform>,
}

/// The files for a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciPlatform {
    /// The digest of its manifest.
    pub digest: String,
    /// The size of its manifest.
    pub size: u64,
    /// The target triple, if it is in an annotation.
    pub target: Option<String>,
    /// The platform, for example `linux/arm/v7`. A single manifest has none, and matches all.
    pub platform: Option<String>,
    /// The files.
    pub files: Vec<OciFile>,
}

/// A file in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciFile {
    /// The name.
    pub name: String,
    /// The digest, in the form `sha256:…`.
    pub digest: String,
    /// The number of bytes.
    pub size: u64,
    /// The media type.
    pub media_type: String,
}

/// A signature in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciSignature {
    /// The name, for example `plugin.so.minisig`.
    pub name: String,
    /// The text of the minisig file.
    pub text: String,
}

impl Pinned {
    /// Returns the entries that match a target triple.
    ///
    /// Manifests whose annotation contains the target come first. Only if there are none, those
    /// without the annotation are chosen by their platform. If there are several, the caller
    /// refuses them.
    pub fn for_target(&self, target: &str) -> Vec<&OciPlatform> {
        let named = self.platforms.iter().filter(|it| it.target.as_deref() == Some(target));
        let named: Vec<_> = named.collect();
        if !named.is_empty() {
            return named;
        }
        let Some((os, architecture, variant)) = platform_of(target) else { return Vec::new() };
        let fits = |it: &&OciPlatform| match &it.platform {
            _ if it.target.is_some() => false,
            None => true,
            Some(text) => {
                let mut parts = text.split('/');
                parts.next() == Some(os)
                    && parts.next() == Some(architecture)
                    && parts.next().is_none_or(|it| variant.is_none_or(|own| own == it))
            }
        };
        self.platforms.iter().filter(fits).collect()
    }
}

/// Returns whether an entry of an index is for a platform. BuildKit adds others.
pub(super) fn is_for_platform(entry: &ImageIndexEntry) -> bool {
    let is_manifest =
        matches!(&*entry.media_type, OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE);
    let platform = entry.platform.as_ref();
    is_manifest && platform.is_none_or(|it| platform_text(it) != "unknown/unknown")
}

pub(super) fn platform_text(platform: &Platform) -> String {
    let variant = platform.variant.as_deref().map(|it| format!("/{it}")).unwrap_or_default();
    format!("{}/{}{variant}", platform.os, platform.architecture)
}

/// Returns the platform of a target triple as Go and OCI name it: system, architecture, variant.
pub(super) fn platform_of(
    target: &str,
) -> Option<(&'static str, &'static str, Option<&'static str>)> {
    let (architecture, variant) = match target.split('-').next()? {
        "x86_64" => ("amd64", None),
        "aarch64" => ("arm64", Some("v8")),
        "i386" | "i586" | "i686" => ("386", None),
        "armv7" => ("arm", Some("v7")),
        "arm" => ("arm", Some("v6")),
        it if it.starts_with("riscv64") => ("riscv64", None),
        "powerpc64le" => ("ppc64le", None),
        "s390x" => ("s390x", None),
        it if it.starts_with("loongarch64") => ("loong64", None),
        _ => return None,
    };
    let systems = ["linux", "darwin", "windows", "freebsd", "netbsd", "openbsd"];
    let os = systems.into_iter().find(|os| target.split('-').any(|it| it == *os))?;
    Some((os, architecture, variant))
}

pub(super) fn annotation(
    annotations: &Option<BTreeMap<String, String>>,
    key: &str,
) -> Option<String> {
    annotations.as_ref()?.get(key).cloned()
}

pub(super) fn is_file_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.contains(|it: char| it.is_control() || matches!(it, '/' | '\\' | ':'))
}

pub(super) fn digest_text(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(bytes)))
}

pub(super) fn empty_index() -> OciImageIndex {
    OciImageIndex {
        schema_version: 2,
        media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.into()),
        manifests: Vec::new(),
        artifact_type: None,
        annotations: None,
    }
}
