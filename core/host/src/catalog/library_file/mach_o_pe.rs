//! Mach-O and PE libraries: the contents of their headers, and the manifests in their sections; and
//! Apple's universal files, which contain one library for each processor.
//!
//! This does not use `object::File`, which also reads the symbols for debuggers, often megabytes.

use super::super::limits;
use super::error::{LibraryError, check_number, damaged};
use super::format::Format;
use super::library::{LibraryFile, Scope};
use super::source::Part;
use object::read::ReadRef;
use object::read::macho::{FatArch, MachHeader, Section, Segment};
use object::read::pe::ImageNtHeaders;
use object::{BigEndian, Endianness, LittleEndian as LE, ObjectKind, macho, pe};
use pintle_plugin::manifest::{MACHO_SECTION, SECTION, manifests_in_section};
use std::borrow::Cow;

/// Reads a Mach-O library.
pub(super) fn read_mach_o<Mach: MachHeader<Endian = Endianness>>(
    file: Part<'_, '_>,
    scope: Scope,
) -> Result<LibraryFile, LibraryError> {
    let header = Mach::parse(file, 0).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let mut library = LibraryFile {
        format: Format::MachO,
        architecture: processor(header.cputype(endian)),
        bits: if header.is_type_64() { 64 } else { 32 },
        little_endian: header.is_little_endian(),
        kind: match header.filetype(endian) {
            // Apple's linker creates a bundle for a plugin; `dlopen` accepts it.
            macho::MH_DYLIB | macho::MH_BUNDLE => ObjectKind::Dynamic,
            macho::MH_EXECUTE => ObjectKind::Executable,
            macho::MH_OBJECT => ObjectKind::Relocatable,
            macho::MH_CORE => ObjectKind::Core,
            _ => ObjectKind::Unknown,
        },
        manifests: Vec::new(),
        needed: 0,
        len: file.end(),
    };
    if scope == Scope::Host && library.check_platform().is_err() {
        return Ok(library);
    }
    check_number("load commands", header.ncmds(endian), limits::LOAD_COMMANDS)?;
    let size = header.sizeofcmds(endian);
    check_number("bytes of load commands", size, limits::LOAD_COMMAND_BYTES)?;
    let mut commands = header.load_commands(endian, file, 0).map_err(damaged)?;
    while let Ok(Some(command)) = commands.next() {
        let segment = Mach::Segment::from_command(command).map_err(damaged)?;
        let Some((segment, sections)) = segment else { continue };
        let (offset, size) = segment.file_range(endian);
        library.needed = library.needed.max(offset.saturating_add(size));
        let sections = segment.sections(endian, sections).map_err(damaged)?;
        for (section, offset) in segment.section_offsets(endian, sections).flatten() {
            if section.name() == MACHO_SECTION.as_bytes() {
                let data = section.data(endian, file, offset).unwrap_or_default();
                add_manifests(&mut library.manifests, data);
            }
        }
    }
    Ok(library)
}

/// Reads the library for this processor in a universal file, or else the first.
pub(super) fn read_universal<Fat: FatArch>(
    file: Part<'_, '_>,
    scope: Scope,
) -> Result<LibraryFile, LibraryError> {
    let library = library_in::<Fat>(file)?;
    // The parts of a universal file are Mach-O files; a universal file within another is not read.
    match object::FileKind::parse(library) {
        Ok(object::FileKind::MachO32) => {
            read_mach_o::<macho::MachHeader32<Endianness>>(library, scope)
        }
        Ok(object::FileKind::MachO64) => {
            read_mach_o::<macho::MachHeader64<Endianness>>(library, scope)
        }
        _ => Err(damaged("it is a universal file that does not contain libraries")),
    }
}

