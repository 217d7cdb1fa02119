//! What can go wrong on the disk.

use super::entry::Kind;
use super::fault::Operation;
use super::system;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The result of an operation on the disk.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation that failed, and on which path.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} `{}`", path.display())]
pub struct Error {
    /// What was tried.
    pub operation: Operation,
    /// The path that it was tried on.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub cause: Cause,
}

/// Why an operation failed; for those who name operation and path in their own words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What has the name is not a regular file.
    #[error("it is a {kind}, not a regular file")]
    NotRegular {
        /// What it is.
        kind: Kind,
    },
    /// The file is longer than its reader accepts.
    #[error("it is larger than {}", size(*limit))]
    TooLarge {
        /// How many bytes would be accepted.
        limit: u64,
    },
    /// The path leads out of the directory, or is not a relative one.
    #[error("the path leads outside the directory")]
    Outside,
    /// Another process has the lock.
    #[error("{0} holds the lock")]
    Held(Holder),
    /// The file system has neither locks nor a way to give a file a name that is free.
    #[error("the file system supports neither locks nor exclusive renames")]
    NoLocks {
        /// Why there is no lock of the kernel.
        source: io::Error,
    },
}

/// Who has a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The number of the process, if the lock says it.
    pub process: Option<u32>,
    /// The file that is the lock.
    pub path: PathBuf,
    /// Whether the process certainly runs. If not, the lock may be left over from one that
    /// cannot be seen from here, and then only the user can tell.
    pub is_certain: bool,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            Some(process) => write!(f, "process {process}"),
            None => f.write_str("another process"),
        }
    }
}

impl Error {
    /// Returns the category of the cause.
    pub fn kind(&self) -> ErrorKind {
        self.cause.kind()
    }

    /// Whether nothing has the name; a file or a link has nothing in it.
    pub fn is_absent(&self) -> bool {
        matches!(&self.cause, Cause::Io(err) if is_absent(err))
    }

    /// Whether the system, or this file system, does not have the operation.
    pub fn is_unsupported(&self) -> bool {
        matches!(&self.cause, Cause::Io(err) if is_unsupported(err))
    }
}

impl Cause {
    /// Returns the category of the cause.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(err) => err.kind(),
            Self::NotRegular { kind: Kind::Directory } => ErrorKind::IsADirectory,
            Self::NotRegular { .. } | Self::Outside => ErrorKind::InvalidInput,
            Self::TooLarge { .. } => ErrorKind::FileTooLarge,
            Self::Held(_) => ErrorKind::WouldBlock,
            Self::NoLocks { .. } => ErrorKind::Unsupported,
        }
    }
}

impl From<Cause> for io::Error {
    /// Returns the error of the system, or one with the cause in it.
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Io(err) => err,
            cause => Self::new(cause.kind(), cause),
        }
    }
}

impl From<Error> for io::Error {
    /// Returns why the operation failed, without its name and path.
    fn from(err: Error) -> Self {
        err.cause.into()
    }
}

/// Whether the error says that nothing has the name; a file or a link has nothing in it.
pub fn is_absent(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) || system::is_loop(err)
}

/// Whether the error says that the system, or this file system, does not have the operation.
pub fn is_unsupported(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

/// Returns the error of an operation on `path`, once its cause is known.
pub(super) fn failed<C: Into<Cause>>(operation: Operation, path: &Path) -> impl FnOnce(C) -> Error {
    move |cause| Error { operation, path: path.to_owned(), cause: cause.into() }
}

/// Spells a number of bytes, in a unit that leaves it whole.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}
