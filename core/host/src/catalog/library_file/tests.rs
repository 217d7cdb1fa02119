//! Tests of the readers, with libraries of all formats.

use super::super::testing::{E_TYPE, EI_CLASS, elf, section};
use super::*;
use crate::causes::with_causes;
use expect_test::{Expect, expect};
use object::write::{Object, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, ObjectKind, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};
use pintle_plugin::manifest::{MACHO_SECTION, SECTION};
use std::fs::File;
use std::io::Write;

fn inspect(file: &File) -> Result<LibraryFile, LibraryError> {
    let mut head = [0; FIRST_PAGE];
    let len = file.metadata().unwrap().len();
    read(&Source::open(file, len, &mut head, limits::BYTES)?, Scope::Any)
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[track_caller]
fn check(bytes: &[u8], expected: Expect) {
    let text = match inspect(&file(bytes)) {
        Ok(it) => {
            let endian = if it.little_endian { "little" } else { "big" };
            let manifests: Vec<_> =
                it.manifests.iter().map(|it| String::from_utf8_lossy(it)).collect();
            format!(
                "{} {} {} {endian} {:?} {manifests:?}",
                it.format, it.architecture, it.bits, it.kind
            )
        }
        Err(err) => format!("refused: {}", with_causes(&err)),
    };
    expected.assert_eq(&text.replace(std::env::consts::ARCH, "[ARCH]"));
}

/// Returns an object file with a manifest and a symbol `root`; linkers keep both.
fn object_file(format: BinaryFormat, architecture: Architecture, json: &str) -> Vec<u8> {
    let mut object = Object::new(format, architecture, Endianness::Little);
    let (segment, name) = match format {
        BinaryFormat::MachO => ("__DATA", MACHO_SECTION),
        _ => ("", SECTION),
    };
    let id = object.add_section(segment.into(), name.into(), SectionKind::Data);
    object.append_section_data(id, &section(json), 8);
    object.add_symbol(Symbol {
        name: b"root".to_vec(),
        value: 0,
        size: 8,
        kind: SymbolKind::Data,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(id),
        flags: SymbolFlags::None,
    });
    object.write().unwrap()
}

/// Returns a Mach-O dynamic library, or a bundle.
fn macho(architecture: Architecture, json: &str, file_type: u8) -> Vec<u8> {
    let mut bytes = object_file(BinaryFormat::MachO, architecture, json);
    bytes[12] = file_type;
    bytes
}

/// Returns a universal file of two libraries.
fn universal(first: (u32, &[u8]), second: (u32, &[u8])) -> Vec<u8> {
    let at = [4096, 4096 + first.1.len().next_multiple_of(4096)];
    let mut words = vec![0xcafe_babe, 2];
    for ((cpu, bytes), offset) in [first, second].into_iter().zip(at) {
        words.extend([cpu, 0, offset as u32, bytes.len() as u32, 12]);
    }
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    for ((_, library), offset) in [first, second].into_iter().zip(at) {
        bytes.resize(offset, 0);
        bytes.extend(library);
    }
    bytes
}

fn pe(json: &str) -> Vec<u8> {
    use object::pe::{
        IMAGE_FILE_DLL, IMAGE_FILE_EXECUTABLE_IMAGE, IMAGE_FILE_MACHINE_AMD64,
        IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_READ, IMAGE_SUBSYSTEM_WINDOWS_CUI,
    };
    let data = section(json);
    let mut bytes = Vec::new();
    let mut writer = object::write::pe::Writer::new(true, 4096, 512, &mut bytes);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(16);
    writer.reserve_section_headers(1);
    let flags = IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ;
    let len = data.len() as u32;
    let range = writer.reserve_section(*b".pintle\0", flags, len, len);
    writer.write_empty_dos_header().unwrap();
    writer.write_nt_headers(object::write::pe::NtHeaders {
        machine: IMAGE_FILE_MACHINE_AMD64,
        time_date_stamp: 0,
        characteristics: IMAGE_FILE_EXECUTABLE_IMAGE | IMAGE_FILE_DLL,
        major_linker_version: 0,
        minor_linker_version: 0,
        address_of_entry_point: 0,
        image_base: 0x1_8000_0000,
        major_operating_system_version: 6,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 6,
        minor_subsystem_version: 0,
        subsystem: IMAGE_SUBSYSTEM_WINDOWS_CUI,
        dll_characteristics: object::pe::DllFlags(0),
        size_of_stack_reserve: 0,
        size_of_stack_commit: 0,
        size_of_heap_reserve: 0,
        size_of_heap_commit: 0,
    });
    writer.write_section_headers();
    writer.write_section(range.file_offset, &data);
    bytes
}

#[test]
fn elf_manifests_are_read_from_notes() {
    check(&elf(&["{1}"]), expect![[r#"ELF [ARCH] 64 little Dynamic ["{1}"]"#]]);
    check(&elf(&["{1}", "{2}"]), expect![[r#"ELF [ARCH] 64 little Dynamic ["{1}", "{2}"]"#]]);
    check(&elf(&[]), expect!["ELF [ARCH] 64 little Dynamic []"]);
}

#[test]
fn a_manifest_may_be_longer_than_what_is_read_first() {
    let long = "x".repeat(3 * FIRST_PAGE);
    let library = inspect(&file(&elf(&[&long]))).unwrap();
    assert_eq!(library.manifests(), [long.into_bytes()]);
}

#[test]
fn an_elf_manifest_without_a_note_is_read_from_its_section() {
    let bytes = object_file(BinaryFormat::Elf, Architecture::Riscv64, "{}");
    check(&bytes, expect![[r#"ELF riscv64 64 little Relocatable ["{}"]"#]]);
}

#[test]
fn elf_of_another_class_is_read_too() {
    let mut bytes = object_file(BinaryFormat::Elf, Architecture::I386, "{}");
    assert_eq!(bytes[EI_CLASS], 1);
    bytes[E_TYPE] = 3;
    check(&bytes, expect![[r#"ELF x86 32 little Dynamic ["{}"]"#]]);
    let object = Object::new(BinaryFormat::Elf, Architecture::S390x, Endianness::Big);
    let library = inspect(&file(&object.write().unwrap())).unwrap();
    let err = library.check_fit().unwrap_err();
    assert_eq!(
        err.to_string(),
        "it is a big-endian library, but this host is a little-endian program"
    );
}

#[test]
fn macho_manifests_are_read_on_any_platform() {
    let dylib = macho(Architecture::Aarch64, "{}", 6);
    check(&dylib, expect![[r#"Mach-O aarch64 64 little Dynamic ["{}"]"#]]);
    let bundle = macho(Architecture::Aarch64, "{}", 8);
    check(&bundle, expect![[r#"Mach-O aarch64 64 little Dynamic ["{}"]"#]]);
}

#[test]
fn of_a_universal_file_this_processors_part_is_read() {
    let (x86, arm) = (0x0100_0007, 0x0100_000c);
    let one = macho(Architecture::X86_64, "{x86_64}", 6);
    let two = macho(Architecture::Aarch64, "{aarch64}", 6);
    for bytes in [universal((x86, &one), (arm, &two)), universal((arm, &two), (x86, &one))] {
        check(&bytes, expect![[r#"Mach-O [ARCH] 64 little Dynamic ["{[ARCH]}"]"#]]);
        assert!(exports(&file(&bytes), "root").unwrap());
    }
}

#[test]
fn pe_manifests_are_read_on_any_platform() {
    let library = inspect(&file(&pe("{}"))).unwrap();
    assert_eq!((library.format(), library.architecture()), (Format::Pe, "x86_64"));
    assert_eq!((library.kind, library.manifests()), (ObjectKind::Dynamic, &[b"{}".to_vec()][..]));
    assert!(!exports(&file(&pe("{}")), "root").unwrap());
}

#[test]
fn other_bytes_are_refused() {
    check(b"", expect!["refused: it is empty"]);
    check(b"#!/bin/sh\nexit 0\n", expect!["refused: it is not a library"]);
    check(b"\x7fELF", expect!["refused: it is not a library"]);
    check(
        b"\x7fELF\x02\x01\x01 and then text",
        expect!["refused: it is damaged: Invalid ELF header size or alignment"],
    );
    check(&[0; 5000], expect!["refused: it is not a library"]);
}

#[test]
fn damaged_bytes_never_panic() {
    let samples = [
        elf(&["{}"]),
        object_file(BinaryFormat::Elf, Architecture::X86_64, "{}"),
        macho(Architecture::X86_64, "{}", 6),
        pe("{}"),
    ];
    for sample in samples {
        for len in (0..sample.len()).step_by(7) {
            let _ = inspect(&file(&sample[..len])).map(|it| it.check_fit());
            let _ = exports(&file(&sample[..len]), "root");
        }
        for at in 0..sample.len().min(600) {
            let mut bytes = sample.clone();
            bytes[at] = 0xff;
            let _ = inspect(&file(&bytes)).map(|it| it.check_fit());
            let _ = exports(&file(&bytes), "root");
        }
    }
}

#[test]
fn a_symbol_must_be_defined_by_the_library_itself() {
    let macho = file(&macho(Architecture::X86_64, "{}", 6));
    assert!(exports(&macho, "root").unwrap());
    assert!(!exports(&macho, "oot").unwrap());
    assert!(exports(&file(b"no library at all"), "root").is_err());
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn an_imported_elf_symbol_is_not_an_export() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let library = |name: &str| {
        let path = maps.split_whitespace().find(|it| it.contains(name));
        File::open(path.expect("the test binary links to it")).unwrap()
    };
    assert!(exports(&library("/libc.so"), "malloc").unwrap());
    assert!(!exports(&library("/libgcc_s.so"), "malloc").unwrap());
    assert!(exports(&library("/libgcc_s.so"), "_Unwind_Resume").unwrap());
}
