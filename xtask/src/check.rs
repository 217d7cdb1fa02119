//! Checks that a host can open a plugin's library and that a distribution can ship it.
//!
//! The file is only read; none of its code runs.

use anyhow::{Context, Result, anyhow};
use object::elf;
use object::read::elf::{Dyn, ElfFile, FileHeader, ProgramHeader};
use object::read::macho::{LoadCommandVariant, MachHeader, MachOFile};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile};
use object::{Endianness, File, NameOrOrdinal, Object, ObjectSection, macho, pe};
use pintle_plugin::manifest::{
    MACHO_SECTION, Manifest, NOTE_NAME, NOTE_TYPE, SECTION, manifests_in_section,
};
use std::fs;
use std::path::Path;

/// Checks a plugin's library and returns its manifest.
pub(crate) fn check(path: &Path) -> Result<Manifest> {
    let bytes = fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    check_bytes(&bytes).with_context(|| format!("`{}` cannot be installed", path.display()))
}

/// Checks the bytes of a plugin's library and returns its manifest.
pub(crate) fn check_bytes(bytes: &[u8]) -> Result<Manifest> {
    let file = File::parse(bytes).map_err(|err| failed("format", err.to_string()))?;
    let json = manifest_json(&file)?;
    let manifest = Manifest::parse(json).map_err(|err| failed("manifest", err.to_string()))?;
    check_root(&file, &manifest.abi.root)?;
    match &file {
        File::Elf32(it) => check_elf(it, json)?,
        File::Elf64(it) => check_elf(it, json)?,
        File::MachO32(it) => check_macho(it)?,
        File::MachO64(it) => check_macho(it)?,
        File::Pe32(it) => check_pe(it)?,
        File::Pe64(it) => check_pe(it)?,
        other => {
            return Err(failed(
                "format",
                format!("{:?} is not a supported format", other.format()),
            ));
        }
    }
    Ok(manifest)
}

fn failed(check: &str, reason: impl Into<String>) -> anyhow::Error {
    anyhow!("check `{check}`: {}", reason.into())
}

/// Passes if `holds`, else fails the check for `reason`.
fn ensure(holds: bool, check: &str, reason: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(failed(check, reason)) }
}

/// Returns the JSON of the one manifest.
fn manifest_json<'data>(file: &File<'data>) -> Result<&'data [u8]> {
    let name =
        if matches!(file, File::MachO32(_) | File::MachO64(_)) { MACHO_SECTION } else { SECTION };
    let section = file.section_by_name(name);
    let section =
        section.ok_or_else(|| failed("manifest", format!("the section `{name}` is missing")))?;
    let data = section.data().map_err(|err| failed("manifest", err.to_string()))?;
    match manifests_in_section(data).as_slice() {
        [json] => Ok(json),
        [] => Err(failed("manifest", format!("the section `{name}` has no manifest"))),
        several => {
            Err(failed("manifest", format!("expected one manifest, found {}", several.len())))
        }
    }
}

/// The root module must be in this file: a loader would also find one in a dependency.
fn check_root(file: &File<'_>, root: &str) -> Result<()> {
    let exports = file.exports().map_err(|err| failed("root", err.to_string()))?;
    let mut names = exports.filter_map(|it| match it.ok()?.name() {
        NameOrOrdinal::Name(name) => Some(String::from_utf8_lossy(name).into_owned()),
        NameOrOrdinal::Ordinal(_) => None,
    });
    // Mach-O puts an underscore before each name.
    let found = names.any(|it| it == root || it.strip_prefix('_') == Some(root));
    ensure(found && !root.is_empty(), "root", &format!("the file does not export `{root}`"))
}

fn check_elf<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
    json: &[u8],
) -> Result<()> {
    check_note(file, json)?;
    check_hardening(file)
}

