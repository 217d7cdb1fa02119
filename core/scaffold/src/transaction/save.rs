//! Writes only PROJECT, for callers that change nothing else.
//!
//! A single rename is a complete change, so this needs no journal; but like everything that writes
//! in a project, it waits for the lock.

use super::lock::Lock;
use crate::project::{ProjectError, ProjectFile};
use pintle_host::fs::{Dir, Mode};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;

impl ProjectFile {
    /// Writes the file to `path` in one step that survives a power failure: a reader sees the old
    /// file or the new one.
    ///
    /// It waits for another host that is working in the project, for at most ten seconds.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Write`]; then the old file is unchanged.
    pub fn save(&self, path: &Path) -> Result<(), ProjectError> {
        self.try_save(path).map_err(|source| ProjectError::Write { path: path.to_owned(), source })
    }

    fn try_save(&self, path: &Path) -> io::Result<()> {
        let Some(name) = path.file_name() else { return Err(ErrorKind::InvalidInput.into()) };
        let folder = path.parent().filter(|it| *it != OsStr::new("")).unwrap_or(Path::new("."));
        let dir = Dir::open(folder)?;
        let _lock = Lock::acquire(folder, &mut |_| {}).map_err(io::Error::other)?;
        Ok(dir.replace(name, self.to_string().as_bytes(), Mode::Keep(pintle_plugin::MODE_FILE))?)
    }
}
