//! Libraries as bytes: their format, what they are built for, and the manifests in them.
//!
//! Manifests in all three formats (ELF, Mach-O, PE) can be read on any platform;
//! [`check_fit`](LibraryFile::check_fit) decides whether this platform can load a library.

mod elf;
mod error;
mod format;
mod library;
mod lint;
mod mach_o_pe;
mod source;
mod symbols;
#[cfg(test)]
mod tests;

pub use error::LibraryError;
pub use format::Format;
pub use library::LibraryFile;
pub(super) use library::Scope;
pub use lint::{GlibcVersion, LibraryWarning, lint};
pub(super) use source::Source;
pub use symbols::exports;
pub(super) use symbols::source_exports;

use super::file;
use super::limits::{self, FIRST_PAGE};
use object::{Endianness, FileKind, elf as raw_elf, macho, pe};
use source::Part;

/// Opens a file of any platform, and reads its target and its manifests.
///
/// # Errors
///
/// [`LibraryError`] if the file cannot be read, or is not a library of a known format.
pub fn open(path: &std::path::Path) -> Result<LibraryFile, LibraryError> {
    let opened = file::open(path)?;
    let mut head = [0; FIRST_PAGE];
    read(&Source::open(&opened.file, opened.len, &mut head, limits::BYTES)?, Scope::Any)
}

/// Reads a [`LibraryFile`].
pub(super) fn read(source: &Source<'_>, scope: Scope) -> Result<LibraryFile, LibraryError> {
    if source.head().is_empty() {
        return Err(LibraryError::Empty);
    }
    source.judge(read_kind(source.whole(), source.head(), scope))
}

fn read_kind(file: Part<'_, '_>, head: &[u8], scope: Scope) -> Result<LibraryFile, LibraryError> {
    let kind = FileKind::parse(head).map_err(|_| LibraryError::NotALibrary)?;
    let found = format(kind).ok_or(LibraryError::NotALibrary)?;
    if scope == Scope::Host && found != Format::HOST {
        return Err(LibraryError::WrongFormat { found, expected: Format::HOST });
    }
    match kind {
        FileKind::Elf32 => elf::read::<raw_elf::FileHeader32<Endianness>>(file, scope),
        FileKind::Elf64 => elf::read::<raw_elf::FileHeader64<Endianness>>(file, scope),
        FileKind::MachO32 => mach_o_pe::read_mach_o::<macho::MachHeader32<Endianness>>(file, scope),
        FileKind::MachO64 => mach_o_pe::read_mach_o::<macho::MachHeader64<Endianness>>(file, scope),
        FileKind::MachOFat32 => mach_o_pe::read_universal::<macho::FatArch32>(file, scope),
        FileKind::MachOFat64 => mach_o_pe::read_universal::<macho::FatArch64>(file, scope),
        FileKind::Pe32 => mach_o_pe::read_pe::<pe::ImageNtHeaders32>(file, scope),
        FileKind::Pe64 => mach_o_pe::read_pe::<pe::ImageNtHeaders64>(file, scope),
        _ => Err(LibraryError::NotALibrary),
    }
}

/// Returns the format of a kind of file; `None` if it is not a library.
fn format(kind: FileKind) -> Option<Format> {
    Some(match kind {
        FileKind::Elf32 | FileKind::Elf64 => Format::Elf,
        FileKind::MachO32 | FileKind::MachO64 | FileKind::MachOFat32 | FileKind::MachOFat64 => {
            Format::MachO
        }
        FileKind::Pe32 | FileKind::Pe64 => Format::Pe,
        _ => return None,
    })
}
