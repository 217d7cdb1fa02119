//! Reads a kubeconfig from disk, and replaces it there.
//!
//! Invariant: at every moment, either the complete old content or the complete new content is on
//! disk, under the name of the file or, if it cannot be replaced in one step, next to it.

use super::encoding::Encoding;
use super::error::KubeconfigError;
use super::{document, kubectl_lock};
use pintle_host::fs::{self, Dir, Lock, Mode};
use serde_json::Value;
use std::error::Error;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The largest kubeconfig that is read. An entry has some kilobytes.
const MAX_SIZE: u64 = 64 << 20;

/// A new file is accessible only to its owner, because it contains keys. Users can change that.
const MODE: Mode = Mode::Keep(0o600);

/// The largest number of links that are followed in a row, as on Linux.
const MAX_LINKS: usize = 40;

/// A kubeconfig as it was read.
#[derive(Debug)]
pub(super) struct Source {
    /// The path that the user gave.
    pub(super) path: PathBuf,
    /// The file that it refers to, which may not exist yet.
    pub(super) target: PathBuf,
    /// `None` if the file does not exist.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) encoding: Encoding,
    pub(super) text: String,
    /// The meaning of the text.
    pub(super) value: Value,
    is_read_only: bool,
}

impl Source {
    /// Reads the file at `path`, if it exists.
    pub(super) fn read(path: &Path) -> Result<Self, KubeconfigError> {
        let failed = |source| KubeconfigError::Io { action: "read", path: path.to_owned(), source };
        let target = follow(path).map_err(failed)?;
        let (bytes, is_read_only) = match fs::read_named(&target, MAX_SIZE) {
            Ok(contents) => {
                let is_read_only = contents.mode() & 0o200 == 0;
                (Some(contents.bytes), is_read_only)
            }
            Err(err) if err.is_absent() => (None, false),
            Err(err) => return Err(failed(err.into())),
        };
        let (encoding, text) = Encoding::decode(bytes.as_deref().unwrap_or_default())
            .map_err(|err| invalid(path, err))?;
        let value = document::read(&text).map_err(|err| invalid(path, err))?;
        let path = path.to_owned();
        Ok(Self { path, target, bytes, encoding, text, value, is_read_only })
    }

    /// Takes the lock that kubectl respects.
    pub(super) fn lock(&self) -> Result<Lock, KubeconfigError> {
        let (folder, name) = self.place()?;
        make_private_folder(folder).map_err(|err| self.write_failed(err))?;
        kubectl_lock::take(folder, &name.to_owned())
    }

    /// Fails if the file could not be written, as far as that can be determined in advance.
    pub(super) fn check_writable(&self) -> Result<(), KubeconfigError> {
        self.check_mode()?;
        // A missing directory is created only when something is written.
        let has_folder = self.place()?.0.is_dir();
        if has_folder { self.lock().map(drop) } else { Ok(()) }
    }

    fn check_mode(&self) -> Result<(), KubeconfigError> {
        match self.is_read_only {
            true => Err(KubeconfigError::ReadOnly { path: self.path.clone() }),
            false => Ok(()),
        }
    }

    /// Replaces the file, which is locked.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), KubeconfigError> {
        self.check_mode()?;
        match fs::replace(&self.target, bytes, MODE) {
            // It is a mount point, for example in a container.
            Err(err) if err.kind() == ErrorKind::ResourceBusy => self.write_in_place(bytes),
            res => res.map_err(|err| self.write_failed(err.into())),
        }
    }

    /// Removes the file, which is locked.
    pub(super) fn delete(&self) -> Result<(), KubeconfigError> {
        let (folder, name) = self.place()?;
        let delete = || Dir::open(folder)?.unlink(name);
        delete().map_err(|err| self.write_failed(err.into()))
    }

    fn write_in_place(&self, bytes: &[u8]) -> Result<(), KubeconfigError> {
        let (folder, name) = self.place()?;
        let mut backup = name.to_owned();
        backup.push(".pintle-backup");
        let old = self.bytes.as_deref().unwrap_or_default();
        let dir = Dir::open(folder).map_err(|err| self.write_failed(err.into()))?;
        let keep = || {
            // An older file was left by a run that was killed, and is the only copy of the user's
            // file.
            dir.create(&backup, old, Mode::Exact(0o600))?;
            dir.sync("")
        };
        keep().map_err(|err| KubeconfigError::Backup {
            path: self.path.clone(),
            backup: folder.join(&backup),
            source: err.into(),
        })?;
        dir.overwrite(name, bytes).map_err(|err| KubeconfigError::InPlace {
            path: self.path.clone(),
            backup: folder.join(&backup),
            source: err.into(),
        })?;
        dir.unlink(&backup).map_err(|err| self.write_failed(err.into()))
    }

    fn place(&self) -> Result<(&Path, &OsStr), KubeconfigError> {
        let invalid = || self.write_failed(ErrorKind::InvalidFilename.into());
        let name = self.target.file_name().ok_or_else(invalid)?;
        let folder = self.target.parent().filter(|it| !it.as_os_str().is_empty());
        Ok((folder.unwrap_or(Path::new(".")), name))
    }

    fn write_failed(&self, source: io::Error) -> KubeconfigError {
        KubeconfigError::Io { action: "write", path: self.path.clone(), source }
    }
}

pub(super) fn invalid(
    path: &Path,
    source: impl Into<Box<dyn Error + Send + Sync>>,
) -> KubeconfigError {
    KubeconfigError::Invalid { path: path.to_owned(), source: source.into() }
}

/// Follows the links at `path`. Users keep links here, and the target is what changes, even if it
/// does not exist yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match std::fs::read_link(&path) {
            Ok(next) => {
                let folder = path.parent().map(Path::to_owned).unwrap_or_default();
                path = folder.join(next);
            }
            Err(_) => {
                // Each file has one lock, regardless of the path that is used.
                return Ok(std::fs::canonicalize(&path).unwrap_or(path));
            }
        }
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "too many levels of symbolic links"))
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}
