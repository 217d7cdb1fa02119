//! Why the store could not be read or changed.

use super::place::Place;
use pintle_host::fs;
use std::io;
use std::path::PathBuf;

/// Returns whether there is no room on the disk, or none left for this user.
pub(crate) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Why the store could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] fs::Error),
    /// A file of the store is not what was written there.
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
    /// The record of a change that was interrupted cannot be used.
    #[error("`{}` is damaged", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A name that no file of the store can have.
    #[error("invalid {what} `{name}`")]
    Name {
        /// What it is the name of.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A version that is in use was to be removed.
    #[error("version `{version}` of `{place}` is in use")]
    InUse {
        /// The plugin.
        place: Place,
        /// The directory of the version.
        version: String,
    },
    /// Something that is not the store's has the name.
    #[error("`{}` exists and was not installed by this command", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// Two plugins would have one link.
    #[error("plugin file `{link}` belongs to `{other}`")]
    LinkTaken {
        /// The name of the link.
        link: String,
        /// Whose it is.
        other: Place,
    },
}
