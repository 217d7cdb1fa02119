//! What became of a scaffolded file.

use crate::record::{RecordError, RecordedFile};
use pintle_host::fs::{Cause, Dir, Error};
use serde::Serialize;

/// What became of a scaffolded file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FileState {
    Unchanged,
    Changed,
    Deleted,
    Unreadable,
}

impl FileState {
    /// Compares the file on disk with what was scaffolded.
    pub(super) fn of(root: &Dir, file: &RecordedFile) -> Result<Self, RecordError> {
        let base = file.content()?;
        Ok(match root.read_regular(file.path(), base.len() as u64) {
            Ok(it) if it.bytes == base => Self::Unchanged,
            Err(err) if err.is_absent() => Self::Deleted,
            Ok(_) | Err(Error { cause: Cause::NotRegular { .. } | Cause::TooLarge { .. }, .. }) => {
                Self::Changed
            }
            Err(_) => Self::Unreadable,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Unreadable => "unreadable",
        }
    }
}
