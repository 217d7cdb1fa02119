//! An open directory, and all operations on the paths below it.
//!
//! Invariant: no operation leaves the directory. Paths are relative and without `..`, and no
//! directory on the way to a file is followed if it is a symbolic link.

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

/// A new file that may not survive a power failure yet.
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
    /// Opens the directory at `path`, which may be a symbolic link to a directory.
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

    /// Returns the metadata at `path`, without following a link; `None` if nothing exists there.
    ///
    /// # Errors
    ///
    /// [`Error`] if that cannot be determined.
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
    /// [`Error`] if that cannot be determined.
    pub fn exists(&self, path: impl AsRef<Path>) -> Result<bool> {
        Ok(self.find(path)?.is_some())
    }

    /// Whether two paths refer to the same file.
    ///
    /// # Errors
    ///
    /// [`Error`] if that cannot be determined.
    pub fn is_same(&self, left: impl AsRef<Path>, right: impl AsRef<Path>) -> Result<bool> {
        let ids = (self.find(left)?.and_then(|it| it.id), self.find(right)?.and_then(|it| it.id));
        Ok(matches!(ids, (Some(left), Some(right)) if left == right))
    }

    /// Whether `file` is the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error`] if that cannot be determined.
    pub fn is_at(&self, file: &File, path: impl AsRef<Path>) -> Result<bool> {
        let path = path.as_ref();
        let id = system::id(file).map_err(self.failed(Operation::Find, path))?;
        Ok(self.find(path)?.is_some_and(|it| it.id == id))
    }

    /// Returns the entries of a directory, sorted by name.
    ///
    /// # Errors
    ///
    /// [`Error`] if the directory does not exist or cannot be read completely.
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
    /// The errors of [`read_regular`](super::read_regular), except for the limit.
    pub fn open_regular(&self, path: impl AsRef<Path>) -> Result<(File, Metadata)> {
        let path = path.as_ref();
        self.try_open_regular(path).map_err(self.failed(Operation::Read, path))
    }

    /// Reads the regular file at `path`.
    ///
    /// # Errors
    ///
    /// The errors of [`read_regular`](super::read_regular).
    pub fn read_regular(&self, path: impl AsRef<Path>, limit: u64) -> Result<Contents> {
        let path = path.as_ref();
        self.try_open_regular(path)
            .and_then(|(file, metadata)| read::read_opened(file, metadata, limit))
            .map_err(self.failed(Operation::Read, path))
    }

    /// Opens a file that is a regular file according to a listing, in a single step.
    ///
    /// If it has become something else since then, that is opened, even through a link, but without
    /// blocking.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is none, or it cannot be opened.
    pub fn open_listed(&self, name: impl AsRef<Path>) -> Result<File> {
        let name = name.as_ref();
        self.run(Operation::Read, name, || self.root.open_listed(name))
    }

    /// Returns the number of the device with the directory, and who else can change its contents.
    ///
    /// # Errors
    ///
    /// [`Error`] if that cannot be determined.
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

    /// Writes a new file, so that its bytes survive a power failure once its directory is synced;
    /// returns its permission bits.
    ///
    /// # Errors
    ///
    /// [`Error`] if the name exists or the file cannot be written; then no file is left.
    pub fn create(&self, path: impl AsRef<Path>, bytes: &[u8], mode: Mode) -> Result<u32> {
        let path = path.as_ref();
        let file = self.create_new(path, mode)?;
        self.fill(&file, bytes, mode, true).map_err(|(operation, err)| {
            let _ = self.unlink(path);
            self.failed(operation, path)(err)
        })
    }

    /// Writes a new file, which survives a power failure once it is [synced](Self::sync_files).
    ///
    /// # Errors
    ///
    /// The errors of [`Dir::create`].
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

    /// Makes new files survive a power failure, many at the same time, because the system then
    /// needs few steps for all of them.
    ///
    /// # Errors
    ///
    /// The index of a file that cannot be synced, and its [`Error`].
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

    /// Writes a new file that need not survive a power failure.
    ///
    /// # Errors
    ///
    /// The errors of [`Dir::create`].
    pub fn create_scratch(&self, path: impl AsRef<Path>, bytes: &[u8], mode: Mode) -> Result<()> {
        let path = path.as_ref();
        let file = self.create_new(path, mode)?;
        let written = self.fill(&file, bytes, mode, false);
        written.map(drop).map_err(|(operation, err)| {
            let _ = self.unlink(path);
            self.failed(operation, path)(err)
        })
    }

    /// Creates an empty file for reading and writing, if the name does not exist.
    pub(super) fn create_new(&self, path: &Path, mode: Mode) -> Result<File> {
        self.run(Operation::Create, path, || self.root.create(path, mode))
    }

    /// Writes the complete contents of a new file; returns its permission bits.
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

    /// Gives a file another name that does not exist yet.
    ///
    /// On systems without such an operation, the file has both names for a moment; without hard
    /// links, a file that is created at the new name in that moment is lost.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyExists`] if the name exists.
    pub fn rename_new(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        match self.rename_exclusive(from, to) {
            Err(err) if err.operation != Operation::Link => Err(err),
            // A disk that fails or is full is not a reason to use the less safe operation.
            Err(err) if !lacks_links(&err) => Err(err),
            Err(_) if self.exists(to)? => {
                let taken = io::Error::from(ErrorKind::AlreadyExists);
                Err(self.failed(Operation::RenameNew, from)(taken))
            }
            // No hard links either, for example on FAT.
            Err(_) => self.rename(from, to),
            Ok(()) => Ok(()),
        }
    }

    /// Gives a file another name that does not exist, or returns that this is unsupported.
    pub(super) fn rename_exclusive(&self, from: &Path, to: &Path) -> Result<()> {
        let rename = || self.root.rename_new(from, to);
        match self.run_two(Operation::RenameNew, from, to, rename) {
            Err(err) if err.is_unsupported() => {}
            res => return res,
        }
        self.link(from, to)?;
        self.unlink(from)
    }

    /// Exchanges the names of two files in one step, or returns that this is unsupported.
    ///
    /// # Errors
    ///
    /// [`Error`], with the first path.
    pub fn exchange(&self, left: impl AsRef<Path>, right: impl AsRef<Path>) -> Result<()> {
        let (left, right) = (left.as_ref(), right.as_ref());
        self.run_two(Operation::Exchange, left, right, || self.root.exchange(left, right))
    }

    /// Gives a file a second name that does not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error`], with the first path.
    pub fn link(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        self.run_two(Operation::Link, from, to, || self.root.link(from, to))
    }

    /// Creates a symbolic link to `target`, which may not exist. A relative target is relative to
    /// the directory of the link.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`ErrorKind::AlreadyExists`] if the name exists.
    pub fn create_symlink(&self, target: &Path, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.run(Operation::Symlink, path, || self.root.symlink(target, path))
    }

    /// Returns the target of a symbolic link.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`ErrorKind::InvalidInput`] if the name is of another kind.
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

    /// Creates a directory; it may already exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotADirectory`] if the name is of another kind.
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

    /// Creates a directory and its parent directories.
    ///
    /// # Errors
    ///
    /// The errors of [`Dir::create_dir`].
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

    /// Makes changes to the names in a directory survive a power failure; an empty path is this
    /// directory. A directory that no longer exists needs no sync.
    ///
    /// # Errors
    ///
    /// [`Error`] if the system cannot guarantee it; on some file systems, it is never guaranteed,
    /// and this is not an error.
    pub fn sync(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        kept_names(self.run(Operation::Sync, path, || self.root.sync_dir(path)))
    }

    /// Syncs many directories, as [`sync`](Self::sync) does.
    ///
    /// # Errors
    ///
    /// The errors of [`sync`](Self::sync).
    pub fn sync_all<P: AsRef<Path> + Sync>(&self, paths: &[P]) -> Result<()> {
        for path in paths {
            point(Operation::Sync).map_err(self.failed(Operation::Sync, path.as_ref()))?;
        }
        at_once(paths, |it| {
            let path = it.as_ref();
            kept_names(self.root.sync_dir(path).map_err(self.failed(Operation::Sync, path)))
        })
    }

    /// Whether [`sync_file_system`](Self::sync_file_system) has an effect on this system.
    pub const SYNCS_FILE_SYSTEMS: bool = cfg!(target_os = "linux");

    /// Makes everything that was written to the directory's file system survive a power failure:
    /// one step for thousands of files, however long their names and directories are.
    ///
    /// # Errors
    ///
    /// [`Error`] if the system cannot guarantee it.
    pub fn sync_file_system(&self) -> Result<()> {
        self.run(Operation::Sync, Path::new(""), || self.root.sync_file_system())
    }

    /// Performs an operation on a path that does not leave the directory.
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

    /// Returns the error of an operation on `path` with a known cause.
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

/// Whether a second name failed because the file system does not support it; on FAT, the error is
/// that it is not permitted.
fn lacks_links(err: &Error) -> bool {
    err.is_unsupported() || err.kind() == ErrorKind::PermissionDenied
}

/// Checks that a path is relative and has no `..`.
fn check(path: &Path) -> std::result::Result<(), Cause> {
    let stays = |it| matches!(it, Component::Normal(_) | Component::CurDir);
    if path.components().all(stays) { Ok(()) } else { Err(Cause::Outside) }
}

/// Ignores the errors of a directory that does not exist, or of a system without this operation.
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
