//! The trust in the bytes of a plugin.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What vouches for the bytes of a plugin, in ascending order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Nothing: they are what the source returned when they were fetched.
    #[default]
    None,
    /// Their digest was known from the source or the user.
    Digest,
    /// They are signed with the key that is pinned for the source.
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
