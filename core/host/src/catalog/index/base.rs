//! The index as it is opened and read.

use super::handle::Handle;
use super::record::Record;
use super::section::{Records, Section, seconds};
use crate::catalog::codec::Reader;
use crate::catalog::file::{self, Stamp};
use crate::catalog::rules::Rules;
use crate::fnv::Fnv;
use crate::fs;
use crate::identity::LIBRARY_VERSION;
use pintle_plugin::manifest::{INTERFACE_VERSION, TARGET};
use std::hash::Hasher as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// The number of files that makes reading an index worthwhile.
pub(in crate::catalog) const MIN_FILES: usize = 4;

/// How long an unchanged directory is assumed to have the files that were seen in it. Overwriting a
/// file does not change its directory.
pub(in crate::catalog) const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// A larger index was not written by this host.
const MAX_BYTES: u64 = 256 << 20;

/// How many directories the index has at most.
pub(super) const MAX_SECTIONS: usize = 64;

pub(super) const MAGIC: &[u8; 8] = b"PNTLIDX9";

/// How much is read first: the sections of about twenty directories.
const HEAD: usize = 4096;

/// The largest head that is read.
const MAX_HEAD: usize = 1 << 20;

/// The results of earlier searches of plugin directories.
#[derive(Debug)]
pub(in crate::catalog) struct Index {
    pub(super) handle: Arc<Handle>,
    pub(super) sections: Vec<Section>,
}

impl Index {
    /// Reads an index; `None` when there is none for these rules.
    pub(in crate::catalog) fn load(path: &Path, rules: &Rules) -> Option<Self> {
        let (file, metadata) = fs::open_regular(path).ok()?;
        // A file that others can write to proves nothing.
        if metadata.len() > MAX_BYTES || !fs::is_private(&metadata) {
            return None;
        }
        let mut head = vec![0; HEAD];
        let n_read = file::read_at(&file, &mut head, 0).ok()?;
        head.truncate(n_read);
        let mut reader = Reader::new(&head);
        let is_ours = reader.take(MAGIC.len())? == MAGIC;
        let len = reader.number().filter(|it| is_ours && *it <= MAX_HEAD)?;
        if len > head.len() {
            let start = head.len();
            head.resize(len, 0);
            let n_read = file::read_at(&file, &mut head[start..], start as u64).ok()?;
            head.truncate(start + n_read);
        }
        let mut reader = Reader::new(head.get(..len)?);
        reader.take(MAGIC.len() + 4)?;
        if reader.bytes()? != fingerprint(rules).as_bytes() {
            return None;
        }
        let n_sections = reader.number().filter(|it| *it <= MAX_SECTIONS)?;
        let mut sections = Vec::with_capacity(n_sections);
        for _ in 0..n_sections {
            let rest = reader.rest().len();
            sections.push(Section::read(&mut reader, (len - rest) as u64, metadata.len())?);
        }
        let handle = Handle { path: path.to_owned(), file: Arc::new(file) };
        Some(Self { handle: Arc::new(handle), sections })
    }

    /// Returns what is known of a directory.
    pub(in crate::catalog) fn section(&self, dir: &Path) -> Option<&Section> {
        self.sections.iter().find(|it| it.dir == dir)
    }

    /// Returns the records of a directory.
    pub(in crate::catalog) fn records(&self, section: &Section) -> Option<Records> {
        section.records(&self.handle)
    }

    /// Returns everything about a directory with this stamp: the records, and the names of the
    /// files that are not libraries; `None` if the index is incomplete.
    pub(in crate::catalog) fn listing(
        &self,
        section: &Section,
        stamp: &Stamp,
    ) -> Option<(Records, Vec<std::ffi::OsString>)> {
        let records = self.records(section).filter(|_| section.is_of(stamp))?;
        let is_whole = records.count_all() == section.n_records;
        is_whole.then_some((records, self.others(section)?))
    }

    /// Returns the records of a directory that may be needed; `None` if they cannot be read.
    pub(in crate::catalog) fn find(&self, section: &Section, keys: &[u64]) -> Option<Vec<Record>> {
        section.find(&self.handle, keys)
    }

    /// Returns the names of the files of a directory that are not libraries.
    pub(in crate::catalog) fn others(&self, section: &Section) -> Option<Vec<std::ffi::OsString>> {
        section.others(&self.handle.file)
    }

    /// Records that all files of a directory have been checked.
    pub(in crate::catalog) fn note_look(&self, section: &Section, now: SystemTime) {
        if section.age(now).is_none_or(|it| it > MAX_AGE / 10) {
            self.handle.overwrite(section.looked_at, &seconds(now).to_le_bytes());
        }
    }
}

/// Returns everything that determines, besides a file's bytes, whether it is usable and what the
/// index contains about it: mainly the build of the host, and its own commands.
pub(super) fn fingerprint(rules: &Rules) -> String {
    let qualifier = &rules.identity.name_qualifier;
    let build = build();
    let mut core = Fnv::default();
    rules.core_commands.iter().flatten().for_each(|it| core.write(it.as_bytes()));
    let core = core.finish();
    format!("{TARGET} {INTERFACE_VERSION} {LIBRARY_VERSION} {build} {qualifier} {core:x}")
}

/// Returns what distinguishes this build of the host from all others.
fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let stamp = std::env::current_exe().ok().and_then(|it| file::look(&it).ok()?.0);
        stamp.map(|it| format!("{it:?}")).unwrap_or_default()
    })
}
