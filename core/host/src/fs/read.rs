//! Reads whole files: only regular ones, without blocking, and up to a limit.

use super::entry::Kind;
use super::error::{Cause, Result, failed};
use super::exposure;
use super::fault::{Operation, point};
use super::system;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// The limit of files that may have any size.
pub const NO_LIMIT: u64 = u64::MAX;

/// The contents of an opened file.
#[derive(Debug)]
pub struct Contents {
    /// All bytes of the file.
    pub bytes: Vec<u8>,
    /// The metadata of the opened file.
    pub metadata: Metadata,
}

impl Contents {
    /// Returns the permission bits of the file.
    pub fn mode(&self) -> u32 {
        permissions(&self.metadata)
    }

    /// Returns whether the file belongs to the user, and no other user can change it.
    pub fn is_private(&self) -> bool {
        exposure::is_private(&self.metadata)
    }

    /// Returns the bytes as a text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidData`] when they are not UTF-8.
    pub fn into_text(self) -> io::Result<String> {
        let invalid = |_| io::Error::new(ErrorKind::InvalidData, "it is not valid UTF-8");
        String::from_utf8(self.bytes).map_err(invalid)
    }
}

/// Returns the permission bits in `metadata`, including set-user-ID and similar bits.
pub fn permissions(metadata: &Metadata) -> u32 {
    system::mode(metadata)
}

/// Returns whether a file with this metadata belongs to the user, and no other user can change it.
pub fn is_private(metadata: &Metadata) -> bool {
    exposure::is_private(metadata)
}

/// Reads the regular file at `path`; a symbolic link is not followed.
///
/// # Errors
///
/// [`Cause::NotRegular`], without blocking, if it is of another kind, for example a FIFO without a
/// writer; [`Cause::TooLarge`] if it has more than `limit` bytes, even if it grows while it is
/// read; [`Cause::Io`] for all errors of the system.
pub fn read_regular(path: &Path, limit: u64) -> Result<Contents> {
    open_regular(path).and_then(|(file, metadata)| {
        read_opened(file, metadata, limit).map_err(failed(Operation::Read, path))
    })
}

/// Reads the regular file at `path` like [`read_regular`], but follows symbolic links, for paths
/// that a user names.
///
/// # Errors
///
/// The errors of [`read_regular`].
pub fn read_named(path: &Path, limit: u64) -> Result<Contents> {
    open_named(path).and_then(|(file, metadata)| {
        read_opened(file, metadata, limit).map_err(failed(Operation::Read, path))
    })
}

/// Opens the regular file at `path`; a symbolic link is not followed.
///
/// # Errors
///
/// The errors of [`read_regular`], except for the limit.
pub fn open_regular(path: &Path) -> Result<(File, Metadata)> {
    open(path, false)
}

/// Opens the regular file that `path` leads to.
///
/// # Errors
///
/// The errors of [`read_regular`], except for the limit.
pub fn open_named(path: &Path) -> Result<(File, Metadata)> {
    open(path, true)
}

fn open(path: &Path, follow: bool) -> Result<(File, Metadata)> {
    let try_open = || -> std::result::Result<_, Cause> {
        point(Operation::Read)?;
        match system::open(path, follow) {
            Ok(file) => check_regular(file),
            Err(err) => {
                let found = if follow { path.metadata() } else { path.symlink_metadata() };
                Err(refused(err, found.ok().map(|it| Kind::of(it.file_type()))))
            }
        }
    };
    try_open().map_err(failed(Operation::Read, path))
}

/// Returns why a file of the kind `kind` could not be opened. A socket, for example, can never be
/// opened, but its error does not say so.
pub(super) fn refused(err: io::Error, kind: Option<Kind>) -> Cause {
    match kind {
        Some(kind) if kind != Kind::File => Cause::NotRegular { kind },
        _ => Cause::Io(err),
    }
}

/// Checks that an opened file is a regular file.
pub(super) fn check_regular(file: File) -> Result<(File, Metadata), Cause> {
    let metadata = file.metadata()?;
    match Kind::of(metadata.file_type()) {
        Kind::File => Ok((file, metadata)),
        kind => Err(Cause::NotRegular { kind }),
    }
}

/// Reads an opened file from its position to its end.
pub(super) fn read_opened(file: File, metadata: Metadata, limit: u64) -> Result<Contents, Cause> {
    let too_large = || Cause::TooLarge { limit };
    if metadata.len() > limit {
        return Err(too_large());
    }
    // The length may have changed, and is zero for the files of `/proc`.
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(metadata.len()).map_err(|_| too_large())?)
        .map_err(|err| io::Error::new(ErrorKind::OutOfMemory, err))?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(too_large()),
        false => Ok(Contents { bytes, metadata }),
    }
}
