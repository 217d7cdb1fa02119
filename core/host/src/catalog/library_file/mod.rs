//! Libraries as bytes: their format, what they are built for, and the manifests in them.
//!
//! Manifests of all three formats (ELF, Mach-O, PE) can be read on any platform;
//! whether a library [fits](LibraryFile::check_fit) this one is another question.

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
pub use lint::{GlibcVersion, LibraryWarning, lint};
pub(super) use source::FIRST_PAGE;
pub use symbols::exports;

use super::file::{self, read_at};
use object::{Endianness, FileKind};
use source::Source;
use std::fs::File;

/// Opens a file of any platform and reads what it is built for and the manifests in it.
///
/// # Errors
///
/// [`LibraryError`] when the file cannot be read, or is not a library of a known format.
pub fn open(path: &std::path::Path) -> Result<LibraryFile, LibraryError> {
    let opened = file::open(path)?;
    read(&opened.file, opened.len)
}

/// Reads an [`LibraryFile`] from a file of a known length.
fn read(file: &File, len: u64) -> Result<LibraryFile, LibraryError> {
    read_first_page(file, len, &mut [0; FIRST_PAGE])
}

/// Reads an [`LibraryFile`] from a file of a known length, and leaves its first page in `head`.
pub(super) fn read_first_page(
    file: &File,
    len: u64,
    head: &mut [u8; FIRST_PAGE],
) -> Result<LibraryFile, LibraryError> {
    let n_read = read_at(file, head, 0)?;
    let source = Source { file, head: &head[..n_read], len };
    if source.head.is_empty() {
        return Err(LibraryError::Empty);
    }
    match FileKind::parse(source.head) {
        Ok(FileKind::Elf32) => elf::read::<object::elf::FileHeader32<Endianness>>(&source),
        Ok(FileKind::Elf64) => elf::read::<object::elf::FileHeader64<Endianness>>(&source),
        Ok(FileKind::MachO32 | FileKind::MachO64) => mach_o_pe::read(&source, Format::MachO),
        Ok(FileKind::MachOFat32) => mach_o_pe::read_universal::<object::macho::FatArch32>(&source),
        Ok(FileKind::MachOFat64) => mach_o_pe::read_universal::<object::macho::FatArch64>(&source),
        Ok(FileKind::Pe32 | FileKind::Pe64) => mach_o_pe::read(&source, Format::Pe),
        _ => Err(LibraryError::NotALibrary),
    }
}
