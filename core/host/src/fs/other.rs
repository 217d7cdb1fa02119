//! The disk of systems with paths only, for example Windows: each directory on the way is checked
//! before an operation. A link that is created between the check and the operation is followed.

use super::entry::{Entry, FileId, Found, Kind, Mode};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A directory.
#[derive(Debug)]
pub(super) struct Root(PathBuf);

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match fs::metadata(path)?.is_dir() {
            true => Ok(Self(path.to_owned())),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn open_dir(&self, path: &Path) -> io::Result<Self> {
        let place = self.place(path)?;
        match fs::symlink_metadata(&place)?.is_dir() {
            true => Ok(Self(place)),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn place(&self, path: &Path) -> io::Result<PathBuf> {
        for folder in path.ancestors().skip(1).filter(|it| !it.as_os_str().is_empty()) {
            if !fs::symlink_metadata(self.0.join(folder))?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(self.0.join(path))
    }

    pub(super) fn open_file(&self, path: &Path) -> io::Result<File> {
        open(&self.place(path)?, false)
    }

    pub(super) fn open_listed(&self, name: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).open(self.place(name)?)
    }

    pub(super) fn open_for_lock(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.place(path)?)
    }

    pub(super) fn metadata(&self, path: &Path) -> io::Result<Found> {
        let place = self.place(path)?;
        let metadata = fs::symlink_metadata(&place)?;
        let id = id_at(&place);
        Ok(Found { kind: Kind::of(metadata.file_type()), mode: mode(&metadata), id })
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let entry = |it: io::Result<fs::DirEntry>| {
            let it = it?;
            Ok(Entry { name: it.file_name(), kind: Kind::of(it.file_type()?), inode: None })
        };
        fs::read_dir(self.place(path)?)?.map(entry).collect()
    }

    pub(super) fn create(&self, path: &Path, _: Mode) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.place(path)?)
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.place(from)?, self.place(to)?)
    }

    #[cfg(windows)]
    pub(super) fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        let permissions = fs::symlink_metadata(&from)?.permissions();
        // `MoveFileExW` without permission to replace, which the standard library does not provide.
        let mut path = tempfile::TempPath::try_from_path(&from)?;
        // It is not a temporary file: after an error, it stays.
        path.disable_cleanup(true);
        let moved = path.persist_noclobber(&to).map_err(|err| err.error);
        // That clears the file's attributes.
        if permissions.readonly() {
            fs::set_permissions(if moved.is_ok() { &to } else { &from }, permissions)?;
        }
        moved
    }

    #[cfg(not(windows))]
    pub(super) fn rename_new(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn exchange(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(self.place(from)?, self.place(to)?)
    }

    #[cfg(windows)]
    pub(super) fn symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        std::os::windows::fs::symlink_file(target, self.place(path)?)
    }

    #[cfg(not(windows))]
    pub(super) fn symlink(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(self.place(path)?)
    }

    pub(super) fn unlink(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.place(path)?)
    }

    pub(super) fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(self.place(path)?)
    }

    pub(super) fn set_dir_mode(&self, _: &Path, _: u32) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(self.place(path)?)
    }

    pub(super) fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn sync_file_system(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(super) fn open(path: &Path, follow: bool) -> io::Result<File> {
    if !follow && fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::other("it is a symbolic link"));
    }
    OpenOptions::new().read(true).open(path)
}

pub(super) fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

pub(super) fn mode(_: &Metadata) -> u32 {
    pintle_plugin::MODE_FILE
}

/// Returns volume and number of a file.
#[cfg(windows)]
pub(super) fn id(file: &File) -> io::Result<Option<FileId>> {
    let found = winapi_util::file::information(file)?;
    Ok(Some(FileId { device: found.volume_serial_number(), inode: found.file_index() }))
}

#[cfg(not(windows))]
pub(super) fn id(_: &File) -> io::Result<Option<FileId>> {
    Ok(None)
}

/// Returns the same for a path, without following a link; nothing if it cannot be queried, for
/// example because it is about to be removed.
#[cfg(windows)]
fn id_at(path: &Path) -> Option<FileId> {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
    // No access right is required, and others may use the file in any way.
    let file = OpenOptions::new().access_mode(0).custom_flags(flags).open(path).ok()?;
    id(&file).ok()?
}

#[cfg(not(windows))]
fn id_at(_: &Path) -> Option<FileId> {
    None
}

pub(super) fn is_loop(_: &io::Error) -> bool {
    false
}

pub(super) fn has_no_locks(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::Unsupported
}
