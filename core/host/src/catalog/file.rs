//! A file on disk: its identity, how it is opened, and how it is read.
//!
//! Invariants: opening never blocks, whatever the path is; only regular files are opened. Files are
//! not mapped: reading a file that shrinks returns an error, but accessing its mapping would kill
//! the process.

use crate::fs::{self, Cause, Dir, Entry, Exposure};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
#[cfg(not(unix))]
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is a directory, a FIFO or the like.
    #[error("it is a {kind}, not a regular file")]
    NotRegular {
        /// The kind of the file, for example `directory`.
        kind: &'static str,
    },
    /// It cannot be opened or read.
    #[error("it cannot be read")]
    Unreadable {
        /// The error of the system.
        source: io::Error,
    },
}

impl From<io::Error> for FileError {
    fn from(source: io::Error) -> Self {
        Self::Unreadable { source }
    }
}

impl From<fs::Error> for FileError {
    fn from(err: fs::Error) -> Self {
        match err.cause {
            Cause::NotRegular { kind } => Self::NotRegular { kind: kind.name() },
            cause => Self::Unreadable { source: cause.into() },
        }
    }
}

/// What distinguishes one file from all others, under any path.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// What distinguishes one file from all others, under any path.
#[cfg(not(unix))]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    path: PathBuf,
}

/// What distinguishes a file from all others and from its earlier states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (u64, u64),
    /// Seconds and nanoseconds since 1970.
    changed: (u64, u64),
}

/// The minimum age of a change, so that the file system's clock can distinguish it from the next
/// change.
const MIN_AGE: Duration = Duration::from_secs(2);

impl Stamp {
    pub(super) const BYTES: usize = 7 * 8;

    /// Returns the stamp as bytes, which compare as the stamps do.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let Self { device, inode, size, modified, changed } = self;
        let numbers = [device, inode, size, modified.0, modified.1, changed.0, changed.1];
        let mut bytes = [0; Self::BYTES];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    /// Parses the result of [`to_bytes`](Self::to_bytes).
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = |it: &[u8]| Some(u64::from_be_bytes(it.try_into().ok()?));
        let mut numbers = bytes.chunks(8).map(number);
        let mut next = || numbers.next().flatten();
        Some(Self {
            device: next()?,
            inode: next()?,
            size: next()?,
            modified: (next()?, next()?),
            changed: (next()?, next()?),
        })
    }

    /// Creates the stamp from the metadata of the system. Values that do not fit, for example a
    /// time before 1970, result in a file that is never known.
    // The fields have other types on other systems, where this has not been tested yet.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn of(stat: &rustix::fs::Stat) -> Option<Self> {
        let number = |it: i64| u64::try_from(it).ok();
        Some(Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: number(stat.st_size)?,
            modified: (number(stat.st_mtime)?, stat.st_mtime_nsec),
            changed: (number(stat.st_ctime)?, stat.st_ctime_nsec),
        })
    }

    /// Does the same with the metadata of the standard library.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn of_metadata(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let number = |it: i64| u64::try_from(it).ok();
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (number(metadata.mtime())?, number(metadata.mtime_nsec())?),
            changed: (number(metadata.ctime())?, number(metadata.ctime_nsec())?),
        })
    }

    /// Returns nothing: this platform has no stamps.
    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    fn of_metadata(_: &Metadata) -> Option<Self> {
        None
    }

    /// Returns what distinguishes the file from other files.
    #[cfg(unix)]
    pub(super) fn file_id(&self) -> Option<FileId> {
        Some(FileId { device: self.device, inode: self.inode })
    }

    /// Returns nothing: other platforms have no stamps.
    #[cfg(not(unix))]
    pub(super) fn file_id(&self) -> Option<FileId> {
        None
    }

    /// Returns whether the next change of the file is certain to change the stamp.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.as_secs() > self.changed.0.max(self.modified.0) + MIN_AGE.as_secs()
    }
}

/// A regular file, open.
pub(super) struct RegularFile {
    pub(super) file: File,
    pub(super) len: u64,
    pub(super) id: FileId,
    /// Who else can change it, if that was requested.
    pub(super) exposure: Option<Exposure>,
}

/// Opens a regular file, without ever waiting for it.
pub(super) fn open(path: &Path) -> Result<RegularFile, FileError> {
    let (file, metadata) = fs::open_named(path)?;
    let (id, exposure) = (file_id(path, &metadata), Exposure::of(&metadata));
    Ok(RegularFile { file, len: metadata.len(), id, exposure })
}

