//! What can go wrong when changes are written to the disk.

use crate::path::PathError;
use std::io;
use std::path::PathBuf;

/// Why a [`Transaction`](super::Transaction) changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// A path is not one that a transaction may touch.
    #[error("invalid path `{path}`")]
    Path {
        /// The path.
        path: String,
        /// The rule that it breaks.
        source: PathError,
    },
    /// A file that no plugin deleted is at the place of a new one.
    #[error("`{path}` is in the way")]
    Occupied {
        /// The path.
        path: String,
    },
    /// A file that was to be replaced or deleted no longer exists.
    #[error("`{path}` has disappeared")]
    Disappeared {
        /// The path.
        path: String,
    },
    /// A file that was to be replaced or deleted now has other bytes or another mode.
    #[error("`{path}` has changed in the meantime")]
    Changed {
        /// The path.
        path: String,
    },
    /// An operation on the disk failed; the project is unchanged.
    #[error("failed to {action} `{path}`")]
    Disk {
        /// The operation.
        action: &'static str,
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Another process is working in the project.
    #[error("{} is working in `{}`", process_name(*process), root.display())]
    Busy {
        /// The project.
        root: PathBuf,
        /// The other process, if its number is known.
        process: Option<u32>,
        /// The lock, if it may be left over: the file system does not support locks, and it cannot
        /// be determined whether that process is still running.
        lock: Option<PathBuf>,
    },
    /// The journal of an interrupted run is damaged; nothing was touched.
    #[error("the journal `{path}` of an interrupted run is damaged")]
    Journal {
        /// The journal.
        path: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// An operation on the disk failed, and then undoing the changes also failed.
    #[error("failed to restore the files; the old files are in `{}`", folder.display())]
    Undo {
        /// The directory with the old files.
        folder: PathBuf,
        /// Why they cannot be restored.
        undo: Box<TransactionError>,
        /// Why the changes had to be undone.
        source: Box<TransactionError>,
    },
    /// The changes of an interrupted run can neither be finished nor undone.
    #[error("a run was interrupted in `{}`, and its files cannot be repaired", root.display())]
    Interrupted {
        /// The project.
        root: PathBuf,
        /// Why.
        source: Box<TransactionError>,
    },
}

impl TransactionError {
    /// Whether the disk differs from what the transaction expects because someone else has changed
    /// it.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Path { .. }
                | Self::Occupied { .. }
                | Self::Disappeared { .. }
                | Self::Changed { .. }
        )
    }
}

/// Returns the error of an operation with the file at `path`.
pub(super) fn disk_error<E: Into<io::Error>>(
    action: &'static str,
    path: &str,
) -> impl FnOnce(E) -> TransactionError + use<E> {
    let path = path.to_owned();
    move |err| TransactionError::Disk { action, path, source: err.into() }
}

pub(super) fn process_name(process: Option<u32>) -> String {
    match process {
        Some(process) => format!("process {process}"),
        None => "another process".to_owned(),
    }
}
