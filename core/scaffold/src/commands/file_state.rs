//! What became of a scaffolded file.

use crate::record::{RecordError, RecordedFile};
use serde::Serialize;
use std::path::Path;

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
    pub(super) fn of(root: &Path, file: &RecordedFile) -> Result<Self, RecordError> {
        let path = root.join(file.path());
        // What is no file would hang a reader, or lead out of the project.
        match path.symlink_metadata() {
            Err(_) => return Ok(Self::Deleted),
            Ok(it) if !it.is_file() => return Ok(Self::Changed),
            Ok(_) => {}
        }
        Ok(match std::fs::read(path) {
            Ok(bytes) if bytes == file.content()? => Self::Unchanged,
            Ok(_) => Self::Changed,
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
