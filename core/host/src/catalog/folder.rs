//! One directory of the search path: which of its files could be plugins.

use super::file::{Directory, FileError, RegularFile, Stamp};
use super::index::{Known, Record, Records};
use crate::fs::{Entry, Exposure, Kind};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// A directory of the search path.
pub(super) struct Folder {
    directory: Directory,
    path: PathBuf,
}

/// A directory entry with the platform's library suffix.
pub(super) struct Candidate<'f> {
    folder: &'f Folder,
    /// The name, unless it is in the record alone.
    name: Option<OsString>,
    is_link: bool,
    /// The number of the file within its file system, if the listing shows that it is regular.
    inode: Option<u64>,
    /// The record in the index of a file with this name.
    record: Option<Record>,
    /// Whether it is known only from the index.
    is_listed: bool,
}

impl Folder {
    /// Opens a directory.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { directory: Directory::open(path)?, path: path.to_owned() })
    }

    /// Returns who else can change the contents of the directory.
    pub(super) fn exposure(&self) -> Option<Exposure> {
        self.directory.exposure()
    }

    /// Returns what distinguishes the directory from its earlier states.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.directory.own_stamp()
    }

    /// Returns the libraries in the index, which are all libraries in the directory.
    pub(super) fn listed(&self, records: Records) -> Vec<Candidate<'_>> {
        let candidate = |record: Record| Candidate {
            folder: self,
            name: None,
            is_link: record.is_link(),
            inode: None,
            record: Some(record),
            is_listed: true,
        };
        records.map(candidate).collect()
    }

    /// Returns the entries with the platform's library suffix, with what `records` contains about
    /// them, and the names of the other files that can be programs; both sorted.
    pub(super) fn list(
        &self,
        records: Option<Records>,
    ) -> io::Result<(Vec<Candidate<'_>>, Vec<OsString>)> {
        let mut records = records.into_iter().flatten().peekable();
        let (mut candidates, mut others) = (Vec::new(), Vec::new());
        for Entry { name, kind, inode } in self.directory.entries()? {
            if is_library(&name) {
                let bytes = name.as_encoded_bytes();
                while records.next_if(|it| it.name() < bytes).is_some() {}
                let record = records.next_if(|it| it.name() == bytes);
                let inode = inode.filter(|_| kind == Kind::File);
                candidates.push(Candidate {
                    folder: self,
                    name: Some(name),
                    // Not all file systems report the type of an entry.
                    is_link: matches!(kind, Kind::Symlink | Kind::Special),
                    inode,
                    record,
                    is_listed: false,
                });
            } else if matches!(kind, Kind::File | Kind::Symlink) && is_visible(&name) {
                others.push(name);
            }
        }
        Ok((candidates, others))
    }
}

impl Candidate<'_> {
    /// Returns the name of the file.
    pub(super) fn name(&self) -> &OsStr {
        let recorded = || self.record.as_ref().map(Record::file_name);
        self.name.as_deref().or_else(recorded).unwrap_or_default()
    }

    /// Returns whether the name can be that of a symbolic link.
    pub(super) fn is_link(&self) -> bool {
        self.is_link
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path.join(self.name())
    }

    /// Returns what distinguishes the file from all others and from its earlier states; `None` if
    /// it is not a regular file.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.folder.directory.stamp(self.name())
    }

    /// Returns the record of the file in the index, if the file has this stamp.
    pub(super) fn known(&self, stamp: &Stamp) -> Option<Known> {
        self.record.as_ref().filter(|it| it.is_of(Some(stamp)))?.known()
    }

    /// Returns what the index has as the stamp of the file.
    pub(super) fn known_stamp(&self) -> Option<Stamp> {
        self.record.as_ref()?.stamp()
    }

    /// Returns whether only the index says that there is a regular file with this name.
    pub(super) fn should_exist(&self) -> bool {
        self.is_listed && self.record.as_ref().is_some_and(Record::is_of_a_file)
    }

    /// Opens the file without ever waiting for it.
    pub(super) fn open(&self) -> Result<RegularFile, FileError> {
        self.folder.directory.open_file(self.name(), self.inode)
    }
}

/// Whether a file can be a program: neither hidden nor a library with a version after its suffix.
pub(crate) fn is_visible(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    !name.starts_with(b".") && !name.windows(4).any(|it| it == b".so.")
}

/// Whether a file has the name of a library of this platform.
pub(crate) fn is_library(name: &OsStr) -> bool {
    has_suffix(name, std::env::consts::DLL_SUFFIX, cfg!(windows))
}

/// Whether a name ends in a suffix. On Windows, `X.DLL` is the same as `x.dll`.
fn has_suffix(name: &OsStr, suffix: &str, ignores_case: bool) -> bool {
    let name = name.as_encoded_bytes();
    let Some(start) = name.len().checked_sub(suffix.len()) else { return false };
    let (end, suffix) = (&name[start..], suffix.as_bytes());
    if ignores_case { end.eq_ignore_ascii_case(suffix) } else { end == suffix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_known_by_its_suffix_which_has_no_case_on_windows() {
        let has =
            |name: &str, suffix, ignores_case| has_suffix(OsStr::new(name), suffix, ignores_case);
        for name in ["x.dll", "X.DLL", "x.Dll", ".dll"] {
            assert!(has(name, ".dll", true), "{name}");
        }
        for name in ["dll", "x.dl", "x.dll.old", ""] {
            assert!(!has(name, ".dll", true), "{name}");
        }
        assert!(has("libx.so", ".so", false));
        assert!(!has("libx.SO", ".so", false));
    }
}
