//! Writing an index.

use super::base::{Index, MAGIC, MAX_SECTIONS, fingerprint};
use super::keys;
use super::record::{IS_DEPRECATED, IS_LINK, IS_PLAIN, IS_REFUSED};
use super::section::{Numbers, Section, bucket, seconds};
use super::verdict::FITS;
use crate::catalog::codec::{put_bytes, put_long, put_number};
use crate::catalog::distinct;
use crate::catalog::entry::Entry;
use crate::catalog::file::{self, Stamp};
use crate::catalog::rules::Rules;
use crate::causes::with_causes;
use crate::fs;
use crate::plain::is_plain;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A directory, all of whose files have been checked.
pub(in crate::catalog) struct Looked<'l> {
    pub(in crate::catalog) dir: &'l Path,
    /// The stamp of the directory from before that; `None` if its next change may have the same
    /// stamp, or one of its files is too new to be known.
    pub(in crate::catalog) stamp: Option<Stamp>,
    /// The libraries, sorted by name; a file that is too new to be known is left out.
    pub(in crate::catalog) files: Vec<(&'l OsStr, Option<Stamp>, &'l Entry)>,
    /// The names of the other files.
    pub(in crate::catalog) others: Vec<OsString>,
}

/// The numbers at the head of a section, and its bytes.
struct Written {
    dir: Vec<u8>,
    stamp: [u8; Stamp::BYTES],
    looked: u64,
    numbers: Numbers,
    bytes: Vec<u8>,
}

/// Writes an index of some directories, and of those that are known from `before` and still exist.
/// A failure is not an error: the files are then opened again next time.
pub(in crate::catalog) fn save(
    path: &Path,
    rules: &Rules,
    before: Option<&Index>,
    looked: &[Looked<'_>],
    now: SystemTime,
) {
    let mut sections: Vec<_> = looked.iter().map(|it| written(it, rules, now)).collect();
    let is_new = |dir: &Path| looked.iter().any(|it| it.dir == dir);
    for section in before.iter().flat_map(|it| &it.sections) {
        if sections.len() < MAX_SECTIONS && !is_new(&section.dir) && section.dir.is_dir() {
            sections.extend(before.and_then(|it| copied(it, section)));
        }
    }
    let _ = write(path, &encoded(&sections, rules));
}

fn copied(index: &Index, section: &Section) -> Option<Written> {
    let (at, len) = section.range();
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    let n_read = file::read_at(&index.handle.file, &mut bytes, at).ok()?;
    let (stamp, looked) = section.looks();
    (n_read == bytes.len()).then(|| Written {
        dir: section.dir.as_os_str().as_encoded_bytes().to_vec(),
        stamp,
        looked,
        numbers: section.numbers(),
        bytes,
    })
}

fn written(looked: &Looked<'_>, rules: &Rules, now: SystemTime) -> Written {
    let (mut records, mut manifests, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let mut items = Vec::new();
    for (number, file) in looked.files.iter().enumerate() {
        let json = file.2.manifest_json();
        let mut bytes = Vec::new();
        put_record(&mut bytes, *file, (manifests.len(), json.len()));
        let at = records.len() + 4;
        items.extend(keys::of(file.2).into_iter().map(|key| (key, number, at, bytes.len())));
        put_bytes(&mut records, &bytes);
        manifests.extend(&*json);
    }
    looked.others.iter().for_each(|it| put_bytes(&mut others, it.as_encoded_bytes()));
    let n_buckets = items.len().max(1).next_power_of_two();
    items.sort_by_key(|it| (bucket(it.0, n_buckets), it.0, it.1));
    let mut bytes = Vec::new();
    let mut n_before = 0;
    for it in 0..=n_buckets {
        n_before +=
            items[n_before..].iter().take_while(|item| bucket(item.0, n_buckets) < it).count();
        put_number(&mut bytes, n_before);
    }
    for (key, number, at, len) in &items {
        put_long(&mut bytes, *key);
        [number, at, len].into_iter().for_each(|it| put_number(&mut bytes, *it));
    }
    let entries = looked.files.iter().map(|it| it.2);
    let is_distinct = distinct::are_distinct(entries, &rules.core_commands);
    let (n_records, is_distinct) = (looked.files.len(), usize::from(is_distinct));
    let numbers = [
        n_buckets,
        items.len(),
        records.len(),
        others.len(),
        manifests.len(),
        n_records,
        is_distinct,
    ];
    bytes.extend([records, others, manifests].concat());
    Written {
        dir: looked.dir.as_os_str().as_encoded_bytes().to_vec(),
        stamp: looked.stamp.map_or([0; Stamp::BYTES], Stamp::to_bytes),
        looked: seconds(now),
        numbers,
        bytes,
    }
}

/// Writes the record of a file, whose manifest begins at `manifest_at` and has `len` bytes.
fn put_record(
    bytes: &mut Vec<u8>,
    (name, stamp, entry): (&OsStr, Option<Stamp>, &Entry),
    (manifest_at, len): (usize, usize),
) {
    bytes.extend(stamp.map_or([0; Stamp::BYTES], Stamp::to_bytes));
    let is_fitting = entry.layout().is_some_and(|it| it.is_fitting);
    put_number(bytes, if is_fitting { FITS } else { 0 });
    let key = entry.key().map(ToString::to_string).unwrap_or_default();
    let refusal = entry.refusal().map(|it| with_causes(it)).unwrap_or_default();
    let brought = entry.brought();
    let lines = entry.raw_lines().flat_map(|it| [it.words, it.about]);
    let mut shown = lines.chain([key.as_bytes(), refusal.as_bytes(), &brought]);
    let flags = [
        (IS_LINK, entry.is_link()),
        (IS_REFUSED, entry.refusal().is_some()),
        (IS_DEPRECATED, entry.deprecated().is_some()),
        (IS_PLAIN, shown.all(is_plain)),
    ];
    put_number(bytes, flags.iter().filter(|it| it.1).map(|it| it.0).sum());
    put_number(bytes, manifest_at);
    put_number(bytes, len);
    put_number(bytes, entry.key().map_or(0, |it| it.name().as_str().len()));
    for text in [name.as_encoded_bytes(), key.as_bytes(), refusal.as_bytes(), &brought] {
        put_bytes(bytes, text);
    }
    bytes.extend(entry.contributed());
}

fn encoded(sections: &[Written], rules: &Rules) -> Vec<u8> {
    let fingerprint = fingerprint(rules);
    let head = |it: &Written| 4 + it.dir.len() + Stamp::BYTES + 8 + 8 + it.numbers.len() * 4;
    let len = MAGIC.len() + 4 + 4 + fingerprint.len() + 4;
    let len = len + sections.iter().map(head).sum::<usize>();
    let mut bytes = MAGIC.to_vec();
    put_number(&mut bytes, len);
    put_bytes(&mut bytes, fingerprint.as_bytes());
    put_number(&mut bytes, sections.len());
    let mut at = len as u64;
    for section in sections {
        put_bytes(&mut bytes, &section.dir);
        bytes.extend(section.stamp);
        put_long(&mut bytes, section.looked);
        put_long(&mut bytes, at);
        section.numbers.iter().for_each(|it| put_number(&mut bytes, *it));
        at += section.bytes.len() as u64;
    }
    sections.iter().for_each(|it| bytes.extend(&it.bytes));
    bytes
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory: PathBuf = path.parent().unwrap_or_else(|| Path::new(".")).to_owned();
    std::fs::create_dir_all(directory)?;
    Ok(fs::replace(path, bytes, fs::Mode::Keep(0o600))?)
}
