//! ELF libraries: the contents of the header, and the manifests in the notes.

use super::super::limits;
use super::error::{LibraryError, check_number, damaged};
use super::format::Format;
use super::library::{LibraryFile, Scope};
use super::source::Part;
use object::read::elf::{FileHeader, NoteIterator, ProgramHeader, SectionHeader};
use object::{Endianness, ObjectKind, elf, pod};
use pintle_plugin::manifest::{NOTE_NAME, NOTE_TYPE, SECTION, manifests_in_section};
use std::borrow::Cow;

/// Reads an ELF library.
pub(super) fn read<Elf: FileHeader<Endian = Endianness>>(
    file: Part<'_, '_>,
    scope: Scope,
) -> Result<LibraryFile, LibraryError> {
    let header = Elf::parse(file).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let mut library = LibraryFile {
        format: Format::Elf,
        architecture: architecture(header, endian),
        bits: if header.is_class_64() { 64 } else { 32 },
        little_endian: header.is_little_endian(),
        kind: kind(header.e_type(endian)),
        manifests: Vec::new(),
        needed: 0,
        len: file.end(),
    };
    if scope == Scope::Host && library.check_platform().is_err() {
        // If its manifest can be read, it can still be listed with its name.
        let _ = read_segments(&mut library, file.first_page(), header, endian);
        return Ok(library);
    }
    // For a library for another platform, the platform is more informative than any damage.
    if let Err(refusal) = read_segments(&mut library, file, header, endian) {
        library.check_platform()?;
        return Err(refusal);
    }
    if library.manifests.is_empty() && library.needed <= library.len {
        library.manifests = section_manifests(file, header, endian);
    }
    Ok(library)
}

fn read_segments<Elf: FileHeader<Endian = Endianness>>(
    library: &mut LibraryFile,
    file: Part<'_, '_>,
    header: &Elf,
    endian: Endianness,
) -> Result<(), LibraryError> {
    check_number("sections", header.e_shnum(endian), limits::SECTIONS)?;
    let table = program_headers(file, header, endian)?;
    let n_segments = usize::from(header.e_phnum(endian));
    let (segments, _) = pod::slice_from_bytes::<Elf::ProgramHeader>(table, n_segments)
        .map_err(|()| damaged("the size of the program headers is invalid"))?;
    let ends = segments.iter().filter(|it| it.p_type(endian) == elf::PT_LOAD);
    let end = ends.map(|it| segment_end::<Elf>(it, endian)).max().unwrap_or(0);
    // Linkers write the section headers last. Half of a library with debug information contains all
    // segments; only the missing headers show that it is truncated.
    library.needed = end.max(section_headers_end(header, endian));
    let mut n_notes = 0;
    for segment in segments.iter().filter(|it| it.p_type(endian) == elf::PT_NOTE) {
        notes::<Elf>(file, segment, endian, &mut n_notes, &mut library.manifests)?;
        if library.manifests.len() > 1 {
            break;
        }
    }
    Ok(())
}

fn program_headers<'s, Elf: FileHeader<Endian = Endianness>>(
    file: Part<'s, '_>,
    header: &Elf,
    endian: Endianness,
) -> Result<&'s [u8], LibraryError> {
    let entry = size_of::<Elf::ProgramHeader>();
    let count = header.e_phnum(endian);
    check_number("program headers", count, limits::PROGRAM_HEADERS)?;
    if count > 0 && usize::from(header.e_phentsize(endian)) != entry {
        return Err(damaged("the size of the program headers is invalid"));
    }
    file.bytes(header.e_phoff(endian).into(), u64::from(count) * entry as u64)
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

/// Collects the manifests of a note segment, up to the second of the file. After a note that cannot
/// be read, there are no others.
fn notes<Elf: FileHeader>(
    file: Part<'_, '_>,
    segment: &Elf::ProgramHeader,
    endian: Elf::Endian,
    n_notes: &mut u64,
    manifests: &mut Vec<Vec<u8>>,
) -> Result<(), LibraryError> {
    let (offset, size) = segment.file_range(endian);
    let Ok(bytes) = file.bytes(offset, size) else { return Ok(()) };
    let Ok(mut notes) = NoteIterator::<Elf>::new(endian, segment.p_align(endian), bytes) else {
        return Ok(());
    };
    while let Ok(Some(note)) = notes.next() {
        *n_notes += 1;
        check_number("notes", *n_notes, limits::NOTES)?;
        if note.name() == NOTE_NAME.as_bytes() && note.n_type(endian).0 == NOTE_TYPE {
            manifests.push(note.desc().to_vec());
        }
        if manifests.len() > 1 {
            break;
        }
    }
    Ok(())
}

/// Returns the manifests of the link section. A library without section headers has no such
/// section.
fn section_manifests<Elf: FileHeader<Endian = Endianness>>(
    file: Part<'_, '_>,
    header: &Elf,
    endian: Endianness,
) -> Vec<Vec<u8>> {
    let read = || -> Option<&[u8]> {
        let sections = header.sections(endian, file).ok()?;
        let (_, section) = sections.section_by_name(endian, SECTION.as_bytes())?;
        section.data(endian, file).ok()
    };
    let manifests = manifests_in_section(read().unwrap_or_default());
    manifests.into_iter().take(2).map(<[u8]>::to_vec).collect()
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
