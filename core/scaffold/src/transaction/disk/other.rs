//! The disk where there are only paths, as on Windows: each folder on the way is looked at
//! before an operation. A link that is put there just then is followed.

use super::{Found, Kind, Mode};
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The project's folder.
#[derive(Debug)]
pub(super) struct Root(PathBuf);

/// What makes two names the same file; not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id;

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match fs::metadata(path)?.is_dir() {
            true => Ok(Self(path.to_owned())),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn place(&self, path: &str) -> io::Result<PathBuf> {
        for (at, _) in path.match_indices('/') {
            if !fs::symlink_metadata(self.0.join(&path[..at]))?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(self.0.join(path))
    }

    pub(super) fn metadata(&self, path: &str) -> io::Result<Found> {
        let metadata = fs::symlink_metadata(self.place(path)?)?;
        let kind = match metadata.file_type() {
            it if it.is_file() => Kind::File,
            it if it.is_dir() => Kind::Folder,
            _ => Kind::Other,
        };
        Ok(Found { kind, mode: mode(&metadata), id: None })
    }

    pub(super) fn read(&self, path: &str) -> io::Result<(Vec<u8>, u32)> {
        let path = self.place(path)?;
        Ok((fs::read(&path)?, mode(&fs::metadata(path)?)))
    }

    pub(super) fn list(&self, folder: &str) -> io::Result<Vec<OsString>> {
        fs::read_dir(self.place(folder)?)?.map(|it| Ok(it?.file_name())).collect()
    }

    pub(super) fn create(&self, path: &str, _: Mode) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.place(path)?)
    }

    pub(super) fn open_lock(&self, path: &str) -> io::Result<File> {
        let path = self.place(path)?;
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.place(from)?, self.place(to)?)
    }

    pub(super) fn rename_new(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn exchange(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.place(from)?, self.place(to)?)
    }

    pub(super) fn unlink(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.place(path)?)
    }

    pub(super) fn make_folder(&self, path: &str) -> io::Result<()> {
        fs::create_dir(self.place(path)?)
    }

    pub(super) fn set_folder_mode(&self, _: &str, _: u32) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn remove_folder(&self, path: &str) -> io::Result<()> {
        fs::remove_dir(self.place(path)?)
    }

    pub(super) fn sync_folder(&self, _: &str) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

pub(super) fn mode(_: &Metadata) -> u32 {
    pintle_plugin::MODE_FILE
}

pub(super) fn id(_: &File) -> io::Result<Option<Id>> {
    Ok(None)
}

pub(super) fn is_loop(_: &io::Error) -> bool {
    false
}
