//! The information about one version of a plugin in the store.

use super::names;
use crate::archive::is_portable_path;
use crate::digest::Digest;
use crate::signature::PublicKey;
use crate::source::spec;
use crate::trust::Trust;
use pintle_host::{PluginKey, PluginName, PluginVersion};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of a receipt, in the directory of its version.
pub(crate) const FILE: &str = ".receipt.toml";

/// What was installed, its source, and its trust. Unknown fields are ignored, so an older host can
/// read what a newer one has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The plugin's full name.
    pub name: String,
    /// Its version, without a `v`.
    pub version: String,
    /// Its source, without a version, in the form that the user would type.
    pub source: String,
    /// The source's name for the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The plugin's file, relative to the directory of the version.
    pub file: String,
    /// Whether it is a program.
    #[serde(default)]
    pub is_program: bool,
    /// Its name in the plugin directory.
    pub link: String,
    /// The trust in its bytes.
    pub trust: Trust,
    /// The key with which they are signed, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The digest of the fetched file.
    pub archive: Digest,
    /// The digest of all files.
    pub content: Digest,
    /// When it was published, in RFC 3339, if the source specifies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Whether the source promises that the release never changes.
    #[serde(default)]
    pub is_immutable: bool,
    /// The files, by their paths.
    #[serde(default)]
    pub files: BTreeMap<String, FileRecord>,
    /// The files of the release for each target.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
}

/// A file of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Whether it is executable.
    #[serde(default)]
    pub is_executable: bool,
}

/// The file of a release for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The file's name.
    pub asset: String,
    /// The URL from which it is fetched.
    pub url: String,
    /// The digest of the file, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Digest>,
    /// The digest of its content, if it has been unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
}

/// Why a receipt is invalid: the field, and its value.
#[derive(Debug, thiserror::Error)]
#[error("invalid {field} `{value}`")]
pub struct ReceiptError {
    field: &'static str,
    value: String,
}

impl std::str::FromStr for Receipt {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    /// Reads a receipt. No name in it leads out of the store.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let receipt: Self = toml::from_str(text)?;
        receipt.check()?;
        Ok(receipt)
    }
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&toml::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

impl Receipt {
    /// Returns the receipt in displayable form: without the secrets that a URL can contain.
    pub(crate) fn shown(&self) -> Self {
        let mut shown = self.clone();
        shown.source = spec::shown(&self.source);
        for target in shown.targets.values_mut() {
            target.url = spec::shown(&target.url);
        }
        shown
    }

    /// Checks that the store accepts every name.
    ///
    /// # Errors
    ///
    /// [`ReceiptError`] with the first invalid one.
    pub fn check(&self) -> Result<(), ReceiptError> {
        let fault = |field, value: &str| Err(ReceiptError { field, value: value.to_owned() });
        if self.name.parse::<PluginName>().is_err() {
            return fault("name", &self.name);
        }
        if self.version.parse::<PluginVersion>().is_err() || !names::is_plain(&self.version) {
            return fault("version", &self.version);
        }
        if !names::is_link(&self.link) {
            return fault("link", &self.link);
        }
        let mut files = self.files.keys().chain([&self.file]);
        if let Some(file) = files.find(|it| !is_portable_path(it)) {
            return fault("file", file);
        }
        match check_origin(&self.source, self.tag.as_deref(), &self.targets) {
            Ok(()) => Ok(()),
            Err((field, value)) => fault(field, value),
        }
    }

    /// Returns the plugin's name and version.
    pub fn key(&self) -> Option<PluginKey> {
        let name: PluginName = self.name.parse().ok()?;
        Some(PluginKey::new(name, Some(self.version.parse().ok()?)))
    }

    /// Returns the plugin's version.
    pub fn plugin_version(&self) -> Option<PluginVersion> {
        self.key()?.exact_version()
    }

    /// Returns the expected digest of all of its files.
    pub fn digest_of_files(&self) -> Digest {
        let files = self.files.iter();
        Digest::of_files(files.map(|(path, it)| (path.as_str(), it.is_executable, it.digest)))
    }
}

/// Checks the information about the source of a plugin. Returns the first invalid field.
pub(crate) fn check_origin<'a>(
    source: &'a str,
    tag: Option<&'a str>,
    targets: &'a BTreeMap<String, Target>,
) -> Result<(), (&'static str, &'a str)> {
    let is_name = |it: &str| is_portable_path(it) && !it.contains('/');
    if source.is_empty() || has_control(source) {
        return Err(("source", source));
    }
    if let Some(tag) = tag.filter(|it| !is_tag(it)) {
        return Err(("tag", tag));
    }
    for (name, target) in targets {
        if !is_name(name) {
            return Err(("target", name));
        }
        if !is_name(&target.asset) {
            return Err(("asset", &target.asset));
        }
        if target.url.is_empty() || has_control(&target.url) {
            return Err(("URL", &target.url));
        }
    }
    Ok(())
}

/// Returns whether a text can be the tag of a release or the digest of an image.
fn is_tag(text: &str) -> bool {
    let is_part = |it: &str| !["", ".", ".."].contains(&it);
    text.split('/').all(is_part) && !text.contains('\\') && !has_control(text)
}

pub(crate) fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}
