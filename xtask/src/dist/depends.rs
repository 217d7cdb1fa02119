//! Finds the Debian packages of the libraries that a program or plugin is linked with.

use anyhow::{Result, bail};
use object::read::elf::FileHeader;
use object::{Endianness, FileKind, elf};
use std::collections::BTreeMap;

/// Returns the packages, each with the lowest version that has all symbols.
pub(super) fn depends(bytes: &[u8]) -> Result<Vec<String>> {
    let versions = match FileKind::parse(bytes)? {
        FileKind::Elf32 => needs::<elf::FileHeader32<Endianness>>(bytes)?,
        FileKind::Elf64 => needs::<elf::FileHeader64<Endianness>>(bytes)?,
        other => bail!("unsupported format {other:?}: expected ELF"),
    };
    let mut found: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (library, symbols) in &versions {
        let package = package(library)?;
        // `GLIBC_2.34` or `GCC_4.2.0`; other words are not versions.
        let versions = symbols.iter().filter_map(|it| numbers(it.split_once('_')?.1));
        let newest = found.entry(package).or_default();
        *newest = versions.max().unwrap_or_default().max(std::mem::take(newest));
    }
    Ok(found.iter().map(|(package, version)| relation(package, version)).collect())
}

fn numbers(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|it| it.parse().ok()).collect()
}

fn relation(package: &str, version: &[u32]) -> String {
    let version: Vec<_> = version.iter().map(u32::to_string).collect();
    match version.is_empty() {
        true => package.to_owned(),
        false => format!("{package} (>= {})", version.join(".")),
    }
}

fn package(library: &str) -> Result<&'static str> {
    const GLIBC: [&str; 5] = ["libc.so", "libm.so", "libdl.so", "libpthread.so", "ld-linux"];
    match library {
        "libgcc_s.so.1" => Ok("libgcc-s1"),
        it if GLIBC.iter().any(|begin| it.starts_with(begin)) => Ok("libc6"),
        _ => bail!("unknown package of the linked library `{library}`"),
    }
}

/// Returns the libraries that a file needs, each with the versions of its symbols.
fn needs<Elf: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
) -> Result<BTreeMap<String, Vec<String>>> {
    let header = Elf::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();

    let table = sections.dynamic_table(endian, bytes)?;
    for entry in &table {
        if entry.tag == elf::DT_NEEDED {
            let _ = found.entry(text(table.string(entry)?)).or_default();
        }
    }
    if let Some((mut libraries, strings)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, strings)?;
        while let Some((library, mut symbols)) = libraries.next()? {
            let versions = found.entry(text(library.file(endian, strings)?)).or_default();
            while let Some(version) = symbols.next()? {
                versions.push(text(version.name(endian, strings)?));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn what_this_program_is_linked_with_is_in_packages() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = depends(&own).unwrap();
        assert!(found.iter().any(|it| it.starts_with("libc6 (>= 2.")), "{found:?}");
        assert!(depends(b"#!/bin/sh").is_err());
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let newest = ["2.9", "2.34", "2.4.1"].into_iter().filter_map(numbers).max().unwrap();
        assert_eq!(relation("libc6", &newest), "libc6 (>= 2.34)");
        assert_eq!(numbers("PRIVATE"), None);
        assert_eq!(relation("libgcc-s1", &[]), "libgcc-s1");
    }

    #[test]
    fn a_library_of_unknown_origin_is_an_error() {
        assert_eq!(package("ld-linux-x86-64.so.2").unwrap(), "libc6");
        let err = package("libssl.so.3").unwrap_err().to_string();
        assert!(err.contains("`libssl.so.3`"), "{err}");
    }
}
