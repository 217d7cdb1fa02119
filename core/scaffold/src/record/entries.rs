//! What the record contains about one command and one file; and why it cannot be read.

use crate::merge::is_executable;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use pintle_host::fs::Cause;
use pintle_plugin::{MODE_EXECUTABLE, MODE_FILE, Node};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

/// The number of the format that this host writes. It also reads earlier formats.
pub(super) const FORMAT: u32 = 2;

/// A host does not write a record that is larger than this.
pub(super) const MAX_BYTES: u64 = 256 << 20;

/// A packed file that unpacks to more than this is damaged.
pub(super) const MAX_BASE: u64 = 64 << 20;

/// A scaffolding command that was run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RecordedCommand {
    /// Distinguishes the command from all others, including those of other branches.
    #[serde(deserialize_with = "number_or_text")]
    pub id: String,
    /// When the command was run, in UTC, for example `2026-11-21T08:09:10.111213Z`. The commands
    /// are rerun in this order; the time is after those of all earlier commands.
    pub at: String,
    /// The position of the command in that order, from 1, which users see.
    #[serde(skip)]
    pub number: usize,
    /// Whether the command was undone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) undone: bool,
    /// The subcommand, for example `create api`.
    pub subcommand: String,
    /// The version of the PROJECT file that the plugins got.
    pub project_version: String,
    /// The day of the command in UTC, for example `2026-11-21`, which the plugins got.
    pub date: String,
    /// The full keys of the chain's plugins, in order.
    pub plugins: Vec<String>,
    /// The values of the flags.
    pub args: Map<String, Value>,
    /// The values that `init` got for the project: `domain`, `projectName`, `repo` and
    /// `namespaced`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub project: Map<String, Value>,
    /// The requested resource, in the form of an entry in PROJECT.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub resource: Value,
    /// The user's answers to the plugins' questions, except secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
}

/// The user's answer to a plugin's question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
}

/// A file as it was scaffolded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedFile {
    pub(super) path: String,
    /// The permission bits in the form of chmod: `644` or `755`; older hosts also wrote others.
    pub(super) mode: String,
    /// The plugins that created or changed it, in order.
    pub(super) by: Vec<Origin>,
    /// The content, packed.
    pub(super) base: String,
}

/// A plugin and the command in which it created or changed a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The plugin's full key.
    pub plugin: String,
    /// The [`id`](RecordedCommand::id) of the command.
    #[serde(deserialize_with = "number_or_text")]
    pub command: String,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file cannot be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not one that a host wrote.
    #[error("line {line} of `{}` is damaged", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A merge has left both sides in the file.
    #[error("line {line} of `{}` is a merge conflict marker", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
    },
    /// A conflict marker has no counterpart.
    #[error(
        "line {line} of `{}` is a merge conflict marker without its counterpart",
        path.display()
    )]
    Unpaired {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
    },
    /// The record is of a later release.
    #[error(
        "`{}` has format {format}, but this host supports formats only up to {FORMAT}",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The number of its format.
        format: u32,
    },
    /// The resource of a command is invalid.
    #[error("invalid resource in the record of command {number}")]
    Resource {
        /// The number of the command.
        number: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file is too large to be recorded.
    #[error("`{path}` is larger than {} MiB, the maximum size of a recorded file", MAX_BASE >> 20)]
    TooLarge {
        /// The path of the file.
        path: String,
    },
    /// All files together are too large to be recorded.
    #[error("the record would be larger than {} MiB", MAX_BYTES >> 20)]
    Full,
    /// The content of a file cannot be unpacked.
    #[error("the record of `{path}` is damaged")]
    Base {
        /// The path of the file.
        path: String,
        /// What is wrong with it.
        source: io::Error,
    },
}

impl RecordedFile {
    /// Returns the path relative to the project.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns which plugins created or changed the file, in order.
    pub fn by(&self) -> &[Origin] {
        &self.by
    }

    /// Returns the permission bits that the file was scaffolded with. Only whether it is executable
    /// is known: the others come from the user's umask.
    pub fn mode(&self) -> u32 {
        u32::from_str_radix(&self.mode, 8).map_or(MODE_FILE, mode)
    }

    /// Returns the file as it was scaffolded.
    ///
    /// # Errors
    ///
    /// [`RecordError::Base`] when the record is damaged.
    pub fn content(&self) -> Result<Vec<u8>, RecordError> {
        unpack(&self.base).map_err(|source| RecordError::Base { path: self.path.clone(), source })
    }

    /// Returns the file as it was scaffolded, as a node without an origin.
    ///
    /// # Errors
    ///
    /// [`RecordError::Base`] when the record is damaged.
    pub(crate) fn node(&self) -> Result<Node, RecordError> {
        Ok(Node::new(&*self.path, self.content()?, self.mode()))
    }
}

/// Reads the id of a command: in format 1, it was a number.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Number(u32),
        Text(String),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Number(it) => it.to_string(),
        Id::Text(it) => it,
    })
}

/// Returns the mode that is recorded for a file, as git does.
pub(super) fn mode(mode: u32) -> u32 {
    if is_executable(mode) { MODE_EXECUTABLE } else { MODE_FILE }
}

pub(super) fn pack(bytes: &[u8]) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    STANDARD_NO_PAD.encode(packed.expect("writing to memory does not fail"))
}

fn unpack(text: &str) -> io::Result<Vec<u8>> {
    let packed = STANDARD_NO_PAD.decode(text).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    DeflateDecoder::new(&*packed).take(MAX_BASE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_BASE {
        true => Err(Cause::TooLarge { limit: MAX_BASE }.into()),
        false => Ok(bytes),
    }
}
