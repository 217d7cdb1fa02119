//! The limit on open files, which a process with many plugins can reach.

use crate::catalog::library_file::LibraryError;
use crate::catalog::{FileError, Refusal};
use std::fs::File;
use std::io;

/// How many descriptors are kept free for the plugins' own use.
#[cfg(unix)]
const RESERVE: u64 = 32;

/// Raises the limit if few descriptors are left.
#[cfg(unix)]
pub(super) fn make_room(file: &File) {
    use std::os::fd::AsRawFd;
    // A new descriptor has the lowest free number, which shows how many are in use; the system is
    // not queried for each plugin.
    let number = u64::try_from(file.as_raw_fd()).unwrap_or_default();
    if number >= RESERVE && number + RESERVE >= limit() {
        raise();
    }
}

/// Raises the soft limit to the hard limit; returns whether this changed anything.
#[cfg(unix)]
pub(super) fn raise() -> bool {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok()
}

/// Returns how many files the process may have open.
#[cfg(unix)]
pub(super) fn limit() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Returns whether the process has no descriptor left.
pub(super) fn are_used_up(file: &File) -> bool {
    file.try_clone().is_err_and(|err| is_limit(&err))
}

/// Returns whether a file could not be opened because the process has no free descriptor.
pub(super) fn refused(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Library(LibraryError::File(FileError::Unreadable { source })) => is_limit(source),
        _ => false,
    }
}

#[cfg(unix)]
fn is_limit(err: &io::Error) -> bool {
    err.raw_os_error() == Some(libc::EMFILE)
}

// Windows has no such limit.
#[cfg(not(unix))]
pub(super) fn make_room(_: &File) {}

#[cfg(not(unix))]
pub(super) fn raise() -> bool {
    false
}

#[cfg(not(unix))]
pub(super) fn limit() -> u64 {
    u64::MAX
}

#[cfg(not(unix))]
fn is_limit(_: &io::Error) -> bool {
    false
}
