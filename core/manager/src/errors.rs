//! Converts errors to messages with an exit code and a hint.

use crate::index::IndexError;
use crate::lockfile::LockFileError;
use crate::origin::OriginError;
use crate::source::FetchError;
use crate::store::error::{StoreError, is_full};
use pintle_host::cli::{CliError, Exit};
use pintle_host::fs::{self, Cause};
use std::io::ErrorKind;
use std::path::Path;

/// Returns the error of a failed operation.
pub(crate) fn failed(text: impl Into<String>) -> CliError {
    CliError::new(Exit::Failed, text)
}

/// Returns the error of a refused plugin.
pub(crate) fn refused(text: impl Into<String>) -> CliError {
    CliError::new(Exit::Refused, text)
}

/// Returns the error of incorrect usage.
pub(crate) fn usage(text: impl Into<String>) -> CliError {
    CliError::new(Exit::Usage, text)
}

impl From<StoreError> for CliError {
    fn from(err: StoreError) -> Self {
        let hint = match &err {
            StoreError::Damaged { .. } => Some("remove the plugin and install it again".to_owned()),
            StoreError::Journal { path, .. } => {
                Some(format!("remove `{}`, and then run `plugin verify`", path.display()))
            }
            StoreError::Create { path, source } if is_denied(source.kind()) => {
                Some(format!("check that you have write permission for `{}`", path.display()))
            }
            StoreError::Disk(err) if is_denied(err.kind()) => {
                Some(format!("check that you have write permission for `{}`", err.path.display()))
            }
            StoreError::Create { source, .. } if is_full(source.kind()) => Some(FULL.to_owned()),
            StoreError::Disk(err) if is_full(err.kind()) => Some(FULL.to_owned()),
            StoreError::Disk(err) if may_not_link(err) => {
                Some("turn on the developer mode of Windows to allow symbolic links".to_owned())
            }
            StoreError::InUse { .. } => Some("remove the plugin instead".to_owned()),
            StoreError::Taken { path } => Some(format!("move `{}` away first", path.display())),
            StoreError::LinkTaken { other, .. } => Some(format!("remove `{other}` first")),
            _ => None,
        };
        Self::from_error(Exit::Failed, &err).hint_if_known(hint)
    }
}

/// Returns whether a Windows privilege is missing that only administrators and developers have.
fn may_not_link(err: &fs::Error) -> bool {
    const ERROR_PRIVILEGE_NOT_HELD: i32 = 1314;
    let code = match &err.cause {
        Cause::Io(err) => err.raw_os_error(),
        _ => None,
    };
    cfg!(windows) && code == Some(ERROR_PRIVILEGE_NOT_HELD)
}

/// What to do about a full disk.
const FULL: &str = "free disk space; `plugin remove` and `plugin prune` work on a full disk";

fn is_denied(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

impl From<OriginError> for CliError {
    fn from(err: OriginError) -> Self {
        let exit = if err.is_interrupted { Exit::Interrupted } else { Exit::Failed };
        Self::from_error(exit, &*err.source).hint_if_known(err.hint)
    }
}

impl From<IndexError> for CliError {
    fn from(err: IndexError) -> Self {
        let exit = match &err {
            IndexError::Place { .. } => Exit::Usage,
            IndexError::Fetch(FetchError::Interrupted { .. }) => Exit::Interrupted,
            IndexError::Invalid { .. }
            | IndexError::NoSignature { .. }
            | IndexError::Signature(_)
            | IndexError::Unbound { .. }
            | IndexError::Older { .. } => Exit::Refused,
            _ => Exit::Failed,
        };
        Self::from_error(exit, &err).hint_if_known(err.hint())
    }
}

/// Returns the error of a lock file that cannot be read.
pub(crate) fn unreadable_lock_file(
    path: &Path,
    err: &(dyn std::error::Error + 'static),
) -> CliError {
    usage(format!("failed to read lock file `{}`", path.display())).cause(err).hint(RESTORE)
}

/// What to do about a broken lock file.
const RESTORE: &str = "restore it from version control";

/// Returns the error of an invalid lock file.
pub(crate) fn lock_file(path: &Path, err: &LockFileError) -> CliError {
    let text = format!("invalid lock file `{}`", path.display());
    let hint = match err {
        LockFileError::Conflict { .. } => {
            "keep the lines of both sides, and remove the conflict markers"
        }
        LockFileError::Twice { .. } => {
            "keep one of its versions, and remove the lines of the other"
        }
        LockFileError::Format { .. } => "use the host that wrote it, or a newer one",
        _ => RESTORE,
    };
    usage(text).cause(err).hint(hint)
}
