//! Lock files: which versions of which plugins, from where, with which bytes, for every target.
//!
//! The format is made for version control: one table a plugin, sorted by name; no counters and no
//! times; a merge of two branches that each add a plugin is the plugins of both.

use crate::digest::Digest;
use crate::signature::PublicKey;
use crate::store::{Receipt, Stored, Target};
use crate::trust::Trust;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The version of the format.
const FORMAT: u32 = 1;

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFile {
    /// The version of the format.
    pub format: u32,
    /// The plugins, by their names.
    #[serde(default)]
    pub plugin: BTreeMap<String, Locked>,
}

/// A plugin in a lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// Its version.
    pub version: String,
    /// Where it comes from, without a version.
    pub source: String,
    /// What the source calls the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Who vouched for its bytes when it was locked; nothing that is worth less is installed.
    pub trust: Trust,
    /// The key that its releases are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// What the release has for each target.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
}

/// Why a text is not a lock file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockFileError {
    /// A merge has left both sides in it.
    #[error("line {line} is the mark of a conflict, which a merge has left")]
    Conflict {
        /// The first such line.
        line: usize,
    },
    /// It is not what this format allows.
    #[error("it cannot be read")]
    Syntax(#[source] toml::de::Error),
    /// A newer host wrote it.
    #[error("it has format {found}, this host knows {FORMAT}")]
    Format {
        /// The format.
        found: u32,
    },
}

impl Default for LockFile {
    fn default() -> Self {
        Self { format: FORMAT, plugin: BTreeMap::new() }
    }
}

impl LockFile {
    /// Returns the lock file of a store: the plugins that are in use.
    pub fn of(plugins: &[Stored]) -> Self {
        let mut lock = Self::default();
        for stored in plugins {
            if let Some((_, receipt)) = stored.in_use() {
                lock.plugin.insert(receipt.name.clone(), Locked::of(receipt));
            }
        }
        lock
    }

    /// Returns the digest of the versions that are demanded, which names what is made of them.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }
}

impl Locked {
    /// Returns what a lock file says of an installed version.
    pub fn of(receipt: &Receipt) -> Self {
        Self {
            version: receipt.version.clone(),
            source: receipt.source.clone(),
            tag: receipt.tag.clone(),
            trust: receipt.trust,
            key: receipt.key.clone(),
            targets: receipt.targets.clone(),
        }
    }

    /// Returns whether an installed version is the one that is meant, on a target.
    pub fn fits(&self, receipt: &Receipt, target: &str) -> bool {
        if self.version != receipt.version || self.source != receipt.source {
            return false;
        }
        let Some(locked) = self.targets.get(target) else { return true };
        match (locked.content, locked.archive) {
            (Some(content), _) => content == receipt.content,
            (None, Some(archive)) => archive == receipt.archive,
            (None, None) => true,
        }
    }
}

impl FromStr for LockFile {
    type Err = LockFileError;

    fn from_str(text: &str) -> Result<Self, LockFileError> {
        let is_mark = |it: &str| {
            ["<<<<<<< ", "======= ", ">>>>>>> "].iter().any(|mark| it.starts_with(mark))
                || it == "======="
        };
        if let Some(idx) = text.lines().position(is_mark) {
            return Err(LockFileError::Conflict { line: idx + 1 });
        }
        let lock: Self = toml::from_str(text).map_err(LockFileError::Syntax)?;
        match lock.format {
            FORMAT => Ok(lock),
            found => Err(LockFileError::Format { found }),
        }
    }
}

impl fmt::Display for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# Made by `plugin install`. It belongs into version control.\n")?;
        f.write_str(&toml::to_string(self).map_err(|_| fmt::Error)?)
    }
}
