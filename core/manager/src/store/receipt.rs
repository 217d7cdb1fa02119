//! What is known of one version of a plugin in the store.

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

/// What was installed, from where, and who vouched for it. Unknown fields are ignored, so that
/// an older host reads what a newer one wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The plugin's full name.
    pub name: String,
    /// Its version, without a `v`.
    pub version: String,
    /// Where it came from, without a version, as the user would type it.
    pub source: String,
    /// What the source calls the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The plugin's file, relative to the directory of the version.
    pub file: String,
    /// Whether that is a program.
    #[serde(default)]
    pub is_program: bool,
    /// The name that it has in the plugin directory.
    pub link: String,
    /// Who vouched for its bytes.
    pub trust: Trust,
    /// The key that signed them, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The digest of what was fetched.
    pub archive: Digest,
    /// The digest of all files.
    pub content: Digest,
    /// When it was published, by RFC 3339, if the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Whether the source promises that the release never changes.
    #[serde(default)]
    pub is_immutable: bool,
    /// The files, by their paths.
    #[serde(default)]
    pub files: BTreeMap<String, FileRecord>,
    /// What the release has for each target.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
}

/// A file of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Whether it can be run.
    #[serde(default)]
    pub is_executable: bool,
}

/// What a release has for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The file's name.
    pub asset: String,
    /// Where it is fetched from.
    pub url: String,
    /// The digest of the file, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Digest>,
    /// The digest of what is in it, if it was unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
}

/// Why a receipt cannot be that of a plugin: the field, and its value.
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
    /// Returns the receipt as it can be shown: without the secrets that a URL can have.
    pub(crate) fn shown(&self) -> Self {
        let mut shown = self.clone();
        shown.source = spec::shown(&self.source);
        for target in shown.targets.values_mut() {
            target.url = spec::shown(&target.url);
        }
        shown
    }

    /// Checks that every name is one that the store can have.
    ///
    /// # Errors
    ///
    /// [`ReceiptError`] with the first that is not.
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

    /// Returns the digest that its files should have together.
    pub fn digest_of_files(&self) -> Digest {
        let files = self.files.iter();
        Digest::of_files(files.map(|(path, it)| (path.as_str(), it.is_executable, it.digest)))
    }
}

/// Checks what is known of where a plugin comes from; returns the first field that is invalid.
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

/// Returns whether a text can be the tag of a release, or the digest of an image.
fn is_tag(text: &str) -> bool {
    let is_part = |it: &str| !["", ".", ".."].contains(&it);
    text.split('/').all(is_part) && !text.contains('\\') && !has_control(text)
}

pub(crate) fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}
