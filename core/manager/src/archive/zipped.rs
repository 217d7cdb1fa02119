//! Reads zip archives. The directory at the end lists the entries, and every header must match it.

use super::capped::{Budget, Capped};
use super::contents::Contents;
use super::error::{EntryKind, Fault, Reason};
use std::cell::Cell;
use std::collections::HashSet;
use std::io::Cursor;
use zip::read::ZipFileEntry;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// The bits of a Unix mode that contain the type of a file.
const TYPE: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// Reads a zip archive.
pub(super) fn read(bytes: &[u8], budget: Budget, contents: &mut Contents) -> Result<(), Fault> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(of_zip)?;
    check_bounds(&archive, bytes)?;
    check_names(&archive, bytes)?;
    // Before the headers are compared, because this names the entry and the reason.
    for idx in 0..archive.len() {
        let entry = archive.by_index_data(idx).map_err(of_zip)?;
        contents.count().and_then(|()| check(&entry)).map_err(|it| it.at(entry.name_raw()))?;
    }
    archive.validate_header_consistency().map_err(of_zip)?;
    read_entries(&mut archive, budget, contents)
}

fn read_entries(
    archive: &mut Archive<'_>,
    mut budget: Budget,
    contents: &mut Contents,
) -> Result<(), Fault> {
    let is_at_end = Cell::new(false);
    for idx in 0..archive.len() {
        let entry = archive.by_index(idx).map_err(of_zip)?;
        let (path, size) = (entry.name_raw().to_vec(), entry.size());
        if entry.is_dir() {
            contents.add_directory(&path, size)?;
            continue;
        }
        let is_executable = mode(entry.external_attributes()) & 0o111 != 0;
        let most = budget.most();
        let mut stream = Capped::new(entry, budget, &is_at_end);
        contents.add_file(&path, is_executable, size, most, &mut stream)?;
        budget = stream.budget().clone();
    }
    Ok(())
}

/// Checks that the archive is the whole file, with nothing before or after it.
fn check_bounds(archive: &Archive<'_>, bytes: &[u8]) -> Result<(), Reason> {
    const END: &[u8] = b"PK\x05\x06";
    const END_LEN: usize = 22;
    if archive.offset() != 0 {
        return Err(Reason::damaged("there is data before the first entry"));
    }
    let end = bytes.len().checked_sub(END_LEN + archive.comment().len());
    match end.and_then(|it| bytes.get(it..)) {
        Some(end) if end.starts_with(END) => Ok(()),
        _ => Err(Reason::TrailingData),
    }
}

/// Checks that no name is listed twice: of two entries with one name, the reader knows only the
/// second.
fn check_names(archive: &Archive<'_>, bytes: &[u8]) -> Result<(), Fault> {
    const HEADER: &[u8] = b"PK\x01\x02";
    const HEADER_LEN: usize = 46;
    if !archive.has_duplicate_names() {
        return Ok(());
    }
    let start = usize::try_from(archive.central_directory_start()).unwrap_or(usize::MAX);
    let mut rest = bytes.get(start..).unwrap_or_default();
    let mut seen = HashSet::new();
    while rest.starts_with(HEADER) && rest.len() >= HEADER_LEN {
        let len = |at: usize| usize::from(u16::from_le_bytes([rest[at], rest[at + 1]]));
        let name = rest.get(HEADER_LEN..HEADER_LEN + len(28)).unwrap_or_default();
        if !seen.insert(name) {
            return Err(Reason::Duplicate.at(name));
        }
        rest = rest.get(HEADER_LEN + len(28) + len(30) + len(32)..).unwrap_or_default();
    }
    Err(Reason::Duplicate.into())
}

/// Checks that a plugin may contain an entry.
fn check(entry: &ZipFileEntry<'_>) -> Result<(), Reason> {
    if entry.encrypted() {
        return Err(Reason::Encrypted);
    }
    // The bits are those of Unix, whatever system the archive names as its origin.
    match (mode(entry.external_attributes()) & TYPE, entry.is_dir()) {
        (0, _) | (DIRECTORY, true) | (REGULAR, false) => (),
        (REGULAR, true) | (DIRECTORY, false) => {
            return Err(Reason::damaged(
                "the name and the mode disagree on whether it is a directory",
            ));
        }
        (kind, _) => return Err(Reason::Kind { kind: entry_kind(kind) }),
    }
    match entry.compression() {
        CompressionMethod::Stored | CompressionMethod::Deflated => Ok(()),
        method => Err(Reason::Method { method: method.to_string() }),
    }
}

/// Returns the Unix mode, or 0.
fn mode(external_attributes: u32) -> u32 {
    external_attributes >> 16
}

fn entry_kind(kind: u32) -> EntryKind {
    match kind {
        0o120_000 => EntryKind::SymbolicLink,
        0o020_000 | 0o060_000 => EntryKind::Device,
        0o010_000 => EntryKind::Fifo,
        0o140_000 => EntryKind::Socket,
        other => EntryKind::Other(other),
    }
}

fn of_zip(err: ZipError) -> Reason {
    match err {
        ZipError::Io(err) => Reason::of(err),
        err => Reason::Damaged(err.into()),
    }
}
