//! The record of one file in the index.

use super::handle::Handle;
use super::verdict::{FITS, LayoutVerdict};
use crate::catalog::codec::Reader;
use crate::catalog::contributions::Contributions;
use crate::catalog::file::Stamp;
use crate::catalog::key::PluginKey;
use crate::catalog::lazy_manifest::LazyManifest;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

/// The file's name can be that of a symbolic link.
pub(super) const IS_LINK: usize = 1;
/// The file was refused.
pub(super) const IS_REFUSED: usize = 2;
/// The plugin is deprecated.
pub(super) const IS_DEPRECATED: usize = 4;
/// The texts contain only visible ASCII characters and spaces.
pub(super) const IS_PLAIN: usize = 8;

/// The offset of the flags of a record.
const FLAGS: usize = Stamp::BYTES + 4;

/// Some records, as they were read at once.
pub(super) struct Source {
    /// Not a slice: what was read would be copied once more.
    pub(super) all: Arc<Vec<u8>>,
    /// Their offset in the index.
    pub(super) at: u64,
    pub(super) index: Arc<Handle>,
    /// The offset of the manifests in the index.
    pub(super) manifests: u64,
    pub(super) dir: PathBuf,
}

/// The record of one file in the index.
#[derive(Clone)]
pub(in crate::catalog) struct Record {
    pub(super) source: Arc<Source>,
    /// The position among the records of its directory, which are sorted by name.
    pub(super) number: u32,
    /// Its beginning and end in the bytes that were read together.
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Record {
    /// Returns the position in the order of its directory.
    pub(in crate::catalog) fn number(&self) -> usize {
        self.number as usize
    }

    fn bytes(&self) -> &[u8] {
        self.source.all.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(self.bytes())
    }

    /// Returns whether it describes a file in its present state; `None` if the file is not a
    /// regular file.
    pub(in crate::catalog) fn is_of(&self, stamp: Option<&Stamp>) -> bool {
        let known = self.reader().take(Stamp::BYTES);
        stamp.is_some_and(|it| known == Some(&it.to_bytes()))
    }

    /// Returns the stamp of the file.
    pub(in crate::catalog) fn stamp(&self) -> Option<Stamp> {
        Stamp::from_bytes(self.reader().take(Stamp::BYTES)?)
    }

    /// Returns whether it is about a regular file.
    pub(in crate::catalog) fn is_of_a_file(&self) -> bool {
        self.reader().take(Stamp::BYTES).is_some_and(|it| it.iter().any(|it| *it != 0))
    }

    /// Returns the file's name.
    pub(in crate::catalog) fn file_name(&self) -> &OsStr {
        name_of(self.name())
    }

    /// Returns whether the file's name can be that of a symbolic link.
    pub(in crate::catalog) fn is_link(&self) -> bool {
        self.flags() & IS_LINK != 0
    }

    fn flags(&self) -> usize {
        let mut reader = self.reader();
        reader.take(FLAGS);
        reader.number().unwrap_or(0)
    }

    /// Returns the bytes of the file's name.
    pub(in crate::catalog) fn name(&self) -> &[u8] {
        let mut reader = self.reader();
        reader.take(FLAGS + 4 * 4);
        reader.bytes().unwrap_or_default()
    }

    /// Returns what is known of the file; `None` if the record is damaged.
    pub(in crate::catalog) fn known(&self) -> Option<Known> {
        let mut reader = self.reader();
        reader.take(Stamp::BYTES)?;
        let is_fitting = reader.number()? == FITS;
        let flags = reader.number()?;
        let (manifest, manifest_len) = (reader.short()?, reader.short()?);
        let name_len = reader.short()?;
        let at = |reader: Reader<'_>| self.end - reader.len();
        reader.bytes()?;
        let key = at(reader);
        let has_key = !reader.bytes()?.is_empty();
        let refusal = at(reader);
        reader.bytes()?;
        let brought = at(reader);
        reader.bytes()?;
        let contributions = at(reader);
        let known = Known {
            record: self.clone(),
            flags: u8::try_from(flags).ok()?,
            is_fitting,
            has_key,
            manifest: (manifest, manifest_len),
            name_len,
            key,
            refusal,
            brought,
            contributions,
        };
        (has_key || known.is_refused()).then_some(known)
    }
}

/// What is known of a file that has not changed. Everything except flags and offsets is left in the
/// index until it is needed.
pub(in crate::catalog) struct Known {
    record: Record,
    flags: u8,
    is_fitting: bool,
    has_key: bool,
    /// The offset of the manifest, and its length.
    manifest: (u32, u32),
    /// How much of the key is the name.
    name_len: u32,
    key: u32,
    refusal: u32,
    brought: u32,
    contributions: u32,
}

impl Known {
    fn text(&self, at: u32) -> &[u8] {
        let all = self.record.source.all.get(at as usize..).unwrap_or_default();
        Reader::new(all).bytes().unwrap_or_default()
    }

