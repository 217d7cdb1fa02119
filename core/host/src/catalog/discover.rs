//! Looking for plugin libraries in folders.

use super::entry::Entry;
use super::file::Stamp;
use super::folder::{Candidate, Folder};
use super::index::{self, Index, Looked, Section};
use super::key::PluginKey;
use super::reason::Reason;
use super::rules::Rules;
use super::search::{DirOrigin, PluginDir, SearchPath};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{Builder, ScopedJoinHandle};
use std::time::SystemTime;

/// A directory that could not be searched.
#[derive(Debug, thiserror::Error)]
#[error("failed to search plugin directory `{}`", path.display())]
pub struct Warning {
    /// The directory.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// What was found in the directories of the search path.
pub(super) struct Found {
    /// An entry for each library, in search order.
    pub(super) entries: Vec<Entry>,
    /// The files that are not libraries, in search order.
    pub(super) others: Vec<OtherFile>,
    pub(super) warnings: Vec<Warning>,
}

/// A file in the search path that is not a library.
#[derive(Debug, Clone)]
pub struct OtherFile {
    /// The file.
    pub path: PathBuf,
    /// Why its directory is searched.
    pub origin: DirOrigin,
}

/// Looks at the directories of the search path, at files that are known from last time by their
/// stamps alone.
pub(super) fn scan(search: &SearchPath, rules: &Rules, now: SystemTime) -> Found {
    let index = search.index().filter(|_| !rules.allow_panic_abort);
    let known = index.and_then(|it| Index::load(it, rules));
    let (mut folders, mut warnings) = (Vec::new(), Vec::new());
    for dir in search.dirs() {
        match Folder::open(&dir.path) {
            Ok(folder) => folders.push((dir, folder)),
            Err(source) => warnings.extend(warning(dir, source)),
        }
    }
    let mut listings = Vec::new();
    for (dir, folder) in &folders {
        let section = known.as_ref().and_then(|it| it.section(&dir.path));
        let records = section.and_then(|it| known.as_ref()?.records(it));
        // The stamp is taken first: what changes after it does not bear it.
        let stamp = index.and_then(|_| folder.stamp());
        match folder.list(records) {
            Ok((candidates, others)) => {
                listings.push(Listing { dir, stamp, section, candidates, others })
            }
            Err(source) => warnings.extend(warning(dir, source)),
        }
    }
    let candidates: Vec<_> = listings.iter().flat_map(|it| &it.candidates).collect();
    let is_stamped = index.is_some() && (known.is_some() || candidates.len() >= index::MIN_FILES);
    let looks = look_in_parallel(&candidates, is_stamped, known.is_some(), rules);
    if let Some(path) = index.filter(|_| is_stamped) {
        keep(path, rules, known.as_ref(), &listings, &looks, now);
    }
    let others = listings.into_iter().flat_map(|it| {
        let file = |name| OtherFile { path: it.dir.path.join(name), origin: it.dir.origin };
        it.others.into_iter().map(file).collect::<Vec<_>>()
    });
    let others = others.collect();
    Found { entries: looks.into_iter().map(|it| it.entry).collect(), others, warnings }
}

/// What is in one directory.
struct Listing<'l> {
    dir: &'l PluginDir,
    /// The directory before it was listed.
    stamp: Option<Stamp>,
    section: Option<&'l Section>,
    candidates: Vec<Candidate<'l>>,
    others: Vec<OsString>,
}

