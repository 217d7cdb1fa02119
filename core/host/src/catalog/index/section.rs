//! The section of one directory in the index.
//!
//! A section contains a hash table of keys, the records in the order of their files' names, the
//! names of the files that are not libraries, and the manifests.

use super::handle::Handle;
use super::record::{Record, Source, name_of};
use crate::catalog::codec::Reader;
use crate::catalog::file::{self, Stamp};
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// An item of the table: a key, the number of a record, its offset, and its length.
pub(super) const ITEM: usize = 8 + 3 * 4;

/// The numbers in the head of a section.
pub(super) type Numbers = [usize; 7];

/// The maximum number of records that are worth reading one by one.
const MAX_FOUND: usize = 64;

/// The section of one directory in the index.
#[derive(Debug)]
pub(in crate::catalog) struct Section {
    pub(super) dir: PathBuf,
    /// The stamp of the directory at the time when everything in it was known; zeros if something
    /// was not.
    stamp: [u8; Stamp::BYTES],
    looked: u64,
    /// The offset of the time of the last search.
    pub(super) looked_at: u64,
    at: u64,
    n_buckets: usize,
    n_items: usize,
    records_len: usize,
    others_len: usize,
    manifests_len: usize,
    pub(super) n_records: usize,
    /// Whether no two of the files have the same file, the same name, or commands that conflict
    /// with each other or with those of the host.
    is_distinct: bool,
}

/// The records of a directory, sorted by the names of their files.
#[derive(Clone)]
pub(in crate::catalog) struct Records {
    source: Arc<Source>,
    next: usize,
    number: u32,
}

impl Section {
    /// Reads the head of the section at `at` in the index, from a reader of all heads.
    pub(super) fn read(reader: &mut Reader<'_>, at: u64, file_len: u64) -> Option<Self> {
        let before = reader.rest().len();
        let dir = path_of(reader.bytes()?);
        let stamp = reader.array()?;
        let looked_at = at + (before - reader.rest().len()) as u64;
        let (looked, at) = (reader.long()?, reader.long()?);
        let mut number = || reader.number();
        let section = Self {
            dir,
            stamp,
            looked,
            looked_at,
            at,
            n_buckets: number()?,
            n_items: number()?,
            records_len: number()?,
            others_len: number()?,
            manifests_len: number()?,
            n_records: number()?,
            is_distinct: number()? != 0,
        };
        let is_whole = at.checked_add(section.len())? <= file_len && section.n_buckets > 0;
        is_whole.then_some(section)
    }

    /// Returns its bytes in the index.
    pub(super) fn range(&self) -> (u64, u64) {
        (self.at, self.len())
    }

    fn len(&self) -> u64 {
        self.manifests_from_start() + self.manifests_len as u64
    }

    fn items_from_start(&self) -> u64 {
        (self.n_buckets as u64 + 1) * 4
    }

    fn records_from_start(&self) -> u64 {
        self.items_from_start() + (self.n_items * ITEM) as u64
    }

    fn others_from_start(&self) -> u64 {
        self.records_from_start() + self.records_len as u64
    }

    fn manifests_from_start(&self) -> u64 {
        self.others_from_start() + self.others_len as u64
    }

    /// Returns the numbers in the head, for an index that has the same section at another offset.
    pub(super) fn numbers(&self) -> Numbers {
        let Self { n_buckets, n_items, records_len, others_len, manifests_len, n_records, .. } =
            *self;
        let is_distinct = usize::from(self.is_distinct);
        [n_buckets, n_items, records_len, others_len, manifests_len, n_records, is_distinct]
    }

    /// Returns the stored stamp of the directory, and the time when its files were checked.
    pub(super) fn looks(&self) -> ([u8; Stamp::BYTES], u64) {
        (self.stamp, self.looked)
    }

    /// Returns whether the section contains everything in a directory with this stamp.
    pub(in crate::catalog) fn is_of(&self, stamp: &Stamp) -> bool {
        self.stamp == stamp.to_bytes()
    }

    /// Returns whether it has this many files, and all of them are unrelated.
    pub(in crate::catalog) fn has_distinct(&self, n_files: usize) -> bool {
        self.is_distinct && self.n_records == n_files
    }

