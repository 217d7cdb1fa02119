//! Prevents two hosts from working in one project.
//!
//! Invariant: a process that has the lock has it on the file with this name, so that the file, and
//! then the directories that were created for it, can be removed.

use super::error::{TransactionError, disk_error};
use super::journal::{LOCK, RUN, is_interrupted};
use super::recovery::{self, Recovery, interrupted};
use crate::path::HOST_FOLDER;
use pintle_host::fs::{self, Attempt, Cause, Dir, Kind, Operation, Unowned};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

/// How long a process waits for another. Scaffolding takes less than a second; a process that asks
/// its user something takes longer, and then the user should know.
const PATIENCE: Duration = Duration::from_secs(10);

/// The right to change a project. No other process has it at the same time.
///
/// It begins before a command reads what it is going to change, and ends after the last write. Its
/// owner finds a consistent project: an interrupted run was finished or undone first.
#[derive(Debug)]
pub struct Lock {
    disk: Dir,
    /// `None` only while the lock is dropped.
    file: Option<fs::Lock>,
    recovery: Recovery,
}

impl Lock {
    /// Takes the lock of the project in the directory `root`.
    ///
    /// If another process has it, `waiting` is called once with a text for the user, and this
    /// process waits for the lock for at most ten seconds.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Busy`] when the other process does not finish;
    /// [`TransactionError::Disk`] when the project cannot be written;
    /// [`TransactionError::Journal`] and [`TransactionError::Interrupted`] when an
    /// interrupted run cannot be repaired.
    pub fn acquire(root: &Path, waiting: &mut dyn FnMut(&str)) -> Result<Self, TransactionError> {
        Self::acquire_within(root, PATIENCE, waiting)
    }

    pub(super) fn acquire_within(
        root: &Path,
        patience: Duration,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Self, TransactionError> {
        let name = root.to_string_lossy();
        let disk = Dir::open(root).map_err(disk_error("lock", &name))?;
        let file = fs::Lock::wait(
            &root.join(LOCK),
            patience,
            &mut |holder| {
                waiting(&format!("waiting for {holder}, which is working in this project"))
            },
            || attempt(&disk),
        );
        let file = file.map_err(|err| match err.cause {
            Cause::Held(holder) => TransactionError::Busy {
                root: root.to_owned(),
                process: holder.process,
                lock: (!holder.is_certain).then_some(holder.path),
            },
            cause => disk_error("lock", &name)(cause),
        })?;
        let mut lock = Self { disk, file: Some(file), recovery: Recovery::Nothing };
        lock.recovery = recovery::repair(&lock.disk)?;
        Ok(lock)
    }

    /// Returns what happened to an interrupted run when the lock was taken.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    pub(super) fn disk(&self) -> &Dir {
        &self.disk
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.file = None;
        // Directories that are not empty stay, for example those of the next owner of the lock.
        let _ = self.disk.remove_dir(RUN);
        let _ = self.disk.remove_dir(HOST_FOLDER);
    }
}

fn attempt(disk: &Dir) -> fs::Result<Attempt> {
    for folder in [HOST_FOLDER, RUN] {
        match disk.find(folder)? {
            Some(it) if it.kind == Kind::Directory => continue,
            Some(_) => {
                let text = format!("`{folder}` is not a directory");
                let cause = io::Error::new(ErrorKind::NotADirectory, text).into();
                let path = disk.path().join(folder);
                return Err(fs::Error { operation: Operation::CreateDir, path, cause });
            }
            None => {}
        }
        match disk.create_dir(folder) {
            Err(err) if err.is_absent() => return Ok(Attempt::Vanished),
            res => res?,
        }
    }
    fs::Lock::attempt(disk, LOCK, Unowned::Stale)
}

/// Repairs the project in the directory `root` if a run was interrupted there.
///
/// Commands that only read call this first; those that write take the [`Lock`], which does the
/// same. If there is nothing to do, this takes one system call.
///
/// # Errors
///
/// [`TransactionError::Disk`] when it cannot be known whether there was such a run,
/// [`TransactionError::Journal`] when the journal of the run is damaged,
/// [`TransactionError::Interrupted`] when the disk or the user's changes are in the way.
pub fn recover(root: &Path) -> Result<Recovery, TransactionError> {
    match std::fs::symlink_metadata(root.join(RUN)) {
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Recovery::Nothing);
        }
        Err(err) => return Err(disk_error("find", RUN)(err)),
        Ok(_) => {}
    }
    match Lock::acquire_within(root, Duration::ZERO, &mut |_| {}) {
        Ok(lock) => Ok(lock.recovery().clone()),
        Err(TransactionError::Busy { process, .. }) => Ok(Recovery::Running { process }),
        // A user without write permission may still read, if there is nothing to repair.
        Err(err @ TransactionError::Disk { .. }) => {
            let disk = Dir::open(root).map_err(disk_error("open", &root.to_string_lossy()))?;
            match is_interrupted(&disk) {
                Ok(false) => Ok(Recovery::Nothing),
                _ => Err(interrupted(&disk, err)),
            }
        }
        Err(err) => Err(err),
    }
}
