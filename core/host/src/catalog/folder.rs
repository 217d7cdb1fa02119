//! One folder of the search path: what in it could be a plugin, and how to open that.
//!
//! With a thousand plugins installed, each system call counts: a file that the
//! folder's own listing knows to be regular is opened by its name, and asked for
//! nothing but its length and its first page.

use super::examine::{self, Opened};
use super::index::Stamp;
use super::refusal::Refusal;
use crate::fs::{Dir, Kind};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// A folder of the search path.
pub(super) struct Folder {
    dir: Dir,
    #[cfg(unix)]
    device: u64,
}

/// Something in a folder that bears the platform's library suffix.
pub(super) struct Candidate<'f> {
    folder: &'f Folder,
    name: OsString,
    /// The number of the file within its file system, if the listing says that it is regular.
    #[cfg_attr(not(unix), expect(dead_code, reason = "other platforms have no such number"))]
    inode: Option<u64>,
}

impl Folder {
    /// Opens a folder; `None` when there is none.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let dir = match Dir::open(path) {
            Ok(dir) => dir,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(err.into()),
        };
        Ok(Some(Self {
            #[cfg(unix)]
            device: dir.device()?,
            dir,
        }))
    }

    /// Returns what bears the platform's library suffix, sorted by name.
    pub(super) fn libraries(&self) -> io::Result<Vec<Candidate<'_>>> {
        let entries = match self.dir.list("") {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            res => res?,
        };
        let found = entries.into_iter().filter(|it| is_library(&it.name)).map(|it| Candidate {
            folder: self,
            inode: it.inode.filter(|_| it.kind == Kind::File),
            name: it.name,
        });
        Ok(found.collect())
    }
}

impl Candidate<'_> {
    /// Returns the path of the file.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.dir.path().join(&self.name)
    }

    /// Returns what tells the file from all others, and from what it was before; `None`
    /// if it is not a regular one.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        #[cfg(unix)]
        return unix::stamp(&self.folder.dir, &self.name);
        #[cfg(not(unix))]
        None
    }

    /// Opens the file without ever waiting for it.
    pub(super) fn open(&self) -> Result<Opened, Refusal> {
        #[cfg(unix)]
        if let Some(inode) = self.inode {
            return unix::open_regular(self.folder, &self.name, inode);
        }
        examine::open(&self.path())
    }
}

fn is_library(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(std::env::consts::DLL_SUFFIX.as_bytes())
}

#[cfg(unix)]
mod unix {
    use super::super::examine::{FileId, Opened, refuse};
    use super::super::index::Stamp;
    use super::super::refusal::Refusal;
    use super::Folder;
    use crate::fs::Dir;
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    use rustix::fs::{AtFlags, FileType, statat};
    use std::ffi::OsStr;
    use std::io::{Seek, SeekFrom};

    /// The fields have other types on other systems, where nobody has tried this yet.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    pub(super) fn stamp(dir: &Dir, name: &OsStr) -> Option<Stamp> {
        let stat = statat(dir, name, AtFlags::empty()).ok()?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        // What does not fit, as a time before 1970, makes a file that is never known.
        let number = |it: i64| u64::try_from(it).ok();
        Some(Stamp {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: number(stat.st_size)?,
            modified: (number(stat.st_mtime)?, stat.st_mtime_nsec),
            changed: (number(stat.st_ctime)?, stat.st_ctime_nsec),
        })
    }

    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    pub(super) fn stamp(_: &Dir, _: &OsStr) -> Option<Stamp> {
        None
    }

    /// Opens a file that the folder's listing knows to be regular. Should it have
    /// become something else, it has no length, which refuses it.
    pub(super) fn open_regular(
        folder: &Folder,
        name: &OsStr,
        inode: u64,
    ) -> Result<Opened, Refusal> {
        let mut file = folder.dir.open_listed(name).map_err(refuse)?;
        let len = file.seek(SeekFrom::End(0)).map_err(|source| Refusal::Unreadable { source })?;
        Ok(Opened { file, len, id: FileId::new(folder.device, inode) })
    }
}
