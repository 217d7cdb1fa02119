//! What has happened to a scaffolded file.

use crate::merge;
use crate::record::file::{RecordError, RecordedFile};
use pintle_host::fs::{Cause, Dir, Error};
use serde::Serialize;

/// If a file is longer than twice its recorded length plus this, it has certainly changed.
const MORE: u64 = 4096;

/// What has happened to a scaffolded file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FileState {
    Unchanged,
    Changed,
    Deleted,
    Unreadable,
}

impl FileState {
    /// Compares the file on disk with its scaffolded content.
    pub(super) fn of(root: &Dir, file: &RecordedFile) -> Result<Self, RecordError> {
        let base = file.content()?;
        // A checkout or a formatter makes it longer without changing it.
        Ok(match root.read_regular(file.path(), base.len() as u64 * 2 + MORE) {
            Ok(it) if merge::is_same(file.path(), &base, &it.bytes) => Self::Unchanged,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::file::Record;
    use pintle_host::fs::{Operation, fault};
    use pintle_plugin::{MODE_FILE, Node};
    use std::fs::{create_dir, remove_dir, remove_file, write};

    #[test]
    fn what_became_of_a_file_is_never_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, path) = (Dir::open(folder.path()).unwrap(), folder.path().join("a"));
        let mut record = Record::default();
        record.put(&Node::new("a", "text", MODE_FILE), Vec::new(), Vec::new()).unwrap();
        let state = || FileState::of(&dir, record.file("a").unwrap()).unwrap().name();
        assert_eq!(state(), "deleted");
        for (text, expected) in [("text", "unchanged"), ("tex", "changed"), ("text2", "changed")] {
            write(&path, text).unwrap();
            assert_eq!(state(), expected, "{text}");
        }
        remove_file(&path).unwrap();
        create_dir(&path).unwrap();
        assert_eq!(state(), "changed");
        remove_dir(&path).unwrap();
        let _fault = fault::inject(|it| match it {
            Operation::Read => Err(std::io::ErrorKind::PermissionDenied.into()),
            _ => Ok(()),
        });
        assert_eq!(state(), "unreadable");
    }
}
