//! Reads a plugin archive from memory: returns its content, or the reason for refusing it.
//!
//! Nothing is written, and nothing is skipped: if one entry does not belong in a plugin, the whole
//! archive is refused. Sizes in headers are not trusted: the limits apply to the actual output of
//! the decoders, while they produce it.

mod capped;
mod contents;
mod error;
mod paths;
mod tarball;
#[cfg(test)]
mod tests;
mod zipped;

pub use self::capped::Limits;
pub(crate) use self::capped::MAX_LEN;
use self::capped::{Budget, Capped};
use self::contents::Contents;
pub use self::contents::UnpackedFile;
use self::error::Fault;
pub use self::error::{ArchiveError, EntryKind, PathFault, Reason};
pub(crate) use self::paths::is_portable_path;
use std::cell::Cell;
use std::io::{self, Read};

/// The largest accepted dictionary of an xz block: that of `xz -9`.
const XZ_MEMORY_KIB: u32 = 65 * 1024;
/// The largest accepted window of a zstd frame, as a power of two: that of `zstd --ultra -22` and
/// `--long`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// An archive format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tar archive, compressed with gzip.
    TarGz,
    /// A tar archive, compressed with xz.
    TarXz,
    /// A tar archive, compressed with zstd.
    TarZst,
    /// A zip archive.
    Zip,
}

/// Returns the format of an archive, based on its first bytes.
///
/// `None` means that they are not an archive, for example a bare library.
pub fn kind(bytes: &[u8]) -> Option<Kind> {
    const MAGICS: [(&[u8], Kind); 5] = [
        (b"\x1f\x8b", Kind::TarGz),
        (b"\xfd7zXZ\0", Kind::TarXz),
        (b"\x28\xb5\x2f\xfd", Kind::TarZst),
        (b"PK\x03\x04", Kind::Zip),
        // A zip archive without entries.
        (b"PK\x05\x06", Kind::Zip),
    ];
    MAGICS.iter().find(|it| bytes.starts_with(it.0)).map(|it| it.1)
}

/// Returns the files of an archive, in its order. Errors refer to it as `name`.
///
/// Directories are not returned: those with files are visible in the files' paths.
///
/// # Errors
///
/// The archive has an unknown format, is damaged or truncated, exceeds a limit, or has an entry
/// that is not a regular file or a directory, or whose path is not valid on every system.
pub fn unpack(
    name: &str,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<UnpackedFile>, ArchiveError> {
    let mut contents = Contents::new(limits);
    match read(bytes, limits, &mut contents) {
        Ok(()) => Ok(contents.into_files()),
        Err(Fault { entry, reason }) => {
            Err(ArchiveError { archive: name.to_owned(), entry, reason })
        }
    }
}

/// Returns the files without their common top-level directory, if they have one.
pub fn without_top(mut files: Vec<UnpackedFile>) -> Vec<UnpackedFile> {
    let Some((top, _)) = files.first().and_then(|it| it.path.split_once('/')) else {
        return files;
    };
    let prefix = format!("{top}/");
    if files.iter().all(|it| it.path.starts_with(&prefix)) {
        files.iter_mut().for_each(|it| drop(it.path.drain(..prefix.len())));
    }
    files
}

fn read(bytes: &[u8], limits: &Limits, contents: &mut Contents) -> Result<(), Fault> {
    let budget = Budget::new(bytes.len(), limits);
    match kind(bytes).ok_or(Reason::UnknownKind)? {
        Kind::Zip => zipped::read(bytes, budget, contents),
        Kind::TarGz => read_tar(flate2::bufread::MultiGzDecoder::new(bytes), budget, contents),
        Kind::TarXz => {
            let decoder = lzma_rust2::XzReader::new_mem_limit(bytes, true, XZ_MEMORY_KIB);
            read_tar(decoder, budget, contents)
        }
        Kind::TarZst => read_tar(zstd_decoder(bytes).map_err(Reason::of)?, budget, contents),
    }
}

fn read_tar(decoder: impl Read, budget: Budget, contents: &mut Contents) -> Result<(), Fault> {
    let is_at_end = Cell::new(false);
    let stream = Capped::new(decoder, budget, &is_at_end);
    tarball::read(stream, contents)
}

fn zstd_decoder(bytes: &[u8]) -> io::Result<impl Read> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}