/// Returns what distinguishes a file or a directory from all others and from its earlier states,
/// and who else can change it.
pub(super) fn look(path: &Path) -> io::Result<(Option<Stamp>, Option<Exposure>)> {
    let metadata = path.metadata()?;
    Ok((Stamp::of_metadata(&metadata), Exposure::of(&metadata)))
}

/// Returns what distinguishes an open file from all others and from its earlier states.
pub(super) fn stamp_of(file: &File) -> Option<Stamp> {
    Stamp::of_metadata(&file.metadata().ok()?)
}

/// Reads until `buffer` is full or the file ends, and returns how much was read. Where possible, no
/// cursor is moved.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> Result<usize, FileError> {
    let mut n_read = 0;
    while n_read < buffer.len() {
        match read_once(file, &mut buffer[n_read..], offset + n_read as u64) {
            Ok(0) => break,
            Ok(n) => n_read += n,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(FileError::Unreadable { source }),
        }
    }
    Ok(n_read)
}

/// Writes into a file, which grows if it must.
#[cfg(unix)]
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes nothing: only Unix has an index.
#[cfg(not(unix))]
pub(super) fn write_at(_: &File, _: &[u8], _: u64) -> io::Result<()> {
    Ok(())
}

/// Returns whether two sets of metadata of open files belong to the same file.
#[cfg(unix)]
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    file_id(Path::new(""), one) == file_id(Path::new(""), other)
}

/// Returns nothing certain: only Unix has an index.
#[cfg(not(unix))]
pub(super) fn is_same(_: &Metadata, _: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn read_once(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_once(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read(buffer)
}

#[cfg(unix)]
fn file_id(_: &Path, metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

#[cfg(not(unix))]
fn file_id(path: &Path, _: &Metadata) -> FileId {
    FileId { path: path.canonicalize().unwrap_or_else(|_| path.to_owned()) }
}

/// A directory whose files are opened and queried by name.
///
/// With a thousand plugins installed, each system call counts: only the length is queried of a file
/// that is regular according to the directory's listing.
pub(super) struct Directory {
    dir: Dir,
    #[cfg(unix)]
    device: u64,
    exposure: Option<Exposure>,
}

impl Directory {
    /// Opens a directory.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let dir = Dir::open(path)?;
        #[cfg(unix)]
        let (device, exposure) = dir.device()?;
        #[cfg(not(unix))]
        let exposure = None;
        Ok(Self {
            #[cfg(unix)]
            device,
            exposure,
            dir,
        })
    }

    /// Returns who else can change the contents of the directory.
    pub(super) fn exposure(&self) -> Option<Exposure> {
        self.exposure
    }

    /// Returns the directory's path.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the directory's entries, sorted by name.
    pub(super) fn entries(&self) -> io::Result<Vec<Entry>> {
        Ok(self.dir.list("")?)
    }

    /// Returns what distinguishes a file of the directory from all others and from its earlier
    /// states; `None` if it is not a regular file.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    pub(super) fn stamp(&self, name: &OsStr) -> Option<Stamp> {
        use rustix::fs::{AtFlags, FileType, statat};
        let stat = statat(&self.dir, name, AtFlags::empty()).ok()?;
        let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if is_regular { Stamp::of(&stat) } else { None }
    }

    /// Returns what distinguishes the directory from its earlier states.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    pub(super) fn own_stamp(&self) -> Option<Stamp> {
        Stamp::of(&rustix::fs::fstat(&self.dir).ok()?)
    }

    /// Returns nothing: this platform has no stamps.
    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    pub(super) fn own_stamp(&self) -> Option<Stamp> {
        None
    }

    /// Returns nothing: this platform has no stamps.
    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    pub(super) fn stamp(&self, _: &OsStr) -> Option<Stamp> {
        None
    }

    /// Opens a file of the directory without blocking. `inode` is the file's number if the
    /// directory's listing shows that it is regular; if it has become something else since then, it
    /// has no length.
    #[cfg(unix)]
    pub(super) fn open_file(
        &self,
        name: &OsStr,
        inode: Option<u64>,
    ) -> Result<RegularFile, FileError> {
        use std::io::{Seek, SeekFrom};
        let Some(inode) = inode else { return open(&self.path().join(name)) };
        let mut file = self.dir.open_listed(name)?;
        let len = file.seek(SeekFrom::End(0))?;
        let id = FileId { device: self.device, inode };
        Ok(RegularFile { file, len, id, exposure: None })
    }

    /// Opens a file of the directory, without ever waiting for it.
    #[cfg(not(unix))]
    pub(super) fn open_file(&self, name: &OsStr, _: Option<u64>) -> Result<RegularFile, FileError> {
        open(&self.path().join(name))
    }
}