/// Writes the index again if there is something new, and notes the look at what has not changed.
fn keep(
    path: &Path,
    rules: &Rules,
    known: Option<&Index>,
    listings: &[Listing<'_>],
    looks: &[Look],
    now: SystemTime,
) {
    let mut rest = looks;
    let mut is_new = false;
    let mut looked = Vec::new();
    for listing in listings {
        let (own, behind) = rest.split_at(listing.candidates.len());
        rest = behind;
        let is_settled = |it: &Stamp| it.is_settled(now);
        let is_too_new = own.iter().any(|it| it.stamp.is_some_and(|it| !it.is_settled(now)));
        let stamp = listing.stamp.filter(|it| !is_too_new && is_settled(it));
        let has_new = own.iter().any(|it| it.is_worth_keeping(now));
        is_new |= has_new || stamp.is_some_and(|it| listing.section.is_none_or(|s| !s.is_of(&it)));
        let names = listing.candidates.iter().map(Candidate::name);
        let files = names.zip(own).map(|(name, it)| (name, it.stamp.filter(is_settled), &it.entry));
        let (dir, others) = (&*listing.dir.path, listing.others.clone());
        looked.push(Looked { dir, stamp, files: files.collect(), others });
    }
    if is_new {
        index::save(path, rules, known, &looked, now);
    } else if let Some(known) = known {
        listings.iter().filter_map(|it| it.section).for_each(|it| known.note_look(it, now));
    }
}

/// Returns what to report about a directory that cannot be searched. One that the user has
/// not just named need not exist.
fn warning(dir: &PluginDir, source: io::Error) -> Option<Warning> {
    let is_optional = dir.origin.is_optional() && source.kind() == io::ErrorKind::NotFound;
    (!is_optional).then(|| Warning { path: dir.path.clone(), source })
}

/// A file that was looked at.
struct Look {
    entry: Entry,
    stamp: Option<Stamp>,
    is_known: bool,
}

impl Look {
    /// Returns whether the next run would profit from an index with this file in it.
    fn is_worth_keeping(&self, now: SystemTime) -> bool {
        !self.is_known && self.stamp.is_some_and(|it| it.is_settled(now))
    }

    fn at(candidate: &Candidate<'_>, is_stamped: bool, rules: &Rules) -> Self {
        // The stamp is taken first: what changes after it does not bear it.
        let stamp = is_stamped.then(|| candidate.stamp()).flatten();
        if let Some((stamp, known)) = stamp.and_then(|it| Some((it, candidate.known(&it)?))) {
            let entry = Entry::from_index(candidate.path(), &stamp, known, rules);
            return Self { entry, stamp: Some(stamp), is_known: true };
        }
        let entry = Entry::from_file(candidate.path(), candidate.open(), rules);
        Self { entry, stamp, is_known: false }
    }
}

/// How many files make it worth to start another thread, which costs as much as
/// opening 15 files. Looking up known files is mostly allocation, for which threads
/// of one process wait for each other.
const FILES_PER_THREAD: usize = 40;
const KNOWN_FILES_PER_THREAD: usize = 2000;

/// How many files make it worth to ask how many cores there are, which costs as much
/// as opening 20 files: the standard library reads control groups from the file system.
const FILES_TO_COUNT_CORES: usize = 400;

fn look_in_parallel(
    candidates: &[&Candidate<'_>],
    is_stamped: bool,
    is_indexed: bool,
    rules: &Rules,
) -> Vec<Look> {
    let most = match candidates.len() {
        0..FILES_TO_COUNT_CORES => 2,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let per_thread = if is_indexed { KNOWN_FILES_PER_THREAD } else { FILES_PER_THREAD };
    let n_threads = most.min(candidates.len() / per_thread).max(1);
    let (own, others) = candidates.split_at(candidates.len().div_ceil(n_threads));
    let look = &|candidates: &[&Candidate<'_>]| -> Vec<Look> {
        candidates.iter().map(|it| Look::at(it, is_stamped, rules)).collect()
    };
    if others.is_empty() {
        return look(own);
    }
    std::thread::scope(|scope| {
        let start = |it| (it, Builder::new().spawn_scoped(scope, move || look(it)));
        let others: Vec<_> = others.chunks(own.len()).map(start).collect();
        let mut looks = look(own);
        for (candidates, thread) in others {
            match thread.map(ScopedJoinHandle::join) {
                Ok(Ok(more)) => looks.extend(more),
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // The system has no thread to spare.
                Err(_) => looks.extend(look(candidates)),
            }
        }
        looks
    })
}

/// Marks what was found before, under another path or in an earlier directory.
pub(super) fn shadow(entries: &mut [Entry]) {
    for (idx, first, reason) in shadowed(entries) {
        // What stands for the same plugin in another form is made on purpose.
        let is_copy = matches!(reason, Reason::AlreadyFound { .. })
            && entries[idx].transport() == entries[first].transport();
        if let Some(copy) = entries[idx].path().filter(|_| is_copy).map(Path::to_owned) {
            entries[first].copies.push(copy);
        }
        entries[idx].set_aside(reason);
    }
}

/// Marks the other versions of the plugins that a project demands, but for those that are named
/// for this run.
pub(super) fn shadow_by_project(entries: &mut [Entry], search: &SearchPath) {
    let is_in = |it: &Entry, origin| it.path().is_some_and(|it| search.has(origin, it));
    let demanded: Vec<PluginKey> = entries
        .iter()
        .filter(|it| it.is_usable() && is_in(it, DirOrigin::Project))
        .filter_map(|it| it.key().cloned())
        .collect();
    for entry in entries.iter_mut().filter(|it| it.is_usable() && it.path().is_some()) {
        let is_named = [DirOrigin::Option, DirOrigin::Environment, DirOrigin::Project]
            .iter()
            .any(|origin| is_in(entry, *origin));
        let same = |it: &&PluginKey| entry.key().is_some_and(|key| key.name() == it.name());
        if let Some(key) = demanded.iter().find(same).filter(|_| !is_named) {
            entry.set_aside(Reason::Locked { key: key.clone() });
        }
    }
}

/// Returns what was found before: its place, the place of what counts, and how it is told.
fn shadowed(entries: &[Entry]) -> Vec<(usize, usize, Reason)> {
    let path = |idx: usize| entries[idx].path().map(Path::to_owned);
    let ids = entries.iter().enumerate().filter_map(|(idx, it)| Some((it.id.as_ref()?, idx)));
    let mut found: Vec<_> = repeated(ids.collect())
        .map(|(idx, first)| (idx, first, Reason::SameFile { first: path(first) }))
        .collect();
    let same_file: HashSet<usize> = found.iter().map(|(idx, ..)| *idx).collect();
    // A refused file hides nothing: a good copy further on is used.
    let usable = entries.iter().enumerate();
    let usable = usable.filter(|(idx, it)| it.is_usable() && !same_file.contains(idx));
    let keys = usable.filter_map(|(idx, it)| Some((it.key()?, idx)));
    found.extend(repeated(keys.collect()).filter_map(|(idx, first)| {
        let key = entries[idx].key()?.clone();
        Some((idx, first, Reason::AlreadyFound { key, first: path(first) }))
    }));
    found
}

/// Returns each item whose value stands at an earlier index too, and the first such index.
fn repeated<T: Ord>(mut items: Vec<(T, usize)>) -> impl Iterator<Item = (usize, usize)> {
    items.sort_unstable();
    let mut first = 0;
    (0..items.len()).filter_map(move |at| {
        if items[at].0 != items[first].0 {
            first = at;
        }
        (at != first).then(|| (items[at].1, items[first].1))
    })
}
