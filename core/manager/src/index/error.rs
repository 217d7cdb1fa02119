//! Why an index cannot be used.

use crate::signature::{Reason, SignatureError};
use crate::source::FetchError;
use pintle_host::fs;

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The text is not a valid location of an index.
    #[error("invalid location of the plugin index `{text}`")]
    Place {
        /// The text.
        text: String,
    },
    /// The file cannot be read.
    #[error("failed to read the plugin index")]
    Read(#[source] fs::Error),
    /// It cannot be fetched.
    #[error("failed to fetch the plugin index")]
    Fetch(#[from] FetchError),
    /// It has never been fetched, and cannot be fetched now.
    #[error("the plugin index `{place}` is not in the cache, and network access is disabled")]
    NotKept {
        /// The location of the index.
        place: String,
    },
    /// It is not an index, or violates a rule of the format.
    #[error("invalid plugin index `{place}`")]
    Invalid {
        /// The location of the index.
        place: String,
        /// What is wrong with it.
        source: Invalid,
    },
    /// It is not signed, although a signature is required.
    #[error("the plugin index `{place}` has no signature")]
    NoSignature {
        /// The location of the index.
        place: String,
    },
    /// The signature was made with another key, or for other bytes.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signature is not for an index.
    #[error("the signature of `{place}` is not for a plugin index: found `{found}`")]
    Unbound {
        /// The location of the index.
        place: String,
        /// The trusted comment.
        found: String,
    },
    /// It is older than the one fetched before.
    #[error("the plugin index `{place}` is older than the one fetched before")]
    Older {
        /// The location of the index.
        place: String,
    },
}

/// What is wrong with the text of an index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// It is not JSON, or has another structure.
    #[error("it is not JSON in the expected format")]
    Json(#[source] serde_json::Error),
    /// Its format is unknown.
    #[error("its format is {found}, but this host reads format {expected}")]
    Format {
        /// The format in the file.
        found: u64,
        /// The supported format.
        expected: u32,
    },
    /// It has too many plugins.
    #[error("it has {found} plugins, but the limit is {limit}")]
    Plugins {
        /// The number of plugins.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A field of a plugin violates a rule.
    #[error("the {field} of plugin `{plugin}` {problem}")]
    Field {
        /// The name of the plugin, without control characters.
        plugin: String,
        /// The field, for example `description`.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Two plugins have the same name.
    #[error("plugin `{plugin}` is listed twice")]
    Twice {
        /// The name.
        plugin: String,
    },
}

impl IndexError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fetch(err) => return err.hint(),
            Self::Place { .. } => "specify a file, or a URL that begins with `https://`",
            Self::Read(err) if err.is_absent() => "check the path of the index",
            Self::Read(_) => return None,
            Self::NotKept { .. } => "allow the network once, or configure a file as `index`",
            Self::Invalid { source: Invalid::Format { .. }, .. } => {
                "update this host: it is older than the index"
            }
            Self::Invalid { .. } | Self::Unbound { .. } => {
                "report it to the publisher of the index"
            }
            Self::NoSignature { .. } => {
                "`index-key` in the configuration requires a signature: a `.minisig` file next to \
                 the index"
            }
            Self::Signature(SignatureError { reason: Reason::OtherKey { .. }, .. }) => {
                "check `index-key` in the configuration"
            }
            Self::Signature(_) => {
                "do not use the index, and report it to its publisher: it is not the published one"
            }
            Self::Older { .. } => "try again later: the server has an old copy",
        };
        Some(hint.to_owned())
    }
}
