//! Why an index cannot be used.

use crate::signature::{Reason, SignatureError};
use crate::source::FetchError;
use pintle_host::fs;

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A text that does not say where an index is.
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
    /// It was never fetched, and cannot be now.
    #[error("the plugin index `{place}` is not in the cache, and network access is disabled")]
    NotKept {
        /// Where the index is.
        place: String,
    },
    /// It is not an index, or breaks a rule of its format.
    #[error("invalid plugin index `{place}`")]
    Invalid {
        /// Where the index is.
        place: String,
        /// What is wrong with it.
        source: Invalid,
    },
    /// It is not signed, and has to be.
    #[error("the plugin index `{place}` has no signature")]
    NoSignature {
        /// Where the index is.
        place: String,
    },
    /// The signature is not by the key, or not of these bytes.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signature is of something else than an index.
    #[error("the signature of `{place}` is not for a plugin index: found `{found}`")]
    Unbound {
        /// Where the index is.
        place: String,
        /// The trusted comment.
        found: String,
    },
    /// It is older than what was fetched before.
    #[error("the plugin index `{place}` is older than the one fetched before")]
    Older {
        /// Where the index is.
        place: String,
    },
}

/// What is wrong with the text of an index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// It is not JSON, or of another form.
    #[error("it is not JSON in the expected format")]
    Json(#[source] serde_json::Error),
    /// Its format is not known.
    #[error("its format is {found}, but this host reads format {expected}")]
    Format {
        /// The format that it says.
        found: u64,
        /// The format that is known.
        expected: u32,
    },
    /// It has too many plugins.
    #[error("it has {found} plugins, but the limit is {limit}")]
    Plugins {
        /// How many it has.
        found: usize,
        /// How many it can have.
        limit: usize,
    },
    /// A field of a plugin breaks a rule.
    #[error("the {field} of plugin `{plugin}` {problem}")]
    Field {
        /// The name of the plugin, without control characters.
        plugin: String,
        /// Which field: for example `description`.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Two plugins have one name.
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
