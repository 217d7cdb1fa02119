//! What can be wrong with a cluster file.

use pintle_host::services::Excerpt;
use std::error::Error;
use std::path::PathBuf;

/// Why a cluster file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterFileError {
    /// It is not valid YAML, a key is unknown, or a value is invalid.
    #[error(transparent)]
    Invalid {
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It has an unsupported kind.
    #[error("unknown kind `{kind}` of version `{version}`")]
    Kind {
        /// The value of `apiVersion`.
        version: String,
        /// The value of `kind`.
        kind: String,
    },
    /// Neither the file nor the command line has a name for the cluster.
    #[error("the cluster has no name")]
    NoName,
    /// The value of a key is invalid.
    #[error("invalid value of `{key}`")]
    Value {
        /// The key, with its parent keys.
        key: String,
        /// What is wrong with its value.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The value of a key is not a string.
    #[error("`{key}` is not a string")]
    NotText {
        /// The key, with its parent keys.
        key: String,
    },
    /// An item of a list is incomplete.
    #[error("an item has no `{key}`")]
    Incomplete {
        /// The missing key.
        key: String,
    },
    /// A duration is invalid.
    #[error("invalid duration `{text}`")]
    Duration {
        /// The text.
        text: String,
        /// What is wrong with it.
        source: humantime::DurationError,
    },
    /// The file uses a variable that is not set.
    #[error("the environment variable `{name}` is not set")]
    Unset {
        /// The variable.
        name: String,
    },
    /// A file for the nodes is described incorrectly.
    #[error("the file `{path}` {fault}")]
    File {
        /// Its path in the nodes.
        path: String,
        /// What is wrong with it.
        fault: FileFault,
    },
    /// A file that it names cannot be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What is wrong with a file for the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Its path is relative, or contains `..`.
    #[error("has a path that is not absolute or contains `..`")]
    Path,
    /// It has neither a text nor a source, or both.
    #[error("requires either a text or a source")]
    Content,
    /// Its mode is not an octal number.
    #[error("has a mode that is not an octal number")]
    Mode,
}

impl ClusterFileError {
    /// Returns the error of the YAML parser, which shows the faulty lines.
    pub(super) fn yaml(err: serde_saphyr::Error) -> Self {
        let text = err.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).to_owned();
        Self::Invalid { source: Box::new(Excerpt(text)) }
    }
}
