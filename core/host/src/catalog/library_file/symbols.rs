//! The symbols that a library exports.

use super::super::file::FileError;
use super::super::limits::{self, FIRST_PAGE};
use super::error::{LibraryError, damaged};
use super::mach_o_pe::library_in;
use super::source::{Part, Source};
use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::read::{Object, ReadRef};
use object::{Endianness, FileKind, elf, macho};
use std::fs::File;

/// Returns whether the library itself, rather than one that it links to, exports `symbol`.
///
/// ELF libraries without section headers export nothing that is visible here.
///
/// # Errors
///
/// [`LibraryError`] if the file is not a library of a known format, or is damaged.
pub fn exports(file: &File, symbol: &str) -> Result<bool, LibraryError> {
    let len = file.metadata().map_err(FileError::from)?.len();
    let mut head = [0; FIRST_PAGE];
    source_exports(&Source::open(file, len, &mut head, limits::thorough(len))?, symbol)
}

/// Does the same as [`exports`], as far as the limit for reading allows.
pub(in super::super) fn source_exports(
    source: &Source<'_>,
    symbol: &str,
) -> Result<bool, LibraryError> {
    source.judge(part_exports(source.whole(), symbol))
}

fn part_exports(file: Part<'_, '_>, symbol: &str) -> Result<bool, LibraryError> {
    match FileKind::parse(file) {
        Ok(FileKind::Elf32) => elf_exports::<elf::FileHeader32<Endianness>>(file, symbol),
        Ok(FileKind::Elf64) => elf_exports::<elf::FileHeader64<Endianness>>(file, symbol),
        Ok(FileKind::MachOFat32) => object_exports(library_in::<macho::FatArch32>(file)?, symbol),
        Ok(FileKind::MachOFat64) => object_exports(library_in::<macho::FatArch64>(file)?, symbol),
        Ok(_) => object_exports(file, symbol),
        Err(_) => Err(LibraryError::NotALibrary),
    }
}

fn elf_exports<Elf: FileHeader<Endian = Endianness>>(
    file: Part<'_, '_>,
    symbol: &str,
) -> Result<bool, LibraryError> {
    // This does not use `object::File`, which also reads the symbols for debuggers, often
    // megabytes.
    let header = Elf::parse(file).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let sections = header.sections(endian, file).map_err(damaged)?;
    let symbols = sections.symbols(endian, file, elf::SHT_DYNSYM).map_err(damaged)?;
    // The table of names is read once and searched in place. Reading each name separately would
    // cost one read each, and the search for its end would query the processor's features.
    let table = sections.section(symbols.string_section()).map_err(damaged)?;
    let names = table.data(endian, file).map_err(damaged)?;
    let wanted = [symbol.as_bytes(), b"\0"].concat();
    let is_it = |it: &&Elf::Sym| {
        let at = usize::try_from(it.st_name(endian)).unwrap_or(usize::MAX);
        !it.is_undefined(endian)
            && !it.is_local()
            && names.get(at..).is_some_and(|it| it.starts_with(&wanted))
    };
    Ok(symbols.iter().any(|it| is_it(&it)))
}

fn object_exports<'a, R: ReadRef<'a>>(data: R, symbol: &str) -> Result<bool, LibraryError> {
    let file = object::File::parse(data).map_err(damaged)?;
    // Apple's linker puts an underscore before the names of C.
    let name = match file.format() {
        object::BinaryFormat::MachO => format!("_{symbol}"),
        _ => symbol.to_owned(),
    };
    for export in file.exports().map_err(damaged)? {
        let export = export.map_err(damaged)?;
        let is_own = matches!(export.target(), object::ExportTarget::Address { .. });
        if is_own && export.name() == object::NameOrOrdinal::Name(name.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}
