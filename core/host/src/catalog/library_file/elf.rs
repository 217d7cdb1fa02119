//! ELF libraries: what the header says, and the manifests in the notes.

use super::error::{LibraryError, damaged};
use super::format::Format;
use super::library::LibraryFile;
use super::source::{MAX_MANIFESTS, Source};
use object::read::ReadCache;
use object::read::elf::{FileHeader, NoteIterator, ProgramHeader, SectionHeader};
use object::{Endianness, ObjectKind, elf, pod};
use pintle_plugin::manifest::{NOTE_NAME, NOTE_TYPE, SECTION, manifests_in_section};
use std::borrow::Cow;
use std::fs::File;

/// Reads an ELF library.
pub(super) fn read<Elf: FileHeader<Endian = Endianness>>(
    source: &Source<'_>,
) -> Result<LibraryFile, LibraryError> {
    let header = Elf::parse(source.head).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let mut library = LibraryFile {
        format: Format::Elf,
        architecture: architecture(header, endian),
        bits: if header.is_class_64() { 64 } else { 32 },
        little_endian: header.is_little_endian(),
        kind: kind(header.e_type(endian)),
        manifests: Vec::new(),
        needed: 0,
        len: source.len,
    };
    // Of a library for another platform, that it is one says more than its damages.
    if let Err(refusal) = read_segments(&mut library, source, header, endian) {
        library.check_platform()?;
        return Err(refusal);
    }
    if library.manifests.is_empty() && library.needed <= library.len {
        library.manifests = section_manifests::<Elf>(source.file);
    }
    Ok(library)
}

fn read_segments<Elf: FileHeader<Endian = Endianness>>(
    library: &mut LibraryFile,
    source: &Source<'_>,
    header: &Elf,
    endian: Endianness,
) -> Result<(), LibraryError> {
    let table = program_headers(source, header, endian)?;
    let n_segments = usize::from(header.e_phnum(endian));
    let (segments, _) = pod::slice_from_bytes::<Elf::ProgramHeader>(&table, n_segments)
        .map_err(|()| damaged("the program headers have a wrong size"))?;
    for segment in segments {
        match segment.p_type(endian) {
            elf::PT_LOAD => {
                library.needed = library.needed.max(segment_end::<Elf>(segment, endian))
            }
            elf::PT_NOTE => notes::<Elf>(source, segment, endian, &mut library.manifests),
            _ => {}
        }
    }
    // Linkers write the section headers last. Half of a library with debug information
    // holds all segments; that the headers are missing is what shows.
    library.needed = library.needed.max(section_headers_end(header, endian));
    Ok(())
}

fn program_headers<'a, Elf: FileHeader<Endian = Endianness>>(
    source: &Source<'a>,
    header: &Elf,
    endian: Endianness,
) -> Result<Cow<'a, [u8]>, LibraryError> {
    let entry = size_of::<Elf::ProgramHeader>();
    let count = header.e_phnum(endian);
    if count > 0 && usize::from(header.e_phentsize(endian)) != entry {
        return Err(damaged("the program headers have a wrong size"));
    }
    source.bytes(header.e_phoff(endian).into(), u64::from(count) * entry as u64)
}

fn section_headers_end<Elf: FileHeader>(header: &Elf, endian: Elf::Endian) -> u64 {
    let size = u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian));
    let offset: u64 = header.e_shoff(endian).into();
    offset.saturating_add(size)
}

fn segment_end<Elf: FileHeader>(segment: &Elf::ProgramHeader, endian: Elf::Endian) -> u64 {
    let (offset, size) = segment.file_range(endian);
    offset.saturating_add(size)
}

/// Collects the manifests of a note segment. One that cannot be read has none.
fn notes<Elf: FileHeader>(
    source: &Source<'_>,
    segment: &Elf::ProgramHeader,
    endian: Elf::Endian,
    manifests: &mut Vec<Vec<u8>>,
) {
    let (offset, size) = segment.file_range(endian);
    let Ok(bytes) = source.bytes(offset, size) else { return };
    let Ok(mut notes) = NoteIterator::<Elf>::new(endian, segment.p_align(endian), &bytes) else {
        return;
    };
    while let Ok(Some(note)) = notes.next() {
        if note.name() == NOTE_NAME.as_bytes() && note.n_type(endian).0 == NOTE_TYPE {
            manifests.push(note.desc().to_vec());
        }
    }
}

/// Returns the manifests of the link section. A library without section headers has none.
fn section_manifests<Elf: FileHeader<Endian = Endianness>>(file: &File) -> Vec<Vec<u8>> {
    let cache = ReadCache::new(file);
    let read = || -> Option<Vec<Vec<u8>>> {
        let header = Elf::parse(&cache).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, &cache).ok()?;
        let (_, section) = sections.section_by_name(endian, SECTION.as_bytes())?;
        if section.sh_size(endian).into() > MAX_MANIFESTS {
            return None;
        }
        let bytes = section.data(endian, &cache).ok()?;
        Some(manifests_in_section(bytes).into_iter().map(<[u8]>::to_vec).collect())
    };
    read().unwrap_or_default()
}

fn kind(kind: elf::FileType) -> ObjectKind {
    match kind {
        elf::ET_DYN => ObjectKind::Dynamic,
        elf::ET_EXEC => ObjectKind::Executable,
        elf::ET_REL => ObjectKind::Relocatable,
        elf::ET_CORE => ObjectKind::Core,
        _ => ObjectKind::Unknown,
    }
}

fn architecture<Elf: FileHeader>(header: &Elf, endian: Elf::Endian) -> Cow<'static, str> {
    let is_64 = header.is_class_64();
    Cow::Borrowed(match header.e_machine(endian) {
        elf::EM_X86_64 => "x86_64",
        elf::EM_386 => "x86",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_ARM => "arm",
        elf::EM_RISCV if is_64 => "riscv64",
        elf::EM_RISCV => "riscv32",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_PPC => "powerpc",
        elf::EM_S390 => "s390x",
        elf::EM_LOONGARCH if is_64 => "loongarch64",
        elf::EM_MIPS if is_64 => "mips64",
        elf::EM_MIPS => "mips",
        elf::EM_SPARCV9 => "sparc64",
        other => return Cow::Owned(format!("machine {}", other.0)),
    })
}
