//! A lock that excludes other processes on every file system.
//!
//! A lock is a file. It gets its name in one step, with the record of its owner in it and with the
//! kernel's lock, which ends with the process however the process ends. On file systems without
//! locks, only the record counts: a lock whose owner is certain to be dead is stale. A process
//! removes a stale lock only while it holds another lock that is named after the stale one, so no
//! process removes the new lock of a process that was faster.
//!
//! Invariants: the owner of a lock has the file with its name open, and only the owner, or a
//! process that has proved the owner dead, removes the file; a process that cannot be excluded gets
//! an error, never a lock.

use super::dir::Dir;
use super::entry::Mode;
use super::error::{Cause, Error, Holder, Result, failed};
use super::fault::{Operation, point};
use super::owner::{Record, State};
use super::system;
use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// A record is far shorter.
const MAX_RECORD: u64 = 4096;
/// How often in a row a lock may change during an attempt; each time, another process had it.
const MAX_CHANGES: usize = 64;
/// How many processes in a row may die while they remove a stale lock.
const MAX_DEPTH: usize = 8;
const PAUSE: Duration = Duration::from_millis(20);
/// Other users may read who holds a lock.
const MODE: Mode = Mode::New(0o644);

/// A lock that this process holds until it is dropped.
#[derive(Debug)]
#[must_use = "the lock ends with this value"]
pub struct Lock {
    dir: Dir,
    name: OsString,
    file: File,
}

/// How an attempt to take a lock ended.
#[derive(Debug)]
pub enum Attempt {
    /// This process holds the lock.
    Taken(Lock),
    /// Another process holds it.
    Held(Holder),
    /// The directory of the lock does not exist, or the lock kept changing.
    Vanished,
}

/// How to treat a file with the name of a lock that has no record of an owner and no lock of the
/// kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unowned {
    /// It is left over: all programs with this lock also use the kernel's lock.
    Stale,
    /// It is the lock of a program that uses only the file.
    Held,
}

impl Lock {
    /// Attempts to take the lock that is the file at `path` in `dir`, without waiting.
    ///
    /// # Errors
    ///
    /// [`Cause::NoLocks`] if the file system has no means to exclude others; [`Cause::Io`] for all
    /// other errors of the system.
    pub fn attempt(dir: &Dir, path: impl AsRef<Path>, unowned: Unowned) -> Result<Attempt> {
        let path = path.as_ref();
        let Some(name) = path.file_name() else {
            return Err(dir.failed(Operation::Lock, path)(Cause::Outside));
        };
        match dir.open_dir(path.parent().unwrap_or(Path::new(""))) {
            Ok(folder) => Place { dir: &folder, name, unowned, depth: 0 }.attempt(),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(Attempt::Vanished),
            Err(err) => Err(err),
        }
    }

    /// Calls `attempt` until it takes the lock at `path`, for at most `patience`. The first time
    /// that another process holds it, `waiting` is called with that process.
    ///
    /// # Errors
    ///
    /// [`Cause::Held`] if the other process does not finish in time; the errors of `attempt`.
    pub fn wait<E: From<Error>>(
        path: &Path,
        patience: Duration,
        waiting: &mut dyn FnMut(&Holder),
        mut attempt: impl FnMut() -> Result<Attempt, E>,
    ) -> Result<Self, E> {
        let (start, mut told) = (Instant::now(), false);
        loop {
            let holder = match attempt()? {
                Attempt::Taken(lock) => return Ok(lock),
                Attempt::Held(holder) => Some(holder),
                Attempt::Vanished => None,
            };
            if start.elapsed() >= patience {
                let unknown = || Holder { process: None, path: path.to_owned(), is_certain: true };
                let cause = Cause::Held(holder.unwrap_or_else(unknown));
                return Err(failed(Operation::Lock, path)(cause).into());
            }
            if let Some(holder) = holder.filter(|_| !told) {
                told = true;
                waiting(&holder);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is held, no other process treats this file as the lock. If the user has
        // removed it, the file with its name belongs to another process.
        if matches!(self.dir.is_at(&self.file, &self.name), Ok(true)) {
            let _ = self.dir.unlink(&self.name);
        }
    }
}

/// Whether a process holds the kernel's lock on a file.
enum Kernel {
    Taken,
    Held,
    /// The file system has no locks.
    None(io::Error),
}

fn kernel_lock(file: &File) -> io::Result<Kernel> {
    let no_locks = |err: io::Error| match system::has_no_locks(&err) {
        true => Ok(Kernel::None(err)),
        false => Err(err),
    };
    if let Err(err) = point(Operation::Lock) {
        return no_locks(err);
    }
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Kernel::Taken),
            Err(TryLockError::WouldBlock) => return Ok(Kernel::Held),
            Err(TryLockError::Error(err)) if err.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(err)) => return no_locks(err),
        }
    }
}

