//! Writes a file in one step, and names the temporary files that this requires.

use super::dir::Dir;
use super::entry::{Kind, Mode};
use super::error::{Cause, Error, Result, failed};
use super::fault::{Operation, point};
use std::ffi::OsString;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A name may have 255 bytes; this leaves enough for the rest of the name of a temporary file.
const MAX_STEM: usize = 200;

/// Replaces or creates the file at `path` in one step that survives a power failure: a reader sees
/// either the old or the new bytes.
///
/// # Errors
///
/// [`Error`]; then the old file is unchanged, and no new file is left. [`Cause::NotRegular`] if the
/// name is not that of a regular file.
pub fn replace(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    let fail = failed(Operation::Write, path);
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let Some(name) = path.file_name() else { return Err(fail(Cause::Outside)) };
    let dir = Dir::open(folder.unwrap_or(Path::new("."))).map_err(|err| fail(err.cause))?;
    dir.replace(name, bytes, mode).map_err(|err| Error { path: path.to_owned(), ..err })
}

impl Dir {
    /// Replaces or creates the file at `path`, like [`replace`](fn@replace).
    ///
    /// # Errors
    ///
    /// The errors of [`replace`](fn@replace).
    pub fn replace(&self, path: impl AsRef<Path>, bytes: &[u8], mode: Mode) -> Result<()> {
        let path = path.as_ref();
        self.try_replace(path, bytes, mode).map_err(|err| {
            let (operation, path) = (Operation::Write, self.path().join(path));
            Error { operation, path, cause: err.cause }
        })
    }

    /// Writes new bytes into the file at `path`, which must exist: for a file that is a mount
    /// point, which cannot be replaced. A reader may see a part of them, and a failure may leave a
    /// part.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`ErrorKind::NotFound`] if the file does not exist.
    pub fn overwrite(&self, path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let path = path.as_ref();
        let missing = || self.failed(Operation::Write, path)(io::Error::from(ErrorKind::NotFound));
        let file = self.open_for_lock(path)?.ok_or_else(missing)?;
        let write = || {
            point(Operation::Write)?;
            (&file).write_all(bytes)?;
            file.set_len(bytes.len() as u64)?;
            point(Operation::Sync)?;
            file.sync_all()
        };
        write().map_err(self.failed(Operation::Write, path))
    }

    fn try_replace(&self, path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
        let old = self.find(path)?;
        if let Some(found) = old.filter(|it| it.kind != Kind::File) {
            return Err(self.failed(Operation::Write, path)(Cause::NotRegular {
                kind: found.kind,
            }));
        }
        let mode = match (mode, old) {
            (Mode::Keep(_), Some(old)) => Mode::Exact(old.mode),
            (mode, _) => mode,
        };
        let (temporary, _) = self.create_temporary(path, |it| self.create(it, bytes, mode))?;
        if let Err(err) = self.rename(&temporary, path) {
            let _ = self.unlink(&temporary);
            return Err(err);
        }
        self.sync(path.parent().unwrap_or(Path::new("")))
    }

    /// Calls `create` to create a file next to `path`, with a name that does not exist; also
    /// returns its path.
    pub(super) fn create_temporary<T>(
        &self,
        path: &Path,
        mut create: impl FnMut(&Path) -> Result<T>,
    ) -> Result<(PathBuf, T)> {
        loop {
            let temporary = path.with_file_name(temporary_name(path));
            match create(&temporary) {
                Ok(created) => return Ok((temporary, created)),
                Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
                Err(err) => return Err(err),
            }
        }
    }
}

/// Returns the name of a temporary file for `path`: hidden, with a part that cannot be guessed.
fn temporary_name(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fits = |it: &usize| name.is_char_boundary(*it);
    let end = (0..=MAX_STEM.min(name.len())).rev().find(fits).unwrap_or_default();
    let stem = &name[..end];
    format!(".{stem}.{:016x}.tmp", random()).into()
}

/// Returns a number that differs in each call and in each process.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
