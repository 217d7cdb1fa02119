//! Plugin names.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest name, in bytes (RFC 1123).
const MAX_NAME: usize = 253;

/// The longest part of a name between dots, in bytes.
const MAX_LABEL: usize = 63;

/// A plugin's name: a DNS-1123 subdomain, for example `registry.pintle.dev`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(String);

/// Text that is not a plugin name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("a plugin name must not be empty")]
    Empty,
    /// The whole is too long.
    #[error("plugin name `{name}` is longer than {MAX_NAME} characters")]
    TooLong {
        /// The text.
        name: String,
    },
    /// One part is too long.
    #[error("`{label}` in plugin name `{name}` is longer than {MAX_LABEL} characters")]
    LabelTooLong {
        /// The text.
        name: String,
        /// The part between dots.
        label: String,
    },
    /// A character is invalid, or in the wrong place.
    #[error(
        "invalid plugin name `{name}`: expected dot-separated parts of lower-case letters, digits \
         and `-`, each with a letter or digit at both ends"
    )]
    Malformed {
        /// The text.
        name: String,
    },
}

impl PluginName {
    /// Returns the whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text before the first dot.
    pub fn short(&self) -> &str {
        self.0.split_once('.').map_or(self.0.as_str(), |(short, _)| short)
    }

    /// Returns whether the name has a dot.
    pub fn is_qualified(&self) -> bool {
        self.0.contains('.')
    }

    /// Returns the name itself if it is qualified, or else the name with `qualifier` appended.
    ///
    /// # Errors
    ///
    /// [`NameError`] when the completed name breaks the rules.
    pub fn qualified(&self, qualifier: &str) -> Result<Self, NameError> {
        if self.is_qualified() || qualifier.is_empty() {
            return Ok(self.clone());
        }
        Self::try_from(format!("{}.{qualifier}", self.0))
    }
}

impl FromStr for PluginName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        validate(name)?;
        Ok(Self(name.to_owned()))
    }
}

impl TryFrom<String> for PluginName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        validate(&name)?;
        Ok(Self(name))
    }
}

impl From<PluginName> for String {
    fn from(name: PluginName) -> Self {
        name.0
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn validate(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if !name.split('.').all(is_label) {
        return Err(NameError::Malformed { name: name.to_owned() });
    }
    if let Some(label) = name.split('.').find(|it| it.len() > MAX_LABEL) {
        return Err(NameError::LabelTooLong { name: name.to_owned(), label: label.to_owned() });
    }
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong { name: name.to_owned() });
    }
    Ok(())
}

/// Whether `text` has the characters of a DNS-1123 label; its length is not checked.
pub(super) fn is_label(text: &str) -> bool {
    let fits = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    !text.is_empty() && text.bytes().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_dns_1123() {
        let longest = [["a"; 63].concat().as_str(); 4].join(".")[..253].to_owned();
        for good in ["a", "0", "a-b.c1", "registry.pintle.dev", &"a".repeat(63), &longest] {
            assert_eq!(good.parse::<PluginName>().unwrap().to_string(), good);
        }
        for bad in ["", ".", "a.", ".a", "A", "a_b", "-a", "a-", "a..b", "a.-b", "ä", "a b", "a/b"]
        {
            assert!(bad.parse::<PluginName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_refused_with_the_limit() {
        let label = "a".repeat(64);
        let err = format!("x.{label}").parse::<PluginName>().unwrap_err();
        assert!(err.to_string().ends_with("is longer than 63 characters"), "{err}");
        let name = [["a"; 63].concat().as_str(); 4].join(".");
        let err = name.parse::<PluginName>().unwrap_err();
        assert!(err.to_string().ends_with("is longer than 253 characters"), "{err}");
    }

    #[test]
    fn the_short_form_ends_at_the_first_dot() {
        let name: PluginName = "rust.pintle.dev".parse().unwrap();
        assert_eq!(name.short(), "rust");
        assert!(name.is_qualified());
    }

    #[test]
    fn only_a_name_without_a_dot_gets_the_qualifier() {
        let qualified = |name: &str| name.parse::<PluginName>().unwrap().qualified("pintle.dev");
        assert_eq!(qualified("rust").unwrap().as_str(), "rust.pintle.dev");
        assert_eq!(qualified("rust.example.org").unwrap().as_str(), "rust.example.org");
        let name: PluginName = "rust".parse().unwrap();
        assert!(name.qualified("Not A Name").is_err());
        assert_eq!(name.qualified("").unwrap(), name);
    }
}
