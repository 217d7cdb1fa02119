//! Why a file cannot be read, or not be loaded, as a library.

use super::super::file::FileError;
use super::format::Format;

/// Why a file is not a library that this platform loads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The file itself cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It has no bytes.
    #[error("it is empty")]
    Empty,
    /// It is some other kind of file.
    #[error("it is not a library")]
    NotALibrary,
    /// Some part of it is invalid.
    #[error("it is damaged: {what}")]
    Damaged {
        /// What is invalid.
        what: String,
    },
    /// It is a library for another kind of operating system.
    #[error("it is a library in {found} format, but this platform loads {expected}")]
    WrongFormat {
        /// Its format.
        found: Format,
        /// The platform's format.
        expected: Format,
    },
    /// Its addresses have another size.
    #[error("it is a {found}-bit library, but this host is a {expected}-bit program")]
    WrongClass {
        /// Its size of an address.
        found: u8,
        /// The host's.
        expected: u8,
    },
    /// Its numbers are the other way round.
    #[error("it is a {found}-endian library, but this host is a {expected}-endian program")]
    WrongEndianness {
        /// Its byte order, for example `big`.
        found: &'static str,
        /// The host's.
        expected: &'static str,
    },
    /// It is built for another processor.
    #[error("it is a library for {found}, but this host runs on {expected}")]
    WrongMachine {
        /// Its architecture.
        found: String,
        /// The host's.
        expected: &'static str,
    },
    /// It is a program, an object file or a memory dump.
    #[error("it is {found}, not a shared library")]
    NotShared {
        /// The kind of the file, with its article.
        found: &'static str,
    },
    /// It has more of something than any plugin.
    #[error("it has {found} {what}, but the limit is {limit}")]
    TooMany {
        /// The items, in the plural.
        what: &'static str,
        /// How many it has, or begins to have.
        found: u64,
        /// How many it may have.
        limit: u64,
    },
    /// Its metadata is larger than that of any plugin.
    #[error("more than {limit} bytes of it would have to be read to identify it")]
    TooMuch {
        /// How many bytes are read.
        limit: u64,
    },
    /// Its end is missing.
    #[error("it is truncated: its content ends at byte {needed}, but the file ends at byte {len}")]
    Truncated {
        /// Where the file would have to end at least.
        needed: u64,
        /// The actual end of the file.
        len: u64,
    },
}

/// Checks that a library does not have more of something than any plugin does.
pub(super) fn check_number(
    what: &'static str,
    found: impl Into<u64>,
    limit: u64,
) -> Result<(), LibraryError> {
    let found = found.into();
    if found > limit { Err(LibraryError::TooMany { what, found, limit }) } else { Ok(()) }
}

/// Returns the error for a library with an invalid part.
pub(super) fn damaged(what: impl ToString) -> LibraryError {
    LibraryError::Damaged { what: what.to_string() }
}
