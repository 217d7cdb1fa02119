//! Keeps two hosts out of one project.
//!
//! The lock is the kernel's, on a file, and ends with the process that holds it, however
//! that dies; the file means nothing by itself. Invariant: whoever holds the lock holds it
//! on the file that has the name, so that the file can be removed.

use super::disk::{Disk, Kind, is_absent};
use super::error::{TransactionError, disk_error, process_name};
use super::journal::{JOURNAL, RUN, UNDO};
use super::recovery::{self, Recovery};
use crate::path::HOST_FOLDER;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// The file that is locked; it says the number of the process.
pub(super) const LOCK: &str = ".pintle/run/lock";

/// How long a process waits for another. Scaffolding is done in less than a second; one
/// that asks its user something takes longer, and then it is better to know.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// The right to change a project. No other process has it at the same time.
///
/// It begins before a command reads what it is going to change, and ends behind the last
/// write. Whoever has it finds the project whole: what an interrupted run left behind was
/// finished or undone first.
#[derive(Debug)]
pub struct Lock {
    disk: Disk,
    file: File,
    recovery: Recovery,
}

impl Lock {
    /// Takes the lock of the project in the folder `root`.
    ///
    /// If another process has it, `waiting` is called once with a text for the user, and
    /// the lock is waited for, at most ten seconds.
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
        let fail = || disk_error("lock", &root.to_string_lossy());
        let disk = Disk::open(root).map_err(fail())?;
        let (start, mut told) = (Instant::now(), false);
        let file = loop {
            let process = match attempt(&disk).map_err(fail())? {
                Attempt::Locked(file) => break file,
                Attempt::Held(process) => process,
                Attempt::Vanished => None,
            };
            if start.elapsed() >= patience {
                return Err(TransactionError::Busy { root: root.to_owned(), process });
            }
            if process.is_some() && !told {
                told = true;
                waiting(&format!(
                    "waiting for {}, which works in this project",
                    process_name(process)
                ));
            }
            std::thread::sleep(PAUSE);
        };
        let mut lock = Self { disk, file, recovery: Recovery::Nothing };
        lock.tell();
        lock.recovery = recovery::repair(&lock.disk)?;
        Ok(lock)
    }

    /// Returns what was left of an interrupted run when the lock was taken.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Writes who has the lock; only for the eyes of others, so it may fail.
    fn tell(&mut self) {
        let text = format!("{}\n", std::process::id());
        let _ = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(text.as_bytes()));
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // As long as the lock is held nobody else takes this file for the lock; and
        // folders with something in them stay.
        let _ = self.disk.unlink(LOCK);
        let _ = self.disk.remove_folder(RUN);
        let _ = self.disk.remove_folder(HOST_FOLDER);
    }
}

/// How an attempt to take the lock ended.
enum Attempt {
    Locked(File),
    /// Another process has it, the one with this number if it is readable.
    Held(Option<u32>),
    /// Another process has just removed the file.
    Vanished,
}

fn attempt(disk: &Disk) -> io::Result<Attempt> {
    for folder in [HOST_FOLDER, RUN] {
        match disk.find(folder)? {
            Some(it) if it.kind == Kind::Folder => continue,
            Some(_) => {
                let text = format!("`{folder}` is no folder");
                return Err(io::Error::new(ErrorKind::NotADirectory, text));
            }
            None => {}
        }
        match disk.make_folder(folder) {
            Err(err) if is_absent(&err) => return Ok(Attempt::Vanished),
            res => res?,
        }
    }
    let mut file = match disk.open_lock(LOCK) {
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Attempt::Vanished),
        res => res?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Attempt::Held(read_process(&mut file))),
        // Some file systems have no locks. What a transaction replaces is compared with
        // what was read in any case.
        Err(TryLockError::Error(err)) if err.kind() == ErrorKind::Unsupported => {}
        Err(TryLockError::Error(err)) => return Err(err),
    }
    match disk.is_at(&file, LOCK)? {
        true => Ok(Attempt::Locked(file)),
        false => Ok(Attempt::Vanished),
    }
}

fn read_process(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Whether there is a journal in the folder of the run.
pub(super) fn is_interrupted(disk: &Disk) -> io::Result<bool> {
    Ok(disk.exists(JOURNAL)? || disk.exists(UNDO)?)
}
