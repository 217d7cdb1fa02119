//! One folder of the search path: what in it could be a plugin, and how to open that.
//!
//! With a thousand plugins installed, each system call counts: a file that the
//! folder's own listing knows to be regular is opened by its name, and asked for
//! nothing but its length and its first page.

use super::examine::{self, Opened};
use super::index::Stamp;
use super::refusal::Refusal;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// A folder of the search path.
pub(super) struct Folder {
    path: PathBuf,
    #[cfg(unix)]
    handle: unix::Handle,
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
        #[cfg(unix)]
        let handle = match unix::Handle::open(path) {
            Ok(handle) => handle,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(err),
        };
        Ok(Some(Self {
            path: path.to_owned(),
            #[cfg(unix)]
            handle,
        }))
    }

    /// Returns what bears the platform's library suffix, sorted by name.
    pub(super) fn libraries(&self) -> io::Result<Vec<Candidate<'_>>> {
        let mut found = Vec::new();
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(err) => return Err(err),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if is_library(&name) {
                found.push(Candidate { folder: self, name, inode: inode(&entry) });
            }
        }
        found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }
}

impl Candidate<'_> {
    /// Returns the path of the file.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path.join(&self.name)
    }

    /// Returns what tells the file from all others, and from what it was before; `None`
    /// if it is not a regular one.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        #[cfg(unix)]
        return self.folder.handle.stamp(&self.name);
        #[cfg(not(unix))]
        None
    }

    /// Opens the file without ever waiting for it.
    pub(super) fn open(&self) -> Result<Opened, Refusal> {
        #[cfg(unix)]
        if let Some(inode) = self.inode {
            return self.folder.handle.open_regular(&self.name, inode);
        }
        examine::open(&self.path())
    }
}

fn is_library(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(std::env::consts::DLL_SUFFIX.as_bytes())
}

#[cfg(unix)]
fn inode(entry: &std::fs::DirEntry) -> Option<u64> {
    use std::os::unix::fs::DirEntryExt;
    entry.file_type().is_ok_and(|it| it.is_file()).then(|| entry.ino())
}

#[cfg(not(unix))]
fn inode(_: &std::fs::DirEntry) -> Option<u64> {
    None
}

#[cfg(unix)]
mod unix {
    use super::super::examine::{FLAGS, FileId, Opened};
    use super::super::index::Stamp;
    use super::super::refusal::Refusal;
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    use rustix::fs::{AtFlags, FileType, statat};
    use rustix::fs::{CWD, Mode, OFlags, openat};
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io::{self, Seek, SeekFrom};
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// A folder, open.
    pub(super) struct Handle {
        folder: File,
        device: u64,
    }

    impl Handle {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            // Opening a FIFO without a writer would wait for one.
            let flags = FLAGS | OFlags::DIRECTORY;
            let folder = File::from(openat(CWD, path, flags, Mode::empty())?);
            let device = folder.metadata()?.dev();
            Ok(Self { folder, device })
        }

        /// The fields have other types on other systems, where nobody has tried this yet.
        #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
        pub(super) fn stamp(&self, name: &OsStr) -> Option<Stamp> {
            let stat = statat(&self.folder, name, AtFlags::empty()).ok()?;
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
        pub(super) fn stamp(&self, _: &OsStr) -> Option<Stamp> {
            None
        }

        /// Opens a file that the folder's listing knows to be regular. Should it have
        /// become something else, it has no length, which refuses it.
        pub(super) fn open_regular(&self, name: &OsStr, inode: u64) -> Result<Opened, Refusal> {
            let unreadable = |source| Refusal::Unreadable { source };
            let file = openat(&self.folder, name, FLAGS, Mode::empty());
            let mut file = File::from(file.map_err(|err| unreadable(err.into()))?);
            let len = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
            Ok(Opened { file, len, id: FileId::new(self.device, inode) })
        }
    }
}
