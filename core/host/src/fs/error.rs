//! Errors of the disk.

use super::entry::Kind;
use super::fault::Operation;
use super::system;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The result of an operation on the disk.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed operation and its path.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} `{}`", path.display())]
pub struct Error {
    /// The operation.
    pub operation: Operation,
    /// The path of the operation.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub cause: Cause,
}

/// Why an operation failed, for callers that describe the operation and the path themselves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file with this name is not a regular one.
    #[error("it is a {kind}, not a regular file")]
    NotRegular {
        /// The kind of the file.
        kind: Kind,
    },
    /// The file is longer than its reader accepts.
    #[error("it is larger than {}", size(*limit))]
    TooLarge {
        /// The accepted number of bytes.
        limit: u64,
    },
    /// The path leads outside the directory, or is not relative.
    #[error("the path leads outside the directory")]
    Outside,
    /// Another process holds the lock.
    #[error("{0} holds the lock")]
    Held(Holder),
    /// The file system supports neither locks nor an operation that gives a file a name that does
    /// not exist.
    #[error("the file system supports neither locks nor exclusive renames")]
    NoLocks {
        /// Why the kernel has no lock.
        source: io::Error,
    },
}

/// The process that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The number of the process, if the lock contains it.
    pub process: Option<u32>,
    /// The file that is the lock.
    pub path: PathBuf,
    /// Whether the process is certain to run. If not, the lock may be left over from a process that
    /// is not visible here, and only the user can decide.
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

    /// Whether the name does not exist; a path below a file or a link does not exist either.
    pub fn is_absent(&self) -> bool {
        matches!(&self.cause, Cause::Io(err) if is_absent(err))
    }

    /// Whether the system or this file system does not support the operation.
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
    /// Returns the error of the system, or an error that contains the cause.
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

/// Whether the error means that the name does not exist; a path below a file or a link does not
/// exist either.
pub fn is_absent(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) || system::is_loop(err)
}

/// Whether the error means that the system or this file system does not support the operation.
pub fn is_unsupported(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

/// Returns the error of an operation on `path` with a known cause.
pub(super) fn failed<C: Into<Cause>>(operation: Operation, path: &Path) -> impl FnOnce(C) -> Error {
    move |cause| Error { operation, path: path.to_owned(), cause: cause.into() }
}

/// Formats a number of bytes, in the largest unit without a fraction.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}
