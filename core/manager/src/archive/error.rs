//! Why an archive is refused.

use std::io;

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[error("failed to unpack {}`{archive}`", of_entry(entry.as_deref()))]
pub struct ArchiveError {
    /// The archive.
    pub archive: String,
    /// The faulty entry, in printable form; `None` if the archive itself is faulty.
    pub entry: Option<String>,
    /// What is wrong with it.
    #[source]
    pub reason: Reason,
}

/// What is wrong with an archive, or with an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file does not begin like a supported archive.
    #[error("not a `.tar.gz`, `.tar.xz`, `.tar.zst` or `.zip` archive")]
    UnknownKind,
    /// The compressed data is not a tar archive.
    #[error("the compressed data is not a tar archive")]
    NotTar(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bytes violate the rules of the format.
    #[error("the archive is damaged")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The archive ends too early.
    #[error("the archive is truncated")]
    Truncated,
    /// The file has data after the end of the archive.
    #[error("the archive has data after its end")]
    TrailingData,
    /// Decompression requires too much memory.
    #[error("decompression needs more memory than is allowed")]
    DecoderMemory,
    /// There are too many entries.
    #[error("the archive has more than {limit} entries")]
    Entries {
        /// The limit.
        limit: usize,
    },
    /// A file is too large.
    #[error("the file is larger than {limit} B")]
    FileSize {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The files together are too large.
    #[error("the archive unpacks to more than {limit} B")]
    Total {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The content is so much larger than the archive that it is likely to be malicious.
    #[error("the archive unpacks to more than {limit} times its size")]
    Ratio {
        /// The largest ratio of the sizes.
        limit: u64,
    },
    /// The entry is neither a regular file nor a directory.
    #[error("{kind} is not supported in a plugin archive")]
    Kind {
        /// The type of the entry.
        kind: EntryKind,
    },
    /// The entry requires a password.
    #[error("the entry is encrypted")]
    Encrypted,
    /// The compression method of the entry is not supported.
    #[error("unsupported compression method `{method}`")]
    Method {
        /// The method.
        method: String,
    },
    /// The path of the entry is invalid.
    #[error("invalid path")]
    Path(#[from] PathFault),
    /// The archive has two files with this path.
    #[error("duplicate path")]
    Duplicate,
    /// The path of another entry is the same on systems that ignore case.
    #[error("the path differs from `{other}` only in case")]
    CaseClash {
        /// The path of the other entry, or of one of its directories.
        other: String,
    },
    /// A path is both a file and a directory.
    #[error("`{path}` is both a file and a directory")]
    FileAndDirectory {
        /// The path.
        path: String,
    },
    /// A directory has content.
    #[error("the directory has content")]
    DirectoryContent,
    /// Extended headers define a property of an entry more than once.
    #[error("the headers define the {what} of the entry more than once")]
    Ambiguous {
        /// The property.
        what: &'static str,
    },
}

/// The type of an entry that a plugin archive must not contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A symbolic link.
    SymbolicLink,
    /// A hard link.
    HardLink,
    /// A character or block device.
    Device,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A sparse file.
    Sparse,
    /// Another type, with its number in the format.
    Other(u32),
}

impl std::fmt::Display for EntryKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SymbolicLink => "a symbolic link",
            Self::HardLink => "a hard link",
            Self::Device => "a device",
            Self::Fifo => "a named pipe",
            Self::Socket => "a socket",
            Self::Sparse => "a sparse file",
            Self::Other(number) => return write!(f, "an entry of type {number:#x}"),
        })
    }
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// It is empty, or has an empty component.
    #[error("a component is empty")]
    Empty,
    /// It starts at a root.
    #[error("the path is absolute")]
    Absolute,
    /// It leads out of a directory.
    #[error("the path contains `..`")]
    Parent,
    /// It contains a control character.
    #[error("the path contains the control character U+{:04X}", u32::from(*character))]
    Control {
        /// The character.
        character: char,
    },
    /// It contains a character that is not valid in file names on every system. On Windows, `:`
    /// follows a drive letter, and `\` separates components.
    #[error("the path contains `{character}`, which is not valid on every system")]
    Character {
        /// The character.
        character: char,
    },
    /// It is not valid UTF-8.
    #[error("the path is not valid UTF-8")]
    NotUtf8,
    /// A component ends with a dot or a space, which Windows removes.
    #[error("a component ends with a dot or a space")]
    TrailingDotOrBlank,
    /// A component is the name of a device on Windows.
    #[error("a component is a reserved name on Windows")]
    Reserved,
    /// It is too long.
    #[error("the path is longer than {limit} B")]
    Long {
        /// The limit, in bytes.
        limit: usize,
    },
    /// One of its components is too long.
    #[error("a component is longer than {limit} B")]
    LongComponent {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It has too many components.
    #[error("the path has more than {limit} components")]
    Deep {
        /// The limit.
        limit: usize,
    },
}

impl Reason {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownKind
            | Self::NotTar(_)
            | Self::Damaged(_)
            | Self::Truncated
            | Self::TrailingData => {
                "fetch the file again; if it is still damaged, report it to its author"
            }
            Self::Kind { .. } => "ask its author to pack only regular files and directories",
            Self::DecoderMemory
            | Self::Entries { .. }
            | Self::FileSize { .. }
            | Self::Total { .. }
            | Self::Ratio { .. } => "ask its author to pack only what the plugin needs",
            Self::Encrypted | Self::Method { .. } => {
                "ask its author to pack it without a password, for example as a `.tar.zst`"
            }
            Self::Path(_)
            | Self::Duplicate
            | Self::CaseClash { .. }
            | Self::FileAndDirectory { .. }
            | Self::DirectoryContent
            | Self::Ambiguous { .. } => {
                "ask its author to give each file one name that is valid on every system"
            }
        }
    }

    /// Returns the reason for an error of a reader: our own, if another reader has passed it on, or
    /// the error of a decoder.
    pub(super) fn of(err: io::Error) -> Self {
        match err.downcast::<Self>() {
            Ok(reason) => reason,
            Err(err) => Self::of_decoder(err),
        }
    }

    fn of_decoder(err: io::Error) -> Self {
        // For zstd, only the text of the error shows it.
        let is_memory =
            err.kind() == io::ErrorKind::OutOfMemory || err.to_string().contains("too much memory");
        match err.kind() {
            _ if is_memory => Self::DecoderMemory,
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Damaged(err.into()),
        }
    }

    pub(super) fn damaged(text: &'static str) -> Self {
        Self::Damaged(text.into())
    }

    /// Returns the reason as the fault of an entry.
    pub(super) fn at(self, entry: &[u8]) -> Fault {
        Fault { entry: Some(shown(entry)), reason: self }
    }
}

/// A reason, and the entry that has it.
pub(super) struct Fault {
    pub(super) entry: Option<String>,
    pub(super) reason: Reason,
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self { entry: None, reason }
    }
}

fn of_entry(entry: Option<&str>) -> String {
    entry.map_or_else(String::new, |it| format!("`{it}` of "))
}

/// Returns the name of an entry, in a form that is safe and short enough to print.
fn shown(entry: &[u8]) -> String {
    const MAX: usize = 200;
    let text = String::from_utf8_lossy(entry);
    let mut shown = String::new();
    for (idx, character) in text.chars().enumerate() {
        match character {
            _ if idx == MAX => {
                shown.push('…');
                break;
            }
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}