    fn is(&self, flag: usize) -> bool {
        usize::from(self.flags) & flag != 0
    }

    /// Returns the bytes of the plugin's full name, if it has a key.
    pub(in crate::catalog) fn name(&self) -> Option<&[u8]> {
        self.raw_key()?.get(..self.name_len as usize)
    }

    /// Returns the plugin's key as it is written, if it has one.
    pub(in crate::catalog) fn raw_key(&self) -> Option<&[u8]> {
        self.has_key.then(|| self.text(self.key))
    }

    /// Returns the plugin's key, if it has one.
    pub(in crate::catalog) fn key(&self) -> Option<PluginKey> {
        std::str::from_utf8(self.raw_key()?).ok()?.parse().ok()
    }

    /// Returns whether the file was refused.
    pub(in crate::catalog) fn is_refused(&self) -> bool {
        self.is(IS_REFUSED)
    }

    /// Returns why the file was refused.
    pub(in crate::catalog) fn refusal(&self) -> &[u8] {
        self.text(self.refusal)
    }

    /// Returns whether the plugin is deprecated.
    pub(in crate::catalog) fn is_deprecated(&self) -> bool {
        self.is(IS_DEPRECATED)
    }

    /// Returns whether its texts are as wide as they have bytes, and can be shown as they are.
    pub(in crate::catalog) fn is_plain(&self) -> bool {
        self.is(IS_PLAIN)
    }

    /// Returns what the plugin provides, as listings show it.
    pub(in crate::catalog) fn brought(&self) -> &[u8] {
        self.text(self.brought)
    }

    /// Returns the file.
    pub(in crate::catalog) fn path(&self) -> PathBuf {
        self.record.source.dir.join(self.record.file_name())
    }

    /// Returns what the plugin contributes.
    pub(in crate::catalog) fn contributions(&self) -> Contributions {
        let own = self.contributions as usize..self.record.end as usize;
        Contributions::stored(&self.record.source.all, own)
    }

    /// Returns the plugin's manifest, which is read when it is needed.
    pub(in crate::catalog) fn manifest(&self) -> LazyManifest {
        let source = &self.record.source;
        let (at, len) = self.manifest;
        let at = source.manifests + u64::from(at);
        LazyManifest::shared(Arc::clone(&source.index.file), at, len as usize)
    }

    /// Returns what is known of the layout of the plugin's root module.
    pub(in crate::catalog) fn layout(&self) -> Option<LayoutVerdict> {
        let stamp = self.record.reader().array()?;
        let source = &self.record.source;
        let place = source.at + u64::from(self.record.start) + Stamp::BYTES as u64;
        let index = Arc::clone(&source.index);
        Some(LayoutVerdict { index, place, stamp, is_fitting: self.is_fitting })
    }
}

/// Returns the name of a file, as the index has it.
#[cfg(unix)]
pub(in crate::catalog) fn name_of(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

/// Returns the name of a file as the index stores it; only Unix has an index.
#[cfg(not(unix))]
pub(in crate::catalog) fn name_of(bytes: &[u8]) -> &OsStr {
    OsStr::new(std::str::from_utf8(bytes).unwrap_or_default())
}
