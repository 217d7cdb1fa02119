//! What can go wrong on the way to the disk.

use crate::path::PathError;
use std::io;
use std::path::PathBuf;

/// Why a [`Transaction`](super::Transaction) did nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// A path is none that a transaction may touch.
    #[error("invalid path `{path}`")]
    Path {
        /// The path.
        path: String,
        /// The rule that it breaks.
        source: PathError,
    },
    /// A file that no plugin deleted is in the way.
    #[error("`{path}` is in the way")]
    Occupied {
        /// The path.
        path: String,
    },
    /// A file that was to be replaced or deleted is no more.
    #[error("`{path}` has disappeared")]
    Disappeared {
        /// The path.
        path: String,
    },
    /// A file that was to be replaced or deleted has other bytes or another mode by now.
    #[error("`{path}` has changed in the meantime")]
    Changed {
        /// The path.
        path: String,
    },
    /// The disk refused; the project is as it was.
    #[error("failed to {action} `{path}`")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Another process works in the project.
    #[error("{} is working in `{}`", process_name(*process), root.display())]
    Busy {
        /// The project.
        root: PathBuf,
        /// The other process, if it says its number.
        process: Option<u32>,
        /// The lock, if it may be left over: the file system has no locks, and it cannot be
        /// known whether that process still runs.
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
    /// The disk refused, and then refused to undo what was done.
    #[error("failed to restore the files; the old files are in `{}`", folder.display())]
    Undo {
        /// The folder with the old files.
        folder: PathBuf,
        /// Why they cannot be put back.
        undo: Box<TransactionError>,
        /// Why the undoing was necessary.
        source: Box<TransactionError>,
    },
    /// What an interrupted run has begun can neither be finished nor undone.
    #[error("a run was interrupted in `{}`, and its files cannot be repaired", root.display())]
    Interrupted {
        /// The project.
        root: PathBuf,
        /// Why.
        source: Box<TransactionError>,
    },
}

impl TransactionError {
    /// Whether the disk is not what the transaction expects, by somebody else's doing.
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
