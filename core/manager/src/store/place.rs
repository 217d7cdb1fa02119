//! The places of plugins in the store.

use std::path::{Path, PathBuf};

/// The place of a plugin in the store, for example `pintle-dev/registry`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The first part.
    pub owner: String,
    /// The second part.
    pub repo: String,
}

impl Place {
    pub(super) fn path(&self) -> PathBuf {
        Path::new(&self.owner).join(&self.repo)
    }

    pub(super) fn version(&self, version: &str) -> PathBuf {
        self.path().join(version)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.repo)
    }
}
