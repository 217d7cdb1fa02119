//! What the index has of one file.

use super::handle::Handle;
use super::verdict::{FITS, LayoutVerdict};
use crate::catalog::codec::{Reader, put_bytes, put_long, put_number};
use crate::catalog::contributions::Contributions;
use crate::catalog::entry::{Entry, Known};
use crate::catalog::file::Stamp;
use crate::catalog::key::PluginKey;
use crate::catalog::lazy_manifest::LazyManifest;
use crate::catalog::name::PluginName;
use crate::catalog::version::PluginVersion;
use crate::causes::with_causes;
use std::ffi::OsString;
use std::sync::Arc;

/// What the index has of one file.
pub(in crate::catalog) struct Record {
    /// The place among the records of its directory, which are in the order of their names.
    pub(super) number: usize,
    /// All records that were read with it.
    pub(super) all: Arc<[u8]>,
    /// Where it begins, and ends, among them.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where it begins in the index.
    pub(super) at: u64,
    /// The index, and where the manifests of its directory begin.
    pub(super) manifests: (Arc<Handle>, u64),
}

impl Record {
    /// Returns the place in the order of its directory.
    pub(in crate::catalog) fn number(&self) -> usize {
        self.number
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(self.all.get(self.start..self.end).unwrap_or_default())
    }

    /// Returns whether it is about a file as it is now; `None` for what is no regular file.
    pub(in crate::catalog) fn is_of(&self, stamp: Option<&Stamp>) -> bool {
        let known = self.reader().take(Stamp::BYTES);
        stamp.is_some_and(|it| known == Some(&it.to_bytes()))
    }

    /// Returns whether it is about a regular file.
    pub(in crate::catalog) fn is_of_a_file(&self) -> bool {
        self.reader().take(Stamp::BYTES).is_some_and(|it| it.iter().any(|it| *it != 0))
    }

    /// Returns the file's name.
    pub(in crate::catalog) fn name(&self) -> &[u8] {
        let mut reader = self.reader();
        reader.take(Stamp::BYTES + 12);
        reader.bytes().unwrap_or_default()
    }

    /// Returns the file's name.
    pub(in crate::catalog) fn file_name(&self) -> OsString {
        name_of(self.name())
    }

    /// Returns what is known of the file; `None` if the record is damaged.
    pub(in crate::catalog) fn known(&self) -> Option<Known> {
        let mut reader = self.reader();
        let stamp = reader.array()?;
        let is_fitting = reader.number()? == FITS;
        let (at, len) = (reader.number()?, reader.number()?);
        reader.bytes()?;
        // The rules for names are those of the host that wrote the index, which is this one.
        let key = match reader.text()? {
            "" => None,
            name => {
                let numbers = [reader.long()?, reader.long()?, reader.long()?];
                let version = PluginVersion::from_parts(numbers, reader.text()?)?;
                Some(PluginKey::exact(PluginName::known(name), version))
            }
        };
        let refusal = Some(reader.text()?).filter(|it| !it.is_empty()).map(str::to_owned);
        let own = self.end - reader.rest().len()..self.end;
        let (index, start) = &self.manifests;
        let manifest = LazyManifest::shared(Arc::clone(&index.file), start + at as u64, len);
        let place = self.at + Stamp::BYTES as u64;
        let layout = LayoutVerdict { index: Arc::clone(index), place, stamp, is_fitting };
        let contributions = Contributions::stored(&self.all, own);
        (key.is_some() || refusal.is_some()).then_some(Known {
            key,
            manifest,
            contributions,
            refusal,
            layout,
        })
    }
}

/// Writes the record of a file, whose manifest begins at `manifest_at`, and has `len` bytes.
pub(super) fn put(
    bytes: &mut Vec<u8>,
    (name, stamp, entry): (&OsString, Option<Stamp>, &Entry),
    (manifest_at, len): (usize, usize),
) {
    bytes.extend(stamp.map_or([0; Stamp::BYTES], Stamp::to_bytes));
    let is_fitting = entry.layout().is_some_and(|it| it.is_fitting);
    put_number(bytes, if is_fitting { FITS } else { 0 });
    put_number(bytes, manifest_at);
    put_number(bytes, len);
    put_bytes(bytes, name.as_encoded_bytes());
    let version = entry.version();
    match entry.key().zip(version.as_ref()) {
        Some((key, version)) => {
            put_bytes(bytes, key.name().as_str().as_bytes());
            let version = version.as_semver();
            for number in [version.major, version.minor, version.patch] {
                put_long(bytes, number);
            }
            put_bytes(bytes, version.pre.as_bytes());
        }
        None => put_bytes(bytes, b""),
    }
    let refusal = entry.refusal().map(|it| with_causes(it)).unwrap_or_default();
    put_bytes(bytes, refusal.as_bytes());
    bytes.extend(entry.contributed());
}

/// Returns the name of a file, as the index has it.
#[cfg(unix)]
pub(in crate::catalog) fn name_of(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

/// Returns the name of a file, as the index has it: only Unix has an index.
#[cfg(not(unix))]
pub(in crate::catalog) fn name_of(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
