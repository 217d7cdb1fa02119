//! The disk as a transaction sees it: the files of one project, by relative path.
//!
//! Invariants: no operation leaves the project, because no folder on the way to a file is
//! followed when it is a link. Every operation that changes the disk passes `point`
//! first; so a test can count them, and stop at each.

#[cfg(test)]
pub(super) mod fault;
#[cfg(not(unix))]
#[path = "disk/other.rs"]
mod system;
#[cfg(unix)]
#[path = "disk/unix.rs"]
mod system;

use super::journal::Stamp;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// The folder of a project, and all operations in it.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    root: system::Root,
}

/// What there is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// The permission bits.
    pub(super) mode: u32,
    /// Device and inode, where there are some.
    id: Option<system::Id>,
}

/// The kind of what there is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Other,
}

/// The permission bits of a file to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// Of a new file: the user's umask takes bits away, as from any new file.
    New(u32),
    /// Of a file that was there: they stay as they are.
    Exact(u32),
}

impl Disk {
    /// Opens the folder of a project.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), root: system::Root::open(path)? })
    }

    /// Returns the path of the project, for errors.
    pub(super) fn root(&self) -> &Path {
        &self.path
    }

    /// Returns what there is at `path`, without following a link.
    pub(super) fn find(&self, path: &str) -> io::Result<Option<Found>> {
        match self.root.metadata(path) {
            Ok(found) => Ok(Some(found)),
            Err(err) if is_absent(&err) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Whether there is anything at `path`.
    pub(super) fn exists(&self, path: &str) -> io::Result<bool> {
        Ok(self.find(path)?.is_some())
    }

    /// Whether two paths are names of one file.
    pub(super) fn is_same(&self, left: &str, right: &str) -> io::Result<bool> {
        let ids = (self.find(left)?.and_then(|it| it.id), self.find(right)?.and_then(|it| it.id));
        Ok(matches!(ids, (Some(left), Some(right)) if left == right))
    }

    /// Returns bytes and mode of the regular file at `path`.
    pub(super) fn read(&self, path: &str) -> io::Result<(Vec<u8>, u32)> {
        self.root.read(path)
    }

    /// Returns the stamp of the regular file at `path`; `None` for all else.
    pub(super) fn stamp(&self, path: &str) -> io::Result<Option<Stamp>> {
        match self.find(path)? {
            Some(it) if it.kind == Kind::File => {
                let (bytes, mode) = self.read(path)?;
                Ok(Some(Stamp::new(&bytes, mode)))
            }
            _ => Ok(None),
        }
    }

    /// Returns the names in a folder, sorted.
    pub(super) fn list(&self, folder: &str) -> io::Result<Vec<std::ffi::OsString>> {
        let mut names = self.root.list(folder)?;
        names.sort();
        Ok(names)
    }

    /// Writes a new file, so that its bytes survive a power cut.
    pub(super) fn create(&self, path: &str, bytes: &[u8], mode: Mode) -> io::Result<Stamp> {
        point()?;
        let mut file = self.root.create(path, mode)?;
        point()?;
        file.write_all(bytes)?;
        if let Mode::Exact(mode) = mode {
            point()?;
            system::set_mode(&file, mode)?;
        }
        let mode = system::mode(&file.metadata()?);
        point()?;
        file.sync_all()?;
        Ok(Stamp::new(bytes, mode))
    }

    /// Opens the file at `path` for reading and writing; makes it if it is missing.
    pub(super) fn open_lock(&self, path: &str) -> io::Result<File> {
        point()?;
        self.root.open_lock(path)
    }

    /// Whether `file` is the one at `path`.
    pub(super) fn is_at(&self, file: &File, path: &str) -> io::Result<bool> {
        let id = system::id(file)?;
        Ok(self.find(path)?.is_some_and(|it| it.id == id))
    }

    /// Gives a file another name; a file of that name is no more.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        point()?;
        self.root.rename(from, to)
    }

    /// Gives a file another name that nothing has.
    ///
    /// Where the system has no such operation, the file has both names for a moment.
    pub(super) fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        match self.try_rename_new(from, to) {
            Err(err) if is_unsupported(&err) => {}
            res => return res,
        }
        point()?;
        match self.root.link(from, to) {
            Ok(()) => {
                point()?;
                self.root.unlink(from)
            }
            Err(err) if err.kind() == ErrorKind::AlreadyExists => Err(err),
            // No hard links either, as on FAT: what appears just now is lost.
            Err(_) if self.exists(to)? => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => self.rename(from, to),
        }
    }

    fn try_rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        point()?;
        #[cfg(test)]
        fault::old_system()?;
        self.root.rename_new(from, to)
    }

    /// Exchanges the names of two files in one step, or is unsupported.
    pub(super) fn exchange(&self, left: &str, right: &str) -> io::Result<()> {
        point()?;
        #[cfg(test)]
        fault::old_system()?;
        self.root.exchange(left, right)
    }

    /// Deletes a file.
    pub(super) fn unlink(&self, path: &str) -> io::Result<()> {
        point()?;
        self.root.unlink(path)
    }

    /// Makes a folder; one that is there already is fine.
    pub(super) fn make_folder(&self, path: &str) -> io::Result<()> {
        point()?;
        match self.root.make_folder(path) {
            Err(err) if err.kind() == ErrorKind::AlreadyExists => match self.find(path)? {
                Some(it) if it.kind == Kind::Folder => Ok(()),
                _ => Err(ErrorKind::NotADirectory.into()),
            },
            res => res,
        }
    }

    /// Sets the permission bits of a folder.
    pub(super) fn set_folder_mode(&self, path: &str, mode: u32) -> io::Result<()> {
        point()?;
        self.root.set_folder_mode(path, mode)
    }

    /// Removes an empty folder.
    pub(super) fn remove_folder(&self, path: &str) -> io::Result<()> {
        point()?;
        self.root.remove_folder(path)
    }

    /// Makes what happened to the names in a folder survive a power cut; an empty path is
    /// the project's own folder. A folder that is no more has nothing to keep.
    pub(super) fn sync_folder(&self, path: &str) -> io::Result<()> {
        point()?;
        match self.root.sync_folder(path) {
            Err(err) if is_absent(&err) => Ok(()),
            // Some file systems cannot; that is no reason to fail.
            Err(err) if err.kind() == ErrorKind::InvalidInput || is_unsupported(&err) => Ok(()),
            res => res,
        }
    }
}

/// Whether the error says that nothing has the name; a file or a link has nothing in it.
pub(super) fn is_absent(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) || system::is_loop(err)
}

/// Whether the error says that the system, or this file system, has no such operation.
pub(super) fn is_unsupported(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

/// The moment before each operation that changes the disk.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests, an operation can be made to fail")]
fn point() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use fault::point;
