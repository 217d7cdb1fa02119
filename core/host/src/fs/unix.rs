//! The disk of systems with directory descriptors: a path is walked from the descriptor, so no link
//! on the way is followed.

use super::entry::{Entry, FileId, Found, Kind, Mode};
use super::exposure::Exposure;
#[cfg(target_os = "linux")]
use rustix::fs::ResolveFlags;
use rustix::fs::{AtFlags, CWD, FileType, OFlags, RawMode, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

/// The permission bits of a mode, including set-user-ID and similar bits.
const BITS: u32 = 0o7777;
const DIR: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Opening a FIFO without a writer would block, and a terminal could become the controlling
/// terminal.
const FILE: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A directory, open.
#[derive(Debug)]
pub(super) struct Root(OwnedFd);

/// The directory of a path, and the last part of the path.
struct Place<'a> {
    /// `None` if it is the root itself.
    dir: Option<OwnedFd>,
    root: BorrowedFd<'a>,
    name: &'a OsStr,
}

impl AsFd for Place<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_ref().map_or(self.root, OwnedFd::as_fd)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, mode_bits(0))?))
    }

    pub(super) fn open_dir(&self, path: &Path) -> io::Result<Self> {
        self.dir(path).map(Self)
    }

    fn dir(&self, path: &Path) -> io::Result<OwnedFd> {
        self.open_beneath(path, DIR, 0)
    }

    /// Opens `path`, in one step if the system can resolve a path safely.
    fn open_beneath(&self, path: &Path, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        #[cfg(target_os = "linux")]
        if let Some(res) = resolve(&self.0, path, flags, mode) {
            return res;
        }
        self.walk(path, flags, mode)
    }

    pub(super) fn walk(&self, path: &Path, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW;
        let mut parts = path.components().filter(|it| *it != Component::CurDir).peekable();
        let mut dir = None::<OwnedFd>;
        while let Some(part) = parts.next() {
            let at = dir.as_ref().map_or(self.0.as_fd(), OwnedFd::as_fd);
            let flags = if parts.peek().is_some() { DIR } else { flags };
            dir = Some(rustix::fs::openat(at, part.as_os_str(), flags, mode_bits(mode))?);
        }
        match dir {
            Some(opened) => Ok(opened),
            None => Ok(rustix::fs::openat(&self.0, ".", flags, mode_bits(mode))?),
        }
    }

    fn place<'a>(&'a self, path: &'a Path) -> io::Result<Place<'a>> {
        let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
        let dir = parent.map(|it| self.dir(it)).transpose()?;
        let name = path.file_name().unwrap_or(OsStr::new("."));
        Ok(Place { dir, root: self.0.as_fd(), name })
    }

    pub(super) fn open_file(&self, path: &Path) -> io::Result<File> {
        Ok(self.open_beneath(path, FILE | OFlags::RDONLY | OFlags::NOFOLLOW, 0)?.into())
    }

    pub(super) fn open_listed(&self, name: &Path) -> io::Result<File> {
        let flags = FILE | OFlags::RDONLY;
        Ok(rustix::fs::openat(&self.0, name, flags, mode_bits(0))?.into())
    }

    pub(super) fn device(&self) -> io::Result<(u64, Option<Exposure>)> {
        let stat = rustix::fs::fstat(&self.0)?;
        let exposure = Exposure::of_owner(stat.st_uid, stat.st_gid, stat_mode(&stat));
        Ok((stat_id(&stat).device, exposure))
    }

    pub(super) fn open_for_lock(&self, path: &Path) -> io::Result<File> {
        let open = |access| self.open_beneath(path, FILE | access | OFlags::NOFOLLOW, 0);
        match open(OFlags::RDWR) {
            // The lock of another user; most file systems also grant locks to readers.
            Err(err) if err.kind() == io::ErrorKind::PermissionDenied => {
                Ok(open(OFlags::RDONLY)?.into())
            }
            res => Ok(res?.into()),
        }
    }

    pub(super) fn metadata(&self, path: &Path) -> io::Result<Found> {
        let place = self.place(path)?;
        let stat = rustix::fs::statat(&place, place.name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = kind(FileType::from_raw_mode(stat.st_mode));
        Ok(Found { kind, mode: stat_mode(&stat), id: Some(stat_id(&stat)) })
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::new(self.dir(path)?)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let name = OsString::from_vec(name.to_bytes().to_vec());
            let kind = match entry.file_type() {
                // Some file systems report it only when the file itself is queried.
                FileType::Unknown => match self.metadata(&path.join(&name)) {
                    Ok(found) => found.kind,
                    Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
                    Err(err) => return Err(err),
                },
                known => kind(known),
            };
            entries.push(Entry { name, kind, inode: Some(entry.ino()) });
        }
        Ok(entries)
    }

    pub(super) fn create(&self, path: &Path, mode: Mode) -> io::Result<File> {
        let mode = match mode {
            Mode::New(mode) | Mode::Keep(mode) => mode & 0o777,
            // Unreadable for others until it has its final bits.
            Mode::Exact(_) => 0o600,
        };
        let flags = FILE | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        Ok(self.open_beneath(path, flags, mode)?.into())
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        Ok(rustix::fs::renameat(&from, from.name, &to, to.name)?)
    }

    pub(super) fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename_with(from, to, Flags::NOREPLACE)
    }

    pub(super) fn exchange(&self, left: &Path, right: &Path) -> io::Result<()> {
        self.rename_with(left, right, Flags::EXCHANGE)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_with(&self, from: &Path, to: &Path, flags: Flags) -> io::Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        Ok(rustix::fs::renameat_with(&from, from.name, &to, to.name, flags)?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_with(&self, _: &Path, _: &Path, _: Flags) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        Ok(rustix::fs::linkat(&from, from.name, &to, to.name, AtFlags::empty())?)
    }

    pub(super) fn symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::symlinkat(target, &place, place.name)?)
    }

    pub(super) fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let place = self.place(path)?;
        let target = rustix::fs::readlinkat(&place, place.name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    pub(super) fn unlink(&self, path: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::unlinkat(&place, place.name, AtFlags::empty())?)
    }

    pub(super) fn create_dir(&self, path: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::mkdirat(&place, place.name, mode_bits(0o777))?)
    }

    pub(super) fn set_dir_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(self.dir(path)?, mode_bits(mode))?)
    }

    pub(super) fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::unlinkat(&place, place.name, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.dir(path)?)?)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn sync_file_system(&self) -> io::Result<()> {
        // Since Linux 5.8, it reports what could not be written since the directory was opened.
        Ok(rustix::fs::syncfs(&self.0)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn sync_file_system(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Lets the kernel resolve a path; `None` if it cannot, or only temporarily cannot.
#[cfg(target_os = "linux")]
fn resolve(dir: &OwnedFd, path: &Path, flags: OFlags, mode: u32) -> Option<io::Result<OwnedFd>> {
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    if IS_MISSING.load(Ordering::Relaxed) {
        return None;
    }
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // The kernel refuses a mode where nothing is created.
    let mode = if flags.contains(OFlags::CREATE) { mode_bits(mode) } else { mode_bits(0) };
    match rustix::fs::openat2(dir, path, flags, mode, how) {
        Err(Errno::NOSYS) => {
            IS_MISSING.store(true, Ordering::Relaxed);
            None
        }
        // A sandbox may forbid the call, and a concurrent rename may interfere.
        Err(Errno::PERM | Errno::AGAIN) => None,
        res => Some(res.map_err(io::Error::from)),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use rustix::fs::RenameFlags as Flags;

/// The renames that this system does not have.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
struct Flags;

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
impl Flags {
    const NOREPLACE: Self = Self;
    const EXCHANGE: Self = Self;
}

/// Opens a file by its path, without waiting for it.
pub(super) fn open(path: &Path, follow: bool) -> io::Result<File> {
    let links = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    let flags = FILE | OFlags::RDONLY | links;
    Ok(rustix::fs::openat(CWD, path, flags, mode_bits(0))?.into())
}

pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(mode & BITS))
}

pub(super) fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & BITS
}

pub(super) fn id(file: &File) -> io::Result<Option<FileId>> {
    Ok(Some(stat_id(&rustix::fs::fstat(file)?)))
}

/// Whether the error means that a name expected to be a directory or a file is a link.
pub(super) fn is_loop(err: &io::Error) -> bool {
    err.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Whether the error means that the file system, or its server, does not support locks.
pub(super) fn has_no_locks(err: &io::Error) -> bool {
    let is_any = |it: &[Errno]| it.iter().any(|it| err.raw_os_error() == Some(it.raw_os_error()));
    err.kind() == io::ErrorKind::Unsupported
        || is_any(&[Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP])
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice => Kind::Device,
        FileType::Unknown => Kind::Special,
    }
}

#[allow(clippy::unnecessary_cast, reason = "the type is a signed one on macOS")]
fn stat_id(stat: &Stat) -> FileId {
    FileId { device: stat.st_dev as u64, inode: stat.st_ino }
}

#[allow(clippy::useless_conversion, reason = "the type is narrower on macOS")]
fn stat_mode(stat: &Stat) -> u32 {
    u32::from(stat.st_mode) & BITS
}

fn mode_bits(mode: u32) -> rustix::fs::Mode {
    rustix::fs::Mode::from_bits_truncate((mode & BITS) as RawMode)
}
