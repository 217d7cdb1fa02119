//! Lock files: versions of plugins, with their sources and digests, for every target.
//!
//! The format is designed for version control: sorted by name, without counters and times. Every
//! line of a plugin begins with its name, so lines of different plugins are never equal. Therefore,
//! the union of the lines of two branches that each add a plugin (`merge=union` in
//! `.gitattributes`) is a lock file with both plugins.

#[cfg(test)]
mod tests;

use crate::archive::is_portable_path;
use crate::digest::Digest;
use crate::signature::PublicKey;
use crate::store::receipt::{Receipt, Target, check_origin};
use crate::store::stored::Stored;
use crate::trust::Trust;
use pintle_host::{PluginName, PluginVersion};
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
    /// Its source, without a version.
    pub source: String,
    /// The source's name for the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Its trust when it was locked. Nothing with lower trust is installed.
    pub trust: Trust,
    /// The key with which its releases are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The files of the release for each target.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
}

/// Why a text is not a lock file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockFileError {
    /// A merge has left conflict markers.
    #[error("line {line} is a conflict marker from a merge")]
    Conflict {
        /// The first such line.
        line: usize,
    },
    /// It violates the format.
    #[error("line {line} is invalid: {message}")]
    Syntax {
        /// The line.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A merge has left two versions of one plugin.
    #[error("line {line} repeats `{what}` of an earlier line")]
    Twice {
        /// The line.
        line: usize,
        /// The repeated key.
        what: String,
    },
    /// A value is not valid for a plugin.
    #[error("invalid {field} `{value}` of plugin `{plugin}`")]
    Value {
        /// The plugin.
        plugin: String,
        /// The field.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// A newer host wrote it.
    #[error("its format is {found}, but this host reads format {FORMAT}")]
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

    /// Returns the digest of the required versions, after which derived directories are named.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }
}

impl Locked {
    /// Returns the entry of a lock file for an installed version.
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

    /// Checks that all values are valid for a plugin, and that no name leads out of the store.
    fn check(&self, name: &str) -> Result<(), LockFileError> {
        let fault = |field, value: &str| {
            let (plugin, value) = (name.to_owned(), value.to_owned());
            Err(LockFileError::Value { plugin, field, value })
        };
        let is_version = |it: &str| it.parse::<PluginVersion>().is_ok();
        if name.parse::<PluginName>().is_err() {
            return fault("name", name);
        }
        if !is_portable_path(&self.version) || !is_version(&self.version) {
            return fault("version", &self.version);
        }
        match check_origin(&self.source, self.tag.as_deref(), &self.targets) {
            Ok(()) => Ok(()),
            Err((field, value)) => fault(field, value),
        }
    }

    /// Returns whether an installed version is the locked one, for a target.
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
        if let Some(idx) = text.lines().position(is_mark) {
            return Err(LockFileError::Conflict { line: idx + 1 });
        }
        // A newer format may differ in everything but this.
        let head: Head = toml::from_str(text).map_err(|err| syntax(text, &err))?;
        if head.format != FORMAT {
            return Err(LockFileError::Format { found: head.format });
        }
        let lock: Self = toml::from_str(text).map_err(|err| syntax(text, &err))?;
        lock.plugin.iter().try_for_each(|(name, locked)| locked.check(name))?;
        Ok(lock)
    }
}

/// The part that every format has.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// Returns whether a line is a conflict marker from a merge.
fn is_mark(line: &str) -> bool {
    let line = line.trim_end();
    let marks = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];
    let rest = marks.iter().find_map(|it| line.strip_prefix(it));
    rest.is_some_and(|it| it.is_empty() || it.starts_with(' '))
}

/// Returns the error of a text that is not TOML, or violates this format.
fn syntax(text: &str, err: &toml::de::Error) -> LockFileError {
    let before = err.span().and_then(|it| text.get(..it.start));
    let line = before.map_or(1, |it| it.matches('\n').count() + 1);
    let what = text.lines().nth(line - 1).and_then(|it| it.split_once('=')).map(|it| it.0.trim());
    match what.filter(|_| err.message().starts_with("duplicate key")) {
        Some(what) => LockFileError::Twice { line, what: what.to_owned() },
        None => LockFileError::Syntax { line, message: err.message().replace('\n', " ") },
    }
}

impl fmt::Display for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Written by `plugin install`. Keep it under version control.")?;
        writeln!(f, "format = {}\n\n[plugin]", self.format)?;
        for (name, locked) in &self.plugin {
            let name = quoted(name);
            let mut fields = toml::Table::try_from(locked).map_err(|_| fmt::Error)?;
            for field in FIELDS {
                if let Some(value) = fields.remove(field) {
                    write_value(f, &format!("{name}.{field}"), &value)?;
                }
            }
        }
        Ok(())
    }
}

/// The fields of a plugin. The first and the last one hardly ever change, so a change of one plugin
/// does not touch an adjacent addition of another one, which would be a conflict in git.
const FIELDS: [&str; 6] = ["source", "version", "tag", "key", "targets", "trust"];

/// Writes a line for each value inside a value.
fn write_value(f: &mut fmt::Formatter<'_>, path: &str, value: &toml::Value) -> fmt::Result {
    let table = match value {
        toml::Value::Table(table) => table,
        toml::Value::String(text) => return writeln!(f, "{path} = {}", quoted(text)),
        value => return writeln!(f, "{path} = {value}"),
    };
    let sorted: BTreeMap<_, _> = table.iter().collect();
    for (key, value) in sorted {
        let is_bare = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
        let is_bare = !key.is_empty() && key.bytes().all(is_bare);
        let key = if is_bare { key.clone() } else { quoted(key) };
        write_value(f, &format!("{path}.{key}"), value)?;
    }
    Ok(())
}

/// Returns a text as a TOML string, on one line.
fn quoted(text: &str) -> String {
    // JSON escapes everything that TOML must escape, except for one character.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
