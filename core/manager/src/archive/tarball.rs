//! Reads tar archives entry by entry, as stored. The extended headers are read here, because their
//! content and length are limited.

use super::capped::Capped;
use super::contents::Contents;
use super::error::{EntryKind, Fault, Reason};
use std::io::{self, Read};
use tar::{EntryType, PaxExtensions};

/// The largest size of an extended header, in bytes.
const MAX_HEADER: u64 = 64 << 10;

/// Reads a tar archive to its end, and the stream as well.
pub(super) fn read(stream: Capped<'_, impl Read>, contents: &mut Contents) -> Result<(), Fault> {
    let (is_at_end, most) = (stream.is_at_end(), stream.budget().most());
    let mut archive = tar::Archive::new(stream);
    let mut extended = Extended::default();
    let mut is_first = true;
    for entry in archive.entries().map_err(Reason::of)?.raw(true) {
        let mut entry = entry.map_err(|err| of_tar(err, is_first, is_at_end.get()))?;
        is_first = false;
        match entry.header().entry_type() {
            EntryType::GNULongName => extended.set_name(read_header(&mut entry)?)?,
            EntryType::XHeader => extended.set_pax(&read_header(&mut entry)?)?,
            // A link follows, which is refused with its name.
            EntryType::GNULongLink => (),
            // For example from `git archive`. It contains nothing about files.
            EntryType::XGlobalHeader => (),
            _ => add(&mut entry, std::mem::take(&mut extended), most, contents)?,
        }
    }
    if extended != Extended::default() || is_at_end.get() {
        return Err(Reason::Truncated.into());
    }
    Ok(check_rest(archive.into_inner())?)
}

/// The properties of the next entry from extended headers.
#[derive(Default, PartialEq)]
struct Extended {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

impl Extended {
    fn set_name(&mut self, mut name: Vec<u8>) -> Result<(), Reason> {
        name.pop_if(|it| *it == 0);
        set_once(&mut self.path, name, "path")
    }

    fn set_pax(&mut self, records: &[u8]) -> Result<(), Reason> {
        for record in PaxExtensions::new(records) {
            let record = record.map_err(Reason::of)?;
            match record.key_bytes() {
                b"path" => set_once(&mut self.path, record.value_bytes().to_vec(), "path")?,
                b"size" => {
                    let size = record.value().ok().and_then(|it| it.parse().ok());
                    let size = size.ok_or(Reason::damaged("the size is not a number"))?;
                    set_once(&mut self.size, size, "size")?;
                }
                key => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Ok(())
    }
}

fn set_once<T>(field: &mut Option<T>, value: T, what: &'static str) -> Result<(), Reason> {
    match field.replace(value) {
        // Programs differ in which one counts, so it cannot be well-intentioned.
        Some(_) => Err(Reason::Ambiguous { what }),
        None => Ok(()),
    }
}

fn add<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    extended: Extended,
    most: u64,
    contents: &mut Contents,
) -> Result<(), Fault> {
    let path = extended.path.unwrap_or_else(|| entry.path_bytes().into_owned());
    contents.count().map_err(|it| it.at(&path))?;
    let size = entry.size();
    // It is for sizes that do not fit into the header, which are far beyond every limit.
    if extended.size.is_some_and(|it| it != size) {
        return Err(Reason::Ambiguous { what: "size" }.at(&path));
    }
    let kind = entry.header().entry_type();
    if extended.is_sparse || !matches!(kind, EntryType::Regular | EntryType::Directory) {
        let kind = if extended.is_sparse { EntryKind::Sparse } else { entry_kind(kind) };
        return Err(Reason::Kind { kind }.at(&path));
    }
    if kind.is_dir() {
        return contents.add_directory(&path, size);
    }
    let mode = entry.header().mode().map_err(|err| Reason::of(err).at(&path))?;
    contents.add_file(&path, mode & 0o111 != 0, size, most, entry)
}

fn entry_kind(kind: EntryType) -> EntryKind {
    match kind {
        EntryType::Symlink => EntryKind::SymbolicLink,
        EntryType::Link => EntryKind::HardLink,
        EntryType::Char | EntryType::Block => EntryKind::Device,
        EntryType::Fifo => EntryKind::Fifo,
        EntryType::GNUSparse => EntryKind::Sparse,
        other => EntryKind::Other(other.as_byte().into()),
    }
}

fn read_header<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, Reason> {
    if entry.size() > MAX_HEADER {
        return Err(Reason::damaged("an extended header is too long"));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(Reason::of)?;
    if bytes.len() as u64 == entry.size() { Ok(bytes) } else { Err(Reason::Truncated) }
}

/// Checks that only zeros follow the last entry, and reads them: a decoder verifies its checksums
/// at the very end.
fn check_rest(mut stream: impl Read) -> Result<(), Reason> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).map_err(Reason::of)? {
            0 => return Ok(()),
            n if buffer[..n].iter().any(|it| *it != 0) => return Err(Reason::TrailingData),
            _ => (),
        }
    }
}

/// Converts an error of the tar reader. Errors of the stream are reasons already.
fn of_tar(err: io::Error, is_first: bool, is_at_end: bool) -> Reason {
    match err.downcast::<Reason>() {
        Ok(reason) => reason,
        Err(err) if is_first => Reason::NotTar(err.into()),
        Err(_) if is_at_end => Reason::Truncated,
        Err(err) => Reason::Damaged(err.into()),
    }
}