    /// Returns the time since all files were checked; `None` if that is in the future.
    pub(in crate::catalog) fn age(&self, now: SystemTime) -> Option<Duration> {
        seconds(now).checked_sub(self.looked).map(Duration::from_secs)
    }

    fn read_at(&self, file: &File, from_start: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        let n_read = file::read_at(file, &mut bytes, self.at + from_start).ok()?;
        (n_read == len).then_some(bytes)
    }

    /// Returns all records.
    pub(super) fn records(&self, index: &Arc<Handle>) -> Option<Records> {
        let source = self.source(index, self.records_from_start(), self.records_len)?;
        Some(Records { source, next: 0, number: 0 })
    }

    /// Reads some records.
    fn source(&self, index: &Arc<Handle>, from_start: u64, len: usize) -> Option<Arc<Source>> {
        Some(Arc::new(Source {
            all: Arc::new(self.read_at(&index.file, from_start, len)?),
            at: self.at + from_start,
            index: Arc::clone(index),
            manifests: self.at + self.manifests_from_start(),
            dir: self.dir.clone(),
        }))
    }

    /// Returns the records with any of some keys; `None` if they cannot be read, or if there are so
    /// many that reading all is cheaper.
    pub(super) fn find(&self, index: &Arc<Handle>, keys: &[u64]) -> Option<Vec<Record>> {
        let file = &index.file;
        let mut found: Vec<Record> = Vec::new();
        for key in keys {
            let bucket = bucket(*key, self.n_buckets);
            let bounds = self.read_at(file, bucket as u64 * 4, 8)?;
            let mut bounds = Reader::new(&bounds);
            let (start, end) = (bounds.number()?, bounds.number()?);
            let n_items = end.checked_sub(start).filter(|_| end <= self.n_items)?;
            if n_items == 0 {
                continue;
            }
            let at = self.items_from_start() + (start * ITEM) as u64;
            let items = self.read_at(file, at, n_items * ITEM)?;
            let mut items = Reader::new(&items);
            for _ in 0..n_items {
                let hash = items.long()?;
                let (number, at, len) = (items.number()?, items.number()?, items.number()?);
                if hash != *key || found.iter().any(|it| it.number() == number) {
                    continue;
                }
                if found.len() == MAX_FOUND || at.checked_add(len)? > self.records_len {
                    return None;
                }
                let from_start = self.records_from_start() + at as u64;
                let source = self.source(index, from_start, len)?;
                let (number, end) = (u32::try_from(number).ok()?, u32::try_from(len).ok()?);
                found.push(Record { source, number, start: 0, end });
            }
        }
        Some(found)
    }

    /// Returns the names of the files that are not libraries.
    pub(super) fn others(&self, file: &File) -> Option<Vec<OsString>> {
        if self.others_len == 0 {
            return Some(Vec::new());
        }
        let bytes = self.read_at(file, self.others_from_start(), self.others_len)?;
        let mut reader = Reader::new(&bytes);
        let mut names = Vec::new();
        while !reader.rest().is_empty() {
            names.push(name_of(reader.bytes()?).to_owned());
        }
        Some(names)
    }
}

impl Records {
    /// Returns the number of items without converting them.
    pub(super) fn count_all(&self) -> usize {
        let (mut reader, mut n_records) = (Reader::new(&self.source.all), 0);
        while reader.bytes().is_some() {
            n_records += 1;
        }
        n_records
    }
}

impl Iterator for Records {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let mut reader = Reader::new(self.source.all.get(self.next..)?);
        let len = reader.number().filter(|it| *it <= reader.rest().len())?;
        let start = self.next + 4;
        let number = self.number;
        self.next = start + len;
        self.number += 1;
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(self.next).ok()?);
        Some(Record { source: Arc::clone(&self.source), number, start, end })
    }
}

/// Returns the position of a key in the table.
pub(super) fn bucket(key: u64, n_buckets: usize) -> usize {
    usize::try_from(key % n_buckets as u64).unwrap_or(0)
}

fn path_of(bytes: &[u8]) -> PathBuf {
    name_of(bytes).into()
}

/// Returns a time in seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