/// The next step after a lock has been examined.
enum Step {
    Done(Attempt),
    /// Examine it again: it has changed.
    Again,
}

/// Whether the file of a lock got its name.
enum Placed {
    Done,
    /// By now, another process has the name.
    TooLate,
    /// The file system cannot do it without overwriting another one.
    Unsupported,
}

/// The path of a lock.
struct Place<'a> {
    dir: &'a Dir,
    name: &'a OsStr,
    unowned: Unowned,
    /// The number of nested stale locks that this one is about to remove.
    depth: usize,
}

impl Place<'_> {
    fn attempt(&self) -> Result<Attempt> {
        for _ in 0..MAX_CHANGES {
            let step = match self.dir.open_for_lock(Path::new(self.name)) {
                Ok(Some(file)) => self.examine(file)?,
                Ok(None) => self.create()?,
                // Programs with this lock may keep it unreadable for others.
                Err(err) if self.unowned == Unowned::Held && is_denied(&err) => {
                    self.held(None, false)
                }
                Err(err) => return Err(err),
            };
            if let Step::Done(attempt) = step {
                return Ok(attempt);
            }
        }
        Ok(Attempt::Vanished)
    }

    /// Determines whether the existing lock has an owner, and removes it if not.
    fn examine(&self, mut file: File) -> Result<Step> {
        let kernel = kernel_lock(&file).map_err(|err| self.failed(err))?;
        let record = match (&kernel, read_record(&mut file)) {
            // On some systems, a locked file cannot be read.
            (Kernel::Held, record) => return Ok(self.held(record.ok().flatten(), true)),
            (_, record) => record.map_err(|err| self.failed(err))?,
        };
        if !self.dir.is_at(&file, self.name)? {
            return Ok(Step::Again);
        }
        match (kernel, record) {
            // The kernel's lock ended with its owner.
            (Kernel::Taken, Some(record)) if record.kernel => self.remove(record),
            (_, Some(record)) => match record.state() {
                State::Dead => self.remove(record),
                State::Alive => Ok(self.held(Some(record), true)),
                State::Unknown => Ok(self.held(Some(record), false)),
            },
            (Kernel::Taken, None) if self.unowned == Unowned::Stale => {
                // Processes that do not see locks leave such a file alone, and the others wait.
                self.dir.unlink(self.name)?;
                Ok(Step::Again)
            }
            (_, None) => Ok(self.held(None, false)),
        }
    }

    /// Removes a stale lock, under a lock that is named after it: by then, the file with the name
    /// may be another one.
    fn remove(&self, stale: Record) -> Result<Step> {
        if self.depth == MAX_DEPTH {
            return Ok(self.held(Some(stale), false));
        }
        let mut name = self.name.to_owned();
        name.push(format!(".{:016x}", stale.nonce));
        let guard =
            Place { dir: self.dir, name: &name, unowned: Unowned::Held, depth: self.depth + 1 };
        let _guard = match guard.attempt()? {
            Attempt::Taken(guard) => guard,
            other => return Ok(Step::Done(other)),
        };
        if self.is_named(stale.nonce)? {
            self.dir.unlink(self.name)?;
        }
        Ok(Step::Again)
    }

    /// Creates the lock: it gets its name when it contains its record.
    fn create(&self) -> Result<Step> {
        // Everything that can fail comes first: once it has the name, the lock is held.
        let dir = self.dir.open_dir("")?;
        let create = |it: &Path| self.dir.create_new(it, MODE);
        let (temporary, mut file) = match self.dir.create_temporary(Path::new(self.name), create) {
            Err(err) if err.kind() == ErrorKind::NotFound => {
                return Ok(Step::Done(Attempt::Vanished));
            }
            res => res?,
        };
        let placed = self.place(&temporary, &mut file);
        if !matches!(placed, Ok(Placed::Done)) {
            let _ = self.dir.unlink(&temporary);
        }
        match placed? {
            Placed::Done => {
                Ok(Step::Done(Attempt::Taken(Lock { dir, name: self.name.to_owned(), file })))
            }
            Placed::TooLate => Ok(Step::Again),
            Placed::Unsupported => self.create_in_place(dir),
        }
    }

    /// Records the owner in a file of this process, and gives the file the name.
    fn place(&self, temporary: &Path, file: &mut File) -> Result<Placed> {
        let kernel = kernel_lock(file).map_err(|err| self.failed(err))?;
        let record = Record::of_this_process(matches!(kernel, Kernel::Taken));
        match self.record(&record, file) {
            // On a full disk, the kernel's lock must suffice, or nothing could be removed there.
            Err(err) if record.kernel && self.unowned == Unowned::Stale && is_full(&err) => {}
            res => res?,
        }
        let err = match self.dir.rename_exclusive(temporary, Path::new(self.name)) {
            Ok(()) => return Ok(Placed::Done),
            Err(err) => err,
        };
        // A server may have done it although its answer was lost.
        if self.is_named(record.nonce).unwrap_or(false) {
            return Ok(Placed::Done);
        }
        match kernel {
            _ if err.kind() == ErrorKind::AlreadyExists || err.is_absent() => Ok(Placed::TooLate),
            _ if err.operation != Operation::Link => Err(err),
            Kernel::None(source) => Err(self.failed(Cause::NoLocks { source })),
            Kernel::Taken | Kernel::Held => Ok(Placed::Unsupported),
        }
    }

    /// Creates the lock under its name, on file systems that cannot give a file a name exclusively
    /// but have kernel locks, such as FAT. It is the lock if it still has the name after it is
    /// locked.
    fn create_in_place(&self, dir: Dir) -> Result<Step> {
        let mut file = match self.dir.create_new(Path::new(self.name), MODE) {
            Err(err) if err.kind() == ErrorKind::AlreadyExists => return Ok(Step::Again),
            res => res?,
        };
        let kernel = kernel_lock(&file).map_err(|err| self.failed(err))?;
        if !matches!(kernel, Kernel::Taken) || !self.dir.is_at(&file, self.name)? {
            return Ok(Step::Again);
        }
        let written = self.record(&Record::of_this_process(true), &mut file);
        // Dropped, it is removed again.
        let lock = Lock { dir, name: self.name.to_owned(), file };
        written.map(|()| Step::Done(Attempt::Taken(lock)))
    }

    fn record(&self, record: &Record, file: &mut File) -> Result<()> {
        let text = record.to_text();
        point(Operation::Write)
            .and_then(|()| file.write_all(text.as_bytes()))
            // Without the kernel's lock, other processes have only the record.
            .and_then(|()| if record.kernel { Ok(()) } else { file.sync_all() })
            .map_err(|err| self.failed(err))
    }

    /// Whether the lock with the name is the one with this number.
    fn is_named(&self, nonce: u64) -> Result<bool> {
        let Some(mut file) = self.dir.open_for_lock(Path::new(self.name))? else {
            return Ok(false);
        };
        let record = read_record(&mut file).map_err(|err| self.failed(err))?;
        Ok(record.is_some_and(|it| it.nonce == nonce))
    }

    fn held(&self, record: Option<Record>, is_certain: bool) -> Step {
        let (process, path) = (record.map(|it| it.process), self.dir.path().join(self.name));
        Step::Done(Attempt::Held(Holder { process, path, is_certain }))
    }

    fn failed(&self, cause: impl Into<Cause>) -> Error {
        self.dir.failed(Operation::Lock, Path::new(self.name))(cause)
    }
}

fn is_full(err: &Error) -> bool {
    matches!(err.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn is_denied(err: &Error) -> bool {
    err.kind() == ErrorKind::PermissionDenied
}

/// Reads the record in a lock; `None` when there is none.
fn read_record(file: &mut File) -> io::Result<Option<Record>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(MAX_RECORD).read_to_end(&mut bytes)?;
    Ok(Record::parse(&bytes))
}
