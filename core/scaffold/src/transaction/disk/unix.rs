//! The disk where there are folder descriptors: each path is walked from the project's
//! own folder, part by part, so that no link on the way is followed.

use super::{Found, Kind, Mode};
use rustix::fs::{AtFlags, FileType, OFlags, RawMode, Stat};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The permission bits of a mode, with those for set-user-id and the like.
const BITS: u32 = 0o7777;
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The project's folder.
#[derive(Debug)]
pub(super) struct Root(OwnedFd);

/// What makes two names the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(rustix::fs::Dev, u64);

/// The folder that a path leads to, and the last part of the path.
struct Place<'a> {
    folder: OwnedFd,
    name: &'a str,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, mode_bits(0))?))
    }

    fn folder(&self, path: &str) -> io::Result<OwnedFd> {
        let mut folder = rustix::fs::openat(&self.0, ".", FOLDER, mode_bits(0))?;
        for part in path.split('/').filter(|it| !it.is_empty()) {
            folder = rustix::fs::openat(&folder, part, FOLDER, mode_bits(0))?;
        }
        Ok(folder)
    }

    fn place<'a>(&self, path: &'a str) -> io::Result<Place<'a>> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok(Place { folder: self.folder(folder)?, name })
    }

    fn open_file(&self, path: &str, flags: OFlags, mode: u32) -> io::Result<File> {
        let place = self.place(path)?;
        let file = rustix::fs::openat(&place.folder, place.name, FILE | flags, mode_bits(mode))?;
        Ok(file.into())
    }

    pub(super) fn metadata(&self, path: &str) -> io::Result<Found> {
        let place = self.place(path)?;
        let stat = rustix::fs::statat(&place.folder, place.name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            _ => Kind::Other,
        };
        Ok(Found { kind, mode: stat_mode(&stat), id: Some(stat_id(&stat)) })
    }

    pub(super) fn read(&self, path: &str) -> io::Result<(Vec<u8>, u32)> {
        let mut file = self.open_file(path, OFlags::RDONLY, 0)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((bytes, mode(&metadata)))
    }

    pub(super) fn list(&self, folder: &str) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(self.folder(folder)?)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if !matches!(name.as_slice(), b"." | b"..") {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    pub(super) fn create(&self, path: &str, mode: Mode) -> io::Result<File> {
        let mode = match mode {
            Mode::New(mode) => mode & 0o777,
            // For nobody else's eyes until it has the bits of the file it replaces.
            Mode::Exact(_) => 0o600,
        };
        self.open_file(path, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, mode)
    }

    pub(super) fn open_lock(&self, path: &str) -> io::Result<File> {
        self.open_file(path, OFlags::RDWR | OFlags::CREATE, 0o644)
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        Ok(rustix::fs::renameat(&from.folder, from.name, &to.folder, to.name)?)
    }

    pub(super) fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        self.rename_with(from, to, Flags::NOREPLACE)
    }

    pub(super) fn exchange(&self, left: &str, right: &str) -> io::Result<()> {
        self.rename_with(left, right, Flags::EXCHANGE)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_with(&self, from: &str, to: &str, flags: Flags) -> io::Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        Ok(rustix::fs::renameat_with(&from.folder, from.name, &to.folder, to.name, flags)?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_with(&self, _: &str, _: &str, _: Flags) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        let flags = AtFlags::empty();
        Ok(rustix::fs::linkat(&from.folder, from.name, &to.folder, to.name, flags)?)
    }

    pub(super) fn unlink(&self, path: &str) -> io::Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::unlinkat(&place.folder, place.name, AtFlags::empty())?)
    }

    pub(super) fn make_folder(&self, path: &str) -> io::Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::mkdirat(&place.folder, place.name, mode_bits(0o777))?)
    }

    pub(super) fn set_folder_mode(&self, path: &str, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(self.folder(path)?, mode_bits(mode))?)
    }

    pub(super) fn remove_folder(&self, path: &str) -> io::Result<()> {
        let place = self.place(path)?;
        Ok(rustix::fs::unlinkat(&place.folder, place.name, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn sync_folder(&self, path: &str) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.folder(path)?)?)
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

pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(mode & BITS))
}

pub(super) fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & BITS
}

pub(super) fn id(file: &File) -> io::Result<Option<Id>> {
    Ok(Some(stat_id(&rustix::fs::fstat(file)?)))
}

/// Whether the error says that a link stands where a folder or a file should be.
pub(super) fn is_loop(err: &io::Error) -> bool {
    err.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

fn stat_id(stat: &Stat) -> Id {
    Id(stat.st_dev, stat.st_ino)
}

#[allow(clippy::useless_conversion, reason = "the type is narrower on macOS")]
fn stat_mode(stat: &Stat) -> u32 {
    u32::from(stat.st_mode) & BITS
}

fn mode_bits(mode: u32) -> rustix::fs::Mode {
    rustix::fs::Mode::from_bits_truncate((mode & BITS) as RawMode)
}
