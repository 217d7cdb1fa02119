//! How far the bytes of a plugin are vouched for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who vouches for the bytes of a plugin; each step is worth more than those before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Nobody: they are what the source had when they were fetched.
    #[default]
    None,
    /// The source, or the user, gave their digest apart from them.
    Digest,
    /// Who has the secret part of the key that is pinned for the source.
    Signed,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Digest => "digest",
            Self::Signed => "signed",
        })
    }
}
