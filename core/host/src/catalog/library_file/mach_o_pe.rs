//! Mach-O and PE libraries, which the `object` crate reads by one interface, and Apple's
//! universal files, which hold one library for each processor.

use super::error::{LibraryError, damaged};
use super::format::Format;
use super::library::LibraryFile;
use super::source::{MAX_MANIFESTS, Source};
use object::read::macho::{FatArch, MachOFatFile};
use object::read::{Object, ObjectSection, ObjectSegment, ReadCache, ReadRef};
use object::{Architecture, ObjectKind, macho};
use pintle_plugin::manifest::{MACHO_SECTION, SECTION, manifests_in_section};
use std::borrow::Cow;

/// Reads a Mach-O or PE library.
pub(super) fn read(source: &Source<'_>, format: Format) -> Result<LibraryFile, LibraryError> {
    let cache = ReadCache::new(source.file);
    library_of(&cache, format, source.len)
}

/// Reads the library for this processor in a universal file, or else the first.
pub(super) fn read_universal<Fat: FatArch>(
    source: &Source<'_>,
) -> Result<LibraryFile, LibraryError> {
    let cache = ReadCache::new(source.file);
    let (offset, size) = universal_range::<Fat, _>(&cache, source.len)?;
    library_of(cache.range(offset, size), Format::MachO, size)
}

/// Returns where the library for this processor is in a universal file, or else the first.
pub(super) fn universal_range<'a, Fat: FatArch, R: ReadRef<'a>>(
    data: R,
    len: u64,
) -> Result<(u64, u64), LibraryError> {
    let fat = MachOFatFile::<Fat>::parse(data).map_err(damaged)?;
    let arches = fat.arches();
    let is_host = |it: &&Fat| rust_name(it.architecture()) == std::env::consts::ARCH;
    let arch = arches.iter().find(is_host).or(arches.first());
    let (offset, size) = arch.ok_or_else(|| damaged("a universal file of nothing"))?.file_range();
    let needed = offset.saturating_add(size);
    if needed > len {
        return Err(LibraryError::Truncated { needed, len });
    }
    Ok((offset, size))
}

fn library_of<'a, R: ReadRef<'a>>(
    data: R,
    format: Format,
    len: u64,
) -> Result<LibraryFile, LibraryError> {
    let file = object::File::parse(data).map_err(damaged)?;
    let needed =
        file.segments().map(|it| it.file_range()).map(|(at, size)| at.saturating_add(size));
    Ok(LibraryFile {
        format,
        architecture: rust_name(file.architecture()),
        bits: if file.is_64() { 64 } else { 32 },
        little_endian: file.is_little_endian(),
        kind: object_kind(&file),
        manifests: section_manifests(&file),
        needed: needed.max().unwrap_or(0),
        len,
    })
}

fn object_kind<'a, R: ReadRef<'a>>(file: &object::File<'a, R>) -> ObjectKind {
    let file_type = match file {
        object::File::MachO32(it) => it.macho_header().filetype.get(it.endian()),
        object::File::MachO64(it) => it.macho_header().filetype.get(it.endian()),
        _ => return file.kind(),
    };
    // A bundle is what Apple's linker makes of a plugin; `dlopen` takes it.
    if file_type == macho::MH_BUNDLE { ObjectKind::Dynamic } else { file.kind() }
}

fn section_manifests<'a, R: ReadRef<'a>>(file: &object::File<'a, R>) -> Vec<Vec<u8>> {
    let name = match file.format() {
        object::BinaryFormat::MachO => MACHO_SECTION,
        _ => SECTION,
    };
    file.sections()
        .filter(|it| it.name_bytes().is_ok_and(|it| it == name.as_bytes()))
        .filter(|it| it.size() <= MAX_MANIFESTS)
        .filter_map(|it| it.data().ok())
        .flat_map(manifests_in_section)
        .map(<[u8]>::to_vec)
        .collect()
}

fn rust_name(architecture: Architecture) -> Cow<'static, str> {
    Cow::Borrowed(match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::I386 => "x86",
        Architecture::Aarch64 => "aarch64",
        Architecture::Arm => "arm",
        Architecture::Riscv64 => "riscv64",
        other => return Cow::Owned(format!("{other:?}").to_ascii_lowercase()),
    })
}
