//! The symbols that a library exports.

use super::super::file::FileError;
use super::error::{LibraryError, damaged};
use super::mach_o_pe::universal_range;
use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::read::{Object, ReadCache, ReadRef};
use object::{Endianness, FileKind, elf, macho};
use std::fs::File;

/// Returns whether the library itself, not one that it links to, exports `symbol`.
///
/// ELF libraries without section headers export nothing that can be seen here.
///
/// # Errors
///
/// [`LibraryError`] when the file is not a library of a known format, or is damaged.
pub fn exports(file: &File, symbol: &str) -> Result<bool, LibraryError> {
    let metadata = file.metadata().map_err(FileError::from)?;
    let cache = ReadCache::new(file);
    match FileKind::parse(&cache) {
        Ok(FileKind::Elf32) => elf_exports::<elf::FileHeader32<Endianness>>(&cache, symbol),
        Ok(FileKind::Elf64) => elf_exports::<elf::FileHeader64<Endianness>>(&cache, symbol),
        Ok(FileKind::MachOFat32) => {
            let (offset, size) = universal_range::<macho::FatArch32, _>(&cache, metadata.len())?;
            object_exports(cache.range(offset, size), symbol)
        }
        Ok(FileKind::MachOFat64) => {
            let (offset, size) = universal_range::<macho::FatArch64, _>(&cache, metadata.len())?;
            object_exports(cache.range(offset, size), symbol)
        }
        Ok(_) => object_exports(&cache, symbol),
        Err(_) => Err(LibraryError::NotALibrary),
    }
}

fn elf_exports<Elf: FileHeader<Endian = Endianness>>(
    cache: &ReadCache<&File>,
    symbol: &str,
) -> Result<bool, LibraryError> {
    // Not `object::File`, which also reads the symbols for debuggers, often megabytes.
    let header = Elf::parse(cache).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let sections = header.sections(endian, cache).map_err(damaged)?;
    let symbols = sections.symbols(endian, cache, elf::SHT_DYNSYM).map_err(damaged)?;
    // The table of names is read once and looked at in place: asking for each name by
    // itself costs a read each, and the search for its end a look at the processor.
    let table = sections.section(symbols.string_section()).map_err(damaged)?;
    let names = table.data(endian, cache).map_err(damaged)?;
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
