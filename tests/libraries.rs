//! Libraries that no Rust compiler produces: a plugin with modified bytes, and C.

use crate::support::{fixture, skip};
use object::read::elf::{FileHeader, ProgramHeader, Sym};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSegment as _, elf};
use pintle_plugin::manifest::{Manifest, SECTION, SECTION_MAGIC, manifests_in_section};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// Returns the bytes of the plain plugin.
pub(crate) fn plain() -> Vec<u8> {
    fs::read(fixture("plain")).expect("the fixture can be read")
}

/// Returns a valid manifest with one command; both are called `name`.
pub(crate) fn manifest(name: &str) -> Manifest {
    let bytes = plain();
    let json = manifests_in_section(&bytes[section_range(&bytes, SECTION)])[0];
    let mut manifest = Manifest::parse(json).expect("the plugin's manifest is valid");
    manifest.name = format!("{name}.example.org");
    manifest.commands[0].path = vec![name.to_owned()];
    manifest
}

/// Returns the plain plugin with some bytes of its manifests replaced; both have the same length.
#[track_caller]
pub(crate) fn with_manifest_text(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "a file's bytes keep their places");
    let mut bytes = plain();
    // The library contains the manifest twice.
    for name in [SECTION, ".note.pintle"] {
        let range = section_range(&bytes, name);
        let section = &mut bytes[range];
        let place = section.windows(from.len()).position(|it| it == from.as_bytes());
        let place = place.expect("the manifest has the text");
        section[place..][..to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

fn section_range(bytes: &[u8], name: &str) -> Range<usize> {
    let file = object::File::parse(bytes).expect("the plugin is an ELF file");
    let section = file.section_by_name(name).expect("the plugin has the section");
    let (start, len) = section.file_range().expect("the section has bytes");
    let [start, len] = [start, len].map(|it| usize::try_from(it).expect("it fits into memory"));
    start..start + len
}

/// Returns the plain plugin as if it were linked without relro, and with static TLS according to
/// its dynamic section.
pub(crate) fn with_doubtful_options() -> Vec<u8> {
    let mut bytes = plain();
    let (header, flags) = {
        let header = elf::FileHeader64::<Endianness>::parse(&*bytes).expect("it is an ELF file");
        let endian = header.endian().expect("it has a byte order");
        let segments = header.program_headers(endian, &*bytes).expect("it has segments");
        let relro = segments.iter().position(|it| it.p_type(endian) == elf::PT_GNU_RELRO);
        let relro = relro.expect("Rust links with relro");
        let dynamic = segments.iter().find(|it| it.p_type(endian) == elf::PT_DYNAMIC);
        let start = dynamic.expect("a library has one").p_offset(endian) as usize;
        let tags = bytes[start..].chunks_exact(16);
        let mut tags = tags.map(|it| u64::from_le_bytes(it[..8].try_into().expect("8 bytes")));
        let flags = tags.position(|it| it == 30).expect("Rust links with DT_FLAGS");
        (
            header.e_phoff(endian) as usize + relro * size_of_val(&segments[0]),
            start + flags * 16 + 8,
        )
    };
    // PT_NULL, and DF_STATIC_TLS.
    bytes[header..][..4].fill(0);
    bytes[flags] |= 0x10;
    bytes
}

/// Returns the end of the last segment that a loader maps.
pub(crate) fn segments_end(bytes: &[u8]) -> usize {
    let file = object::File::parse(bytes).expect("the plugin is an ELF file");
    let ends = file.segments().map(|it| it.file_range()).map(|(start, len)| start + len);
    ends.max().expect("a library has segments").try_into().expect("it fits into memory")
}

/// Returns the position of the bytes of an exported symbol in an ELF file.
pub(crate) fn symbol_offset(bytes: &[u8], name: &str) -> usize {
    file_offset(bytes, symbol_address(bytes, name))
}

/// Returns the address of an exported symbol, from the symbol table of the file.
fn symbol_address(bytes: &[u8], name: &str) -> u64 {
    let read = || -> object::Result<u64> {
        let header = elf::FileHeader64::<Endianness>::parse(bytes)?;
        let endian = header.endian()?;
        let symbols = header.sections(endian, bytes)?.symbols(endian, bytes, elf::SHT_DYNSYM)?;
        let is_it = |it: &&elf::Sym64<Endianness>| {
            it.name(endian, symbols.strings()).is_ok_and(|it| it == name.as_bytes())
        };
        Ok(symbols.iter().find(is_it).expect("the symbol is exported").st_value(endian))
    };
    read().expect("the plugin is an ELF file")
}

/// Returns the position in an ELF file of the byte at an address.
fn file_offset(bytes: &[u8], address: u64) -> usize {
    let read = || -> object::Result<u64> {
        let header = elf::FileHeader64::<Endianness>::parse(bytes)?;
        let endian = header.endian()?;
        let segments = header.program_headers(endian, bytes)?;
        let holds = |it: &&elf::ProgramHeader64<Endianness>| {
            let start = it.p_vaddr(endian);
            it.p_type(endian) == elf::PT_LOAD
                && (start..start + it.p_filesz(endian)).contains(&address)
        };
        let segment = segments.iter().find(holds).expect("the address has bytes");
        Ok(address - segment.p_vaddr(endian) + segment.p_offset(endian))
    };
    read().expect("the plugin is an ELF file").try_into().expect("the file fits into memory")
}

/// Returns the plain plugin with a damaged description of its layout: it refers to types that do
/// not exist.
pub(crate) fn with_damaged_layout() -> Vec<u8> {
    let mut bytes = plain();
    let header = symbol_address(&bytes, &manifest("any").abi.root);
    let pointers = pointers(&bytes);
    // The layout begins with two pointers, and the first leads to two more: the parts that its
    // types share.
    let at = |address: u64| pointers.get(&address).copied();
    let shared = |layout: u64| {
        let shared = at(layout).filter(|_| at(layout + 8).is_some())?;
        at(shared).and(at(shared + 8)).map(|_| shared)
    };
    let in_header = (header..header + 256).step_by(8).filter_map(at);
    let shared = in_header.filter_map(shared).next().expect("the header leads to a layout");
    // After three pointers, the number of types.
    let n_types = file_offset(&bytes, shared + 24);
    bytes[n_types..n_types + 2].fill(0);
    bytes
}

/// Returns the pointers that the dynamic linker sets, by their addresses.
fn pointers(bytes: &[u8]) -> std::collections::HashMap<u64, u64> {
    let file = object::File::parse(bytes).expect("the plugin is an ELF file");
    let relocations = file.dynamic_relocations().expect("the plugin is linked dynamically");
    relocations.map(|(address, it)| (address, it.addend().cast_unsigned())).collect()
}

/// Links a C library with a manifest, and with other libraries; returns false if that is skipped.
#[must_use]
#[track_caller]
pub(crate) fn cc(out: &Path, manifest: Option<&Manifest>, link_args: &[&str]) -> bool {
    cc_with(out, manifest, "", link_args)
}

/// Links a C library like [`cc`], with more code.
#[must_use]
#[track_caller]
pub(crate) fn cc_with(
    out: &Path,
    manifest: Option<&Manifest>,
    more: &str,
    link_args: &[&str],
) -> bool {
    let dir = tempfile::tempdir().expect("a temporary directory can be created");
    let code = match manifest {
        Some(it) => {
            let json = serde_json::to_vec(it).expect("a manifest has string keys");
            fs::write(dir.path().join("note"), note(&json)).expect("the directory is writable");
            fs::write(dir.path().join("section"), section(&json))
                .expect("the directory is writable");
            concat!(
                "__asm__(\".section .note.pintle,\\\"a\\\",%note\\n.balign 4\\n.incbin \\\"note\\\"\\n",
                ".section .pintle,\\\"a\\\",%progbits\\n.incbin \\\"section\\\"\\n.text\\n\");\n",
                "int nothing(void) { return 0; }\n",
            )
        }
        None => "int nothing(void) { return 0; }\n",
    };
    fs::write(dir.path().join("code.c"), format!("{more}\n{code}"))
        .expect("the directory is writable");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(out).arg("code.c").args(link_args);
    match command.current_dir(dir.path()).output() {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            skip("cc");
            false
        }
        Err(err) => panic!("failed to run `cc`: {err}"),
        Ok(it) => {
            assert!(it.status.success(), "{}", String::from_utf8_lossy(&it.stderr));
            true
        }
    }
}

/// The layout of `pintle_plugin::manifest::ManifestNote`, whose length is a constant there.
fn note(json: &[u8]) -> Vec<u8> {
    use pintle_plugin::manifest::{NOTE_NAME, NOTE_TYPE};
    let len = u32::try_from(json.len()).expect("a manifest is short");
    let mut bytes = Vec::new();
    bytes.extend(7u32.to_ne_bytes());
    bytes.extend(len.to_ne_bytes());
    bytes.extend(NOTE_TYPE.to_ne_bytes());
    bytes.extend(NOTE_NAME.bytes().chain([0, 0]));
    bytes.extend(json);
    bytes
}

/// The layout of `pintle_plugin::manifest::ManifestSection`.
fn section(json: &[u8]) -> Vec<u8> {
    let len = u32::try_from(json.len()).expect("a manifest is short");
    [&SECTION_MAGIC, len.to_le_bytes().as_slice(), json].concat()
}
