//! The kinds of files, and their permissions.

use std::ffi::OsString;
use std::fmt;
use std::fs::FileType;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character or block device.
    Device,
    /// Something else.
    Special,
}

/// The metadata at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The kind.
    pub kind: Kind,
    /// The permission bits.
    pub mode: u32,
    /// Device and inode, where there are some.
    pub(super) id: Option<FileId>,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name in the directory.
    pub name: OsString,
    /// The kind of the entry.
    pub kind: Kind,
    /// The number of the file in its file system, if there is one.
    pub inode: Option<u64>,
}

/// The permission bits of a file to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For a new file: the user's umask removes bits, as from any new file.
    New(u32),
    /// Exactly these.
    Exact(u32),
    /// The bits of the file that is replaced; if there is none, as [`Mode::New`].
    Keep(u32),
}

/// What identifies a file under any name: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Kind {
    /// Returns the name of the kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "regular file",
            Self::Directory => "directory",
            Self::Symlink => "symbolic link",
            Self::Fifo => "FIFO",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::Special => "special file",
        }
    }

    pub(super) fn of(file_type: FileType) -> Self {
        match () {
            () if file_type.is_file() => Self::File,
            () if file_type.is_dir() => Self::Directory,
            () if file_type.is_symlink() => Self::Symlink,
            () => special(file_type),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(unix)]
fn special(file_type: FileType) -> Kind {
    use std::os::unix::fs::FileTypeExt as _;
    match () {
        () if file_type.is_fifo() => Kind::Fifo,
        () if file_type.is_socket() => Kind::Socket,
        () if file_type.is_char_device() || file_type.is_block_device() => Kind::Device,
        () => Kind::Special,
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> Kind {
    Kind::Special
}
