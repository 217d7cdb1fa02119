//! Why the store could not be read or changed.

use super::place::Place;
use pintle_host::fs;
use std::io;
use std::path::PathBuf;

/// Returns whether the disk is full, or the user's quota is used up.
pub(crate) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Why the store could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Access to the disk failed.
    #[error(transparent)]
    Disk(#[from] fs::Error),
    /// A file in the store is damaged.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The directory of the store cannot be created.
    #[error("failed to create plugin directory `{}`", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The record of an interrupted change cannot be used.
    #[error("`{}` is damaged", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No file in the store can have this name.
    #[error("invalid {what} `{name}`")]
    Name {
        /// What the name is for.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The version to be removed is in use.
    #[error("version `{version}` of `{place}` is in use")]
    InUse {
        /// The plugin.
        place: Place,
        /// The directory of the version.
        version: String,
    },
    /// A file that does not belong to the store has the name.
    #[error("`{}` exists and was not installed by this command", path.display())]
    Taken {
        /// Its path.
        path: PathBuf,
    },
    /// Two plugins would have the same link.
    #[error("plugin file `{link}` belongs to `{other}`")]
    LinkTaken {
        /// The name of the link.
        link: String,
        /// The plugin that it belongs to.
        other: Place,
    },
}