/// Returns the library for this processor in a universal file, or else the first.
pub(super) fn library_in<'s, 'f, Fat: FatArch>(
    file: Part<'s, 'f>,
) -> Result<Part<'s, 'f>, LibraryError> {
    let mut offset = 0;
    let invalid = |()| damaged("the size or alignment of the universal header is invalid");
    let header = file.read::<macho::FatHeader>(&mut offset).map_err(invalid)?;
    let count = header.nfat_arch.get(BigEndian);
    check_number("architectures", count, limits::ARCHITECTURES)?;
    let arches = file.read_slice::<Fat>(&mut offset, count as usize);
    let arches = arches.map_err(|()| damaged("the number of architectures is invalid"))?;
    let is_host = |it: &&Fat| processor(it.cputype()) == std::env::consts::ARCH;
    let arch = arches.iter().find(is_host).or(arches.first());
    let (offset, size) = arch.ok_or_else(|| damaged("it is an empty universal file"))?.file_range();
    file.part(offset, size)
}

/// Reads a PE library.
pub(super) fn read_pe<Pe: ImageNtHeaders>(
    file: Part<'_, '_>,
    scope: Scope,
) -> Result<LibraryFile, LibraryError> {
    let dos_header = pe::ImageDosHeader::parse(file).map_err(damaged)?;
    let mut offset = dos_header.nt_headers_offset().into();
    let (headers, _) = Pe::parse(file, &mut offset).map_err(damaged)?;
    let header = headers.file_header();
    let mut library = LibraryFile {
        format: Format::Pe,
        architecture: machine(header.machine.get(LE)),
        bits: if headers.is_type_64() { 64 } else { 32 },
        little_endian: true,
        kind: match header.characteristics.get(LE) {
            it if it.contains(pe::IMAGE_FILE_DLL) => ObjectKind::Dynamic,
            it if it.contains(pe::IMAGE_FILE_SYSTEM) => ObjectKind::Unknown,
            _ => ObjectKind::Executable,
        },
        manifests: Vec::new(),
        needed: 0,
        len: file.end(),
    };
    if scope == Scope::Host && library.check_platform().is_err() {
        return Ok(library);
    }
    check_number("sections", header.number_of_sections.get(LE), limits::SECTIONS)?;
    let sections = headers.sections(file, offset).map_err(damaged)?;
    let ends = sections.iter().map(|it| it.pe_file_range());
    let ends = ends.map(|(offset, size)| u64::from(offset) + u64::from(size));
    library.needed = ends.max().unwrap_or(0);
    for section in sections.iter().filter(|it| it.raw_name() == SECTION.as_bytes()) {
        add_manifests(&mut library.manifests, section.pe_data(file).unwrap_or_default());
    }
    Ok(library)
}

/// Adds the manifests of a section, up to the second of the file.
fn add_manifests(manifests: &mut Vec<Vec<u8>>, section: &[u8]) {
    let more = manifests_in_section(section).into_iter().take(2 - manifests.len().min(2));
    manifests.extend(more.map(<[u8]>::to_vec));
}

fn processor(cpu: macho::CpuType) -> Cow<'static, str> {
    Cow::Borrowed(match cpu {
        macho::CPU_TYPE_X86_64 => "x86_64",
        macho::CPU_TYPE_X86 => "x86",
        macho::CPU_TYPE_ARM64 => "aarch64",
        macho::CPU_TYPE_ARM => "arm",
        macho::CPU_TYPE_POWERPC64 => "powerpc64",
        macho::CPU_TYPE_POWERPC => "powerpc",
        other => return Cow::Owned(format!("machine {}", other.0)),
    })
}

fn machine(machine: pe::Machine) -> Cow<'static, str> {
    Cow::Borrowed(match machine {
        pe::IMAGE_FILE_MACHINE_AMD64 => "x86_64",
        pe::IMAGE_FILE_MACHINE_I386 => "x86",
        pe::IMAGE_FILE_MACHINE_ARM64 | pe::IMAGE_FILE_MACHINE_ARM64EC => "aarch64",
        pe::IMAGE_FILE_MACHINE_ARMNT => "arm",
        pe::IMAGE_FILE_MACHINE_RISCV64 => "riscv64",
        pe::IMAGE_FILE_MACHINE_RISCV32 => "riscv32",
        other => return Cow::Owned(format!("machine {}", other.0)),
    })
}