/// The note repeats the manifest, for files without section headers.
fn check_note<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
    json: &[u8],
) -> Result<()> {
    for segment in file.elf_program_headers() {
        let notes = segment.notes(file.endian(), file.data());
        let Some(mut notes) = notes.map_err(|err| failed("note", err.to_string()))? else {
            continue;
        };
        while let Some(note) = notes.next().map_err(|err| failed("note", err.to_string()))? {
            if note.name() == NOTE_NAME.as_bytes() && note.n_type(file.endian()).0 == NOTE_TYPE {
                return ensure(
                    note.desc() == json,
                    "note",
                    "the note differs from the manifest's section",
                );
            }
        }
    }
    Err(failed("note", "the manifest is not repeated in a note"))
}

/// The properties of a library that `hardening-check` and lintian check.
fn check_hardening<Elf: FileHeader<Endian = Endianness>>(file: &ElfFile<'_, Elf>) -> Result<()> {
    let endian = file.endian();
    let segment = |kind| file.elf_program_headers().iter().find(|it| it.p_type(endian) == kind);
    ensure(segment(elf::PT_GNU_RELRO).is_some(), "relro", "there is no PT_GNU_RELRO segment")?;
    let stack = segment(elf::PT_GNU_STACK);
    let stack = stack.is_some_and(|it| !it.p_flags(endian).contains(elf::PF_X));
    ensure(stack, "stack", "the stack is executable")?;

    let table = file.elf_dynamic_table().map_err(|err| failed("dynamic", err.to_string()))?;
    let entries: Vec<_> =
        table.dynamics().iter().map(|it| (it.tag(endian), it.val(endian))).collect();
    let has = |tag| entries.iter().any(|(it, _)| *it == tag);
    let flag = |tag, flag: u64| entries.iter().any(|(it, val)| *it == tag && val & flag != 0);
    ensure(!has(elf::DT_RPATH) && !has(elf::DT_RUNPATH), "rpath", "there is an RPATH or RUNPATH")?;
    let bind_now = has(elf::DT_BIND_NOW)
        || flag(elf::DT_FLAGS, elf::DF_BIND_NOW.0)
        || flag(elf::DT_FLAGS_1, elf::DF_1_NOW.0);
    ensure(bind_now, "bind-now", "symbols are bound lazily")
}

fn check_macho<Mach: MachHeader<Endian = Endianness>>(file: &MachOFile<'_, Mach>) -> Result<()> {
    let mut commands =
        file.macho_load_commands().map_err(|err| failed("format", err.to_string()))?;
    while let Some(command) = commands.next().map_err(|err| failed("format", err.to_string()))? {
        let variant = command.variant().map_err(|err| failed("format", err.to_string()))?;
        ensure(!matches!(variant, LoadCommandVariant::Rpath(_)), "rpath", "there is an LC_RPATH")?;
    }
    let flags = file.macho_header().flags(file.endian());
    ensure(!flags.contains(macho::MH_ALLOW_STACK_EXECUTION), "stack", "the stack is executable")
}

fn check_pe<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> Result<()> {
    let flags = file.nt_headers().optional_header().dll_characteristics();
    let dynamic_base = flags.contains(pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE);
    ensure(dynamic_base, "aslr", "DYNAMIC_BASE is off")?;
    let nx_compat = flags.contains(pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT);
    ensure(nx_compat, "stack", "NX_COMPAT is off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_no_plugin_and_the_error_names_file_and_check() {
        let program = std::env::current_exe().unwrap();
        let err = format!("{:#}", check(&program).unwrap_err());
        assert!(err.contains(&program.display().to_string()), "{err}");
        assert!(err.contains("check `manifest`"), "{err}");
    }

    #[test]
    fn text_is_no_library() {
        let err = check_bytes(b"#!/bin/sh\n").unwrap_err();
        assert!(err.to_string().starts_with("check `format`"), "{err}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_rustc_links_is_hardened_but_has_no_root() {
        let bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
        let file = File::parse(bytes.as_slice()).unwrap();
        match &file {
            File::Elf32(it) => check_hardening(it).unwrap(),
            File::Elf64(it) => check_hardening(it).unwrap(),
            _ => unreachable!("programs on Linux are ELF files"),
        }
        assert!(check_root(&file, "pintle_root_absent_1_0_0").is_err());
    }
}
