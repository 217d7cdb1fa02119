//! The part of the catalog that one command or one event requires, from the index only.
//!
//! The result corresponds to the whole catalog: it contains all files with the name of each plugin,
//! of which one is current, and all commands that could conflict with a command. Their files are
//! compared with their records; no other file is checked.

use super::discover::OtherFile;
use super::entry::Entry;
use super::file::{self, Stamp};
use super::index::{self, Index, Record, Section, Wanted};
use super::rules::Rules;
use super::search::{PluginDir, SearchPath};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::SystemTime;

/// The maximum number of files that are worth looking up one by one.
const MAX_WANTED: usize = 64;

/// A directory that the index has as it is.
struct Known<'i> {
    dir: &'i PluginDir,
    section: &'i Section,
}

/// Returns the matching files, in the order of the search path, and all files that are not
/// libraries; `None` if the directories themselves must be searched.
pub(super) fn find(
    search: &SearchPath,
    rules: &Rules,
    wanted: Wanted<'_>,
    now: SystemTime,
) -> Option<(Vec<Entry>, Vec<OtherFile>)> {
    let index = search.index().filter(|_| !rules.allow_panic_abort)?;
    let index = Index::load(index, rules)?;
    let mut known = Vec::new();
    for dir in search.dirs() {
        match file::look(&dir.path) {
            // The whole catalog reports directories that others can change, and missing ones that
            // were named for this run.
            Ok((stamp, None)) => {
                known.push(Known { dir, section: trusted(&index, dir, &stamp?, now)? });
            }
            Err(err) if err.kind() == ErrorKind::NotFound && dir.origin.is_optional() => {}
            _ => return None,
        }
    }
    let mut found = BTreeMap::new();
    let keys = wanted.keys();
    add(&index, &known, &keys, rules, &mut found)?;
    if let Wanted::Command(_) = wanted {
        let longer = found.values().flat_map(|it: &Entry| it.lines().map(|it| it.words.to_owned()));
        let longer: Vec<_> = longer
            .filter(|it| keys.contains(&index::command(it)))
            .map(|it| index::below(&it))
            .collect();
        add(&index, &known, &longer, rules, &mut found)?;
    }
    let names = found.values().filter_map(Entry::key).map(|it| index::name(it.name().as_str()));
    let names: Vec<_> = names.collect();
    add(&index, &known, &names, rules, &mut found)?;
    let mut others = Vec::new();
    for Known { dir, section } in known {
        let file = |name| OtherFile { path: dir.path.join(name), origin: dir.origin };
        others.extend(index.others(section)?.into_iter().map(file));
    }
    Some((found.into_values().collect(), others))
}

/// Returns the section of a directory in the index, if it is reliably complete.
fn trusted<'i>(
    index: &'i Index,
    dir: &PluginDir,
    stamp: &Stamp,
    now: SystemTime,
) -> Option<&'i Section> {
    let section = index.section(&dir.path).filter(|it| it.is_of(stamp))?;
    section.age(now).is_some_and(|it| it <= index::MAX_AGE).then_some(section)
}

/// Adds the files with any of some keys; `None` if one of them has changed.
fn add(
    index: &Index,
    known: &[Known<'_>],
    keys: &[u64],
    rules: &Rules,
    found: &mut BTreeMap<(usize, usize), Entry>,
) -> Option<()> {
    for (place, Known { dir, section }) in known.iter().enumerate() {
        for record in index.find(section, keys)? {
            let at = (place, record.number());
            if found.contains_key(&at) {
                continue;
            }
            if found.len() == MAX_WANTED {
                return None;
            }
            found.insert(at, entry(dir, &record, rules)?);
        }
    }
    Some(())
}

fn entry(dir: &PluginDir, record: &Record, rules: &Rules) -> Option<Entry> {
    let path = dir.path.join(record.file_name());
    let stamp = file::look(&path).ok()?.0?;
    if !record.is_of(Some(&stamp)) {
        return None;
    }
    Some(Entry::from_index(record.is_link(), &stamp, record.known()?, rules))
}
