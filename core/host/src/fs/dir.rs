//! A directory that is held open, and all operations on the paths below it.
//!
//! Invariant: no operation leaves the directory. Paths are relative and without `..`, and no
//! directory on the way to a file is followed when it is a symbolic link.

use super::entry::{Entry, Found, Kind, Mode};
use super::error::{Cause, Error, Result, failed};
#[cfg(unix)]
use super::exposure::Exposure;
use super::fault::{Operation, point};
use super::read::{self, Contents};
use super::system;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};

/// How many files are synced at the same time.
const N_SYNCING: usize = 32;

/// A file that was just written, and may not survive a power cut yet.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    file: File,
    mode: u32,
}

impl NewFile {
    /// Returns the permission bits.
    pub fn mode(&self) -> u32 {
        self.mode
    }
}

/// A directory that is held open.
#[derive(Debug)]
pub struct Dir {
    path: PathBuf,
    root: system::Root,
}

impl Dir {
    /// Opens the directory at `path`, which may be a symbolic link to one.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is none, or it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || {
            point(Operation::OpenDir)?;
            system::Root::open(path)
        };
        let root = open().map_err(failed(Operation::OpenDir, path))?;
        Ok(Self { path: path.to_owned(), root })
    }

    /// Opens a directory below this one.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is none, or it cannot be opened.
    pub fn open_dir(&self, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let root = self.run(Operation::OpenDir, path, || self.root.open_dir(path))?;
        Ok(Self { path: self.path.join(path), root })
    }

    /// Returns the path that the directory was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is at `path`, without following a link; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// [`Error`] when that cannot be known.
    pub fn find(&self, path: impl AsRef<Path>) -> Result<Option<Found>> {
        let path = path.as_ref();
        match self.run(Operation::Find, path, || self.root.metadata(path)) {
            Ok(found) => Ok(Some(found)),
            Err(err) if err.is_absent() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Whether there is anything at `path`.
    ///
    /// # Errors
    ///
    /// [`Error`] when that cannot be known.
    pub fn exists(&self, path: impl AsRef<Path>) -> Result<bool> {
        Ok(self.find(path)?.is_some())
    }

    /// Whether two paths are names of one file.
    ///
    /// # Errors
    ///
    /// [`Error`] when that cannot be known.
    pub fn is_same(&self, left: impl AsRef<Path>, right: impl AsRef<Path>) -> Result<bool> {
        let ids = (self.find(left)?.and_then(|it| it.id), self.find(right)?.and_then(|it| it.id));
        Ok(matches!(ids, (Some(left), Some(right)) if left == right))
    }

    /// Whether `file` is the one at `path`.
    ///
    /// # Errors
    ///
    /// [`Error`] when that cannot be known.
    pub fn is_at(&self, file: &File, path: impl AsRef<Path>) -> Result<bool> {
        let path = path.as_ref();
        let id = system::id(file).map_err(self.failed(Operation::Find, path))?;
        Ok(self.find(path)?.is_some_and(|it| it.id == id))
    }

    /// Returns what is in a directory, sorted by name.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is no such directory, or it cannot be read to its end.
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<Entry>> {
        let path = path.as_ref();
        let mut entries = self.run(Operation::List, path, || self.root.list(path))?;
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Opens the regular file at `path`.
    ///
    /// # Errors
    ///
    /// Those of [`read_regular`](super::read_regular), the limit excepted.
    pub fn open_regular(&self, path: impl AsRef<Path>) -> Result<(File, Metadata)> {
        let path = path.as_ref();
        self.try_open_regular(path).map_err(self.failed(Operation::Read, path))
    }

    /// Reads the regular file at `path`.
    ///
    /// # Errors
    ///
    /// Those of [`read_regular`](super::read_regular).
    pub fn read_regular(&self, path: impl AsRef<Path>, limit: u64) -> Result<Contents> {
        let path = path.as_ref();
        self.try_open_regular(path)
            .and_then(|(file, metadata)| read::read_opened(file, metadata, limit))
            .map_err(self.failed(Operation::Read, path))
    }

    /// Opens a file that a listing knows to be a regular one, in a single step.
    ///
    /// Should it have become something else since, that is what is opened, also through a
    /// link, yet without waiting for it.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is none, or it cannot be opened.
    pub fn open_listed(&self, name: impl AsRef<Path>) -> Result<File> {
        let name = name.as_ref();
        self.run(Operation::Read, name, || self.root.open_listed(name))
    }

    /// Returns the number of the device that the directory is on, and who else may change what is
    /// in it.
    ///
    /// # Errors
    ///
    /// [`Error`] when that cannot be known.
    #[cfg(unix)]
    pub fn device(&self) -> Result<(u64, Option<Exposure>)> {
        self.run(Operation::Find, Path::new(""), || self.root.device())
    }

    fn try_open_regular(&self, path: &Path) -> std::result::Result<(File, Metadata), Cause> {
        check(path)?;
        point(Operation::Read)?;
        match self.root.open_file(path) {
            Ok(file) => read::check_regular(file),
            Err(err) => {
                Err(read::refused(err, self.root.metadata(path).ok().map(|found| found.kind)))
            }
        }
    }

    /// Writes a new file, so that its bytes survive a power cut once its directory is
    /// synced; returns its permission bits.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is something of the name, or it cannot be written; then no file
    /// is left.
    pub fn create(&self, path: impl AsRef<Path>, bytes: &[u8], mode: Mode) -> Result<u32> {
        let path = path.as_ref();
        let file = self.create_new(path, mode)?;
        self.fill(&file, bytes, mode, true).map_err(|(operation, err)| {
            let _ = self.unlink(path);
            self.failed(operation, path)(err)
        })
    }

    /// Writes a new file, which survives a power cut once it is [synced](Self::sync_files).
    ///
    /// # Errors
    ///
    /// Those of [`Dir::create`].
    pub fn create_unsynced(
        &self,
        path: impl AsRef<Path>,
        bytes: &[u8],
        mode: Mode,
    ) -> Result<NewFile> {
        let path = path.as_ref();
        let file = self.create_new(path, mode)?;
        match self.fill(&file, bytes, mode, false) {
            Ok(mode) => Ok(NewFile { path: path.to_owned(), file, mode }),
            Err((operation, err)) => {
                let _ = self.unlink(path);
                Err(self.failed(operation, path)(err))
            }
        }
    }

    /// Makes new files survive a power cut, many at the same time: the system then needs few
    /// steps for all of them.
    ///
    /// # Errors
    ///
    /// The place of a file that cannot be synced, and its [`Error`].
    pub fn sync_files(&self, files: &[NewFile]) -> std::result::Result<(), (usize, Error)> {
        let files: Vec<_> = files.iter().enumerate().collect();
        let fail = |(idx, file): &(usize, &NewFile), err: io::Error| {
            (*idx, self.failed(Operation::Sync, &file.path)(err))
        };
        for it in &files {
            point(Operation::Sync).map_err(|err| fail(it, err))?;
        }
        at_once(&files, |it| it.1.file.sync_all().map_err(|err| fail(it, err)))
    }

    /// Writes a new file that need not survive a power cut.
    ///
    /// # Errors
    ///
    /// Those of [`Dir::create`].
    pub fn create_scratch(&self, path: impl AsRef<Path>, bytes: &[u8], mode: Mode) -> Result<()> {
        let path = path.as_ref();
        let file = self.create_new(path, mode)?;
        let written = self.fill(&file, bytes, mode, false);
        written.map(drop).map_err(|(operation, err)| {
            let _ = self.unlink(path);
            self.failed(operation, path)(err)
        })
    }

    /// Creates an empty file for reading and writing, where nothing has the name.
    pub(super) fn create_new(&self, path: &Path, mode: Mode) -> Result<File> {
        self.run(Operation::Create, path, || self.root.create(path, mode))
    }

    /// Writes all of a file that was just created; returns its permission bits.
    fn fill(
        &self,
        mut file: &File,
        bytes: &[u8],
        mode: Mode,
        durable: bool,
    ) -> Result<u32, (Operation, io::Error)> {
        let step = |operation, run: &mut dyn FnMut() -> io::Result<()>| {
            point(operation).and_then(|()| run()).map_err(|err| (operation, err))
        };
        step(Operation::Write, &mut || file.write_all(bytes))?;
        if let Mode::Exact(mode) = mode {
            step(Operation::SetMode, &mut || system::set_mode(file, mode))?;
        }
        let metadata = file.metadata().map_err(|err| (Operation::Find, err))?;
        if durable {
            step(Operation::Sync, &mut || file.sync_all())?;
        }
        Ok(system::mode(&metadata))
    }

    /// Opens the regular file at `path` for reading and writing; `None` if there is none.
    pub(super) fn open_for_lock(&self, path: &Path) -> Result<Option<File>> {
        let open = || -> std::result::Result<_, Cause> {
            check(path)?;
            match self.root.open_for_lock(path) {
                Ok(file) => read::check_regular(file).map(|(file, _)| Some(file)),
                Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
                Err(err) => {
                    Err(read::refused(err, self.root.metadata(path).ok().map(|it| it.kind)))
                }
            }
        };
        open().map_err(self.failed(Operation::Lock, path))
    }

    /// Gives a file another name; a file of that name is lost.
    ///
    /// # Errors
    ///
    /// [`Error`], with the old path.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        self.run_two(Operation::Rename, from, to, || self.root.rename(from, to))
    }

    /// Gives a file another name that nothing has.
    ///
    /// Where the system has no such operation, the file has both names for a moment; and
    /// where it has no hard links either, a file that appears just now is lost.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyExists`] when something has the name.
    pub fn rename_new(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        match self.rename_exclusive(from, to) {
            Err(err) if err.operation != Operation::Link => Err(err),
            // A disk that fails or is full is no reason to take the way that is less safe.
            Err(err) if !lacks_links(&err) => Err(err),
            Err(_) if self.exists(to)? => {
                let taken = io::Error::from(ErrorKind::AlreadyExists);
                Err(self.failed(Operation::RenameNew, from)(taken))
            }
            // No hard links either, as on FAT.
            Err(_) => self.rename(from, to),
            Ok(()) => Ok(()),
        }
    }

    /// Gives a file another name that nothing has, or is unsupported.
    pub(super) fn rename_exclusive(&self, from: &Path, to: &Path) -> Result<()> {
        let rename = || self.root.rename_new(from, to);
        match self.run_two(Operation::RenameNew, from, to, rename) {
            Err(err) if err.is_unsupported() => {}
            res => return res,
        }
        self.link(from, to)?;
        self.unlink(from)
    }

    /// Exchanges the names of two files in one step, or is unsupported.
    ///
    /// # Errors
    ///
    /// [`Error`], with the first path.
    pub fn exchange(&self, left: impl AsRef<Path>, right: impl AsRef<Path>) -> Result<()> {
        let (left, right) = (left.as_ref(), right.as_ref());
        self.run_two(Operation::Exchange, left, right, || self.root.exchange(left, right))
    }

    /// Gives a file a second name that nothing has.
    ///
    /// # Errors
    ///
    /// [`Error`], with the first path.
    pub fn link(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        self.run_two(Operation::Link, from, to, || self.root.link(from, to))
    }

    /// Creates a symbolic link that leads to `target`, which need not exist. A relative target is
    /// found from the directory of the link.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`ErrorKind::AlreadyExists`] when the name is taken.
    pub fn create_symlink(&self, target: &Path, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.run(Operation::Symlink, path, || self.root.symlink(target, path))
    }

    /// Returns what a symbolic link leads to.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`ErrorKind::InvalidInput`] when something else has the name.
    pub fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let path = path.as_ref();
        self.run(Operation::Find, path, || self.root.read_link(path))
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is none, or it cannot be removed.
    pub fn unlink(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.run(Operation::Unlink, path, || self.root.unlink(path))
    }

    /// Creates a directory; one that is there already is fine.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotADirectory`] when something else has the name.
    pub fn create_dir(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match self.run(Operation::CreateDir, path, || self.root.create_dir(path)) {
            Err(err) if err.kind() == ErrorKind::AlreadyExists => match self.find(path)? {
                Some(it) if it.kind == Kind::Directory => Ok(()),
                _ => Err(self.failed(Operation::CreateDir, path)(io::Error::from(
                    ErrorKind::NotADirectory,
                ))),
            },
            res => res,
        }
    }

    /// Creates a directory, and those on the way to it.
    ///
    /// # Errors
    ///
    /// Those of [`Dir::create_dir`].
    pub fn create_dirs(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match self.create_dir(path) {
            Err(err) if err.kind() == ErrorKind::NotFound => {}
            res => return res,
        }
        if let Some(parent) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
            self.create_dirs(parent)?;
        }
        self.create_dir(path)
    }

    /// Sets the permission bits of a directory.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is none, or they cannot be set.
    pub fn set_dir_mode(&self, path: impl AsRef<Path>, mode: u32) -> Result<()> {
        let path = path.as_ref();
        self.run(Operation::SetMode, path, || self.root.set_dir_mode(path, mode))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is none, or it is not empty.
    pub fn remove_dir(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.run(Operation::RemoveDir, path, || self.root.remove_dir(path))
    }

    /// Makes what happened to the names in a directory survive a power cut; an empty path is
    /// this directory. One that does not exist any more has nothing to keep.
    ///
    /// # Errors
    ///
    /// [`Error`] when the system cannot promise it, except that some file systems never do.
    pub fn sync(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        kept_names(self.run(Operation::Sync, path, || self.root.sync_dir(path)))
    }

    /// Syncs many directories, as [`sync`](Self::sync) does.
    ///
    /// # Errors
    ///
    /// Those of [`sync`](Self::sync).
    pub fn sync_all<P: AsRef<Path> + Sync>(&self, paths: &[P]) -> Result<()> {
        for path in paths {
            point(Operation::Sync).map_err(self.failed(Operation::Sync, path.as_ref()))?;
        }
        at_once(paths, |it| {
            let path = it.as_ref();
            kept_names(self.root.sync_dir(path).map_err(self.failed(Operation::Sync, path)))
        })
    }

    /// Whether [`sync_file_system`](Self::sync_file_system) does anything here.
    pub const SYNCS_FILE_SYSTEMS: bool = cfg!(target_os = "linux");

    /// Makes all that was written to the directory's file system survive a power cut: one step
    /// for thousands of files, however long their names and directories are.
    ///
    /// # Errors
    ///
    /// [`Error`] when the system cannot promise it.
    pub fn sync_file_system(&self) -> Result<()> {
        self.run(Operation::Sync, Path::new(""), || self.root.sync_file_system())
    }

    /// Runs an operation on a path that does not leave the directory.
    fn run<T>(
        &self,
        operation: Operation,
        path: &Path,
        run: impl FnOnce() -> io::Result<T>,
    ) -> Result<T> {
        self.run_two(operation, path, path, run)
    }

    fn run_two<T>(
        &self,
        operation: Operation,
        path: &Path,
        other: &Path,
        run: impl FnOnce() -> io::Result<T>,
    ) -> Result<T> {
        check(path).and_then(|()| check(other)).map_err(self.failed(operation, path))?;
        point(operation).and_then(|()| run()).map_err(self.failed(operation, path))
    }

    /// Returns the error of an operation on `path`, once its cause is known.
    pub(super) fn failed<C: Into<Cause>>(
        &self,
        operation: Operation,
        path: &Path,
    ) -> impl FnOnce(C) -> Error {
        move |cause| Error { operation, path: self.path.join(path), cause: cause.into() }
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Dir {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// Whether a second name failed as the file system has none; FAT calls that not permitted.
fn lacks_links(err: &Error) -> bool {
    err.is_unsupported() || err.kind() == ErrorKind::PermissionDenied
}

/// Checks that a path is relative and has no `..`.
fn check(path: &Path) -> std::result::Result<(), Cause> {
    let stays = |it| matches!(it, Component::Normal(_) | Component::CurDir);
    if path.components().all(stays) { Ok(()) } else { Err(Cause::Outside) }
}

/// Drops the errors of a directory that has no names to keep, or of a system that never does.
fn kept_names(synced: Result<()>) -> Result<()> {
    match synced {
        Err(err) if err.is_absent() || err.is_unsupported() => Ok(()),
        res => res,
    }
}

/// Does the work for all items, many at the same time.
fn at_once<T: Sync, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> std::result::Result<(), E> + Sync,
) -> std::result::Result<(), E> {
    let share = |items: &[T]| items.iter().try_for_each(&work);
    let mut shares = items.chunks(items.len().div_ceil(N_SYNCING).max(1));
    // This thread has a share, too.
    let Some(own) = shares.next() else { return Ok(()) };
    std::thread::scope(|scope| {
        let threads: Vec<_> = shares
            .map(|items| {
                let thread = std::thread::Builder::new().spawn_scoped(scope, move || share(items));
                thread.map_err(|_| items)
            })
            .collect();
        let own = share(own);
        let others = threads.into_iter().map(|it| match it {
            Ok(thread) => thread.join().expect("syncing does not panic"),
            // The system has no more threads.
            Err(items) => share(items),
        });
        others.fold(own, std::result::Result::and)
    })
}
