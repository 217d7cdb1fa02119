//! Plugin keys.

use super::name::{NameError, PluginName};
use super::version::{PluginVersion, VersionError, VersionPattern};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A plugin key: `name/version`, for example `rust.pintle.dev/v1.0.0`, or a short form: `rust`,
/// `rust/v1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginKey {
    name: PluginName,
    version: Option<VersionPattern>,
}

/// Text that is not a plugin key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid plugin key `{text}`: expected `name` or `name/v1.2.3`")]
pub struct KeyError {
    text: String,
    source: KeyErrorKind,
}

/// The fault of a plugin key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// The part before the `/` is wrong.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The part after the `/` is wrong.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// There is a `/`, and nothing after it.
    #[error("the version after the `/` is missing")]
    NoVersion,
    /// There is more than one `/`.
    #[error("it contains more than one `/`")]
    TwoSlashes,
}

impl PluginKey {
    /// Returns a key with the name `name` and the version `version`, if there is one.
    pub fn new(name: PluginName, version: Option<VersionPattern>) -> Self {
        Self { name, version }
    }

    /// Returns the key of one version of a plugin.
    pub fn exact(name: PluginName, version: PluginVersion) -> Self {
        Self { name, version: Some(version.into()) }
    }

    /// Returns the name in the key.
    pub fn name(&self) -> &PluginName {
        &self.name
    }

    /// Returns the version pattern in the key.
    pub fn version(&self) -> Option<&VersionPattern> {
        self.version.as_ref()
    }

    /// Returns the version, if the key matches only one version.
    pub fn exact_version(&self) -> Option<PluginVersion> {
        self.version.as_ref().and_then(VersionPattern::exact)
    }

    /// Returns whether the key matches a plugin with this name and version.
    ///
    /// A name without a dot also matches every plugin with that short name.
    pub fn matches(&self, name: &PluginName, version: &PluginVersion) -> bool {
        self.matches_name(name) && self.version.as_ref().is_none_or(|it| it.matches(version))
    }

    pub(super) fn matches_key(&self, exact: &Self) -> bool {
        exact.exact_version().is_some_and(|version| self.matches(&exact.name, &version))
    }

    /// Returns whether the key matches a plugin with this name, in any version.
    pub fn matches_name(&self, name: &PluginName) -> bool {
        self.name == *name || (!self.name.is_qualified() && self.name.as_str() == name.short())
    }
}

impl FromStr for PluginKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|source| KeyError { text: text.to_owned(), source })
    }
}

fn parse(text: &str) -> Result<PluginKey, KeyErrorKind> {
    let Some((name, version)) = text.split_once('/') else {
        return Ok(PluginKey { name: text.parse()?, version: None });
    };
    if version.contains('/') {
        return Err(KeyErrorKind::TwoSlashes);
    }
    if version.is_empty() {
        return Err(KeyErrorKind::NoVersion);
    }
    Ok(PluginKey { name: name.parse()?, version: Some(version.parse()?) })
}

impl fmt::Display for PluginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}/{version}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

impl TryFrom<String> for PluginKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PluginKey> for String {
    fn from(key: PluginKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    #[test]
    fn short_forms_print_as_they_were_read() {
        for text in ["rust", "rust/v1", "rust/v1.2", "rust.pintle.dev/v1.0.0", "a/v4-alpha"] {
            assert_eq!(text.parse::<PluginKey>().unwrap().to_string(), text);
        }
        assert_eq!("rust/1".parse::<PluginKey>().unwrap().to_string(), "rust/v1");
    }

    #[test]
    fn a_malformed_key_is_refused_with_the_part_that_is_wrong() {
        for (text, reason) in [
            ("", "must not be empty"),
            ("/v1", "must not be empty"),
            ("rust/", "is missing"),
            ("rust/v1/v2", "more than one `/`"),
            ("rust//", "more than one `/`"),
            ("Rust/v1", "invalid plugin name `Rust`"),
            ("rust/x", "invalid plugin version `x`"),
        ] {
            let err = text.parse::<PluginKey>().unwrap_err();
            assert!(err.to_string().starts_with(&format!("invalid plugin key `{text}`")), "{err}");
            let source = err.source().unwrap().to_string();
            assert!(source.contains(reason), "{text}: {source}");
        }
    }

    #[test]
    fn an_exact_key_has_the_whole_version() {
        let key = PluginKey::exact("rust.pintle.dev".parse().unwrap(), "1".parse().unwrap());
        assert_eq!(key.to_string(), "rust.pintle.dev/v1.0.0");
    }

    #[test]
    fn keys_are_ordered_by_name_and_then_version() {
        let keys = ["a", "a/v1", "a/v1.2", "a/v1.10", "a/v2", "b"];
        let keys = keys.map(|it| it.parse::<PluginKey>().unwrap());
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
