//! Looking for plugin libraries in folders.

use super::entry::Entry;
use super::file::Stamp;
use super::folder::{Candidate, Folder};
use super::index::{self, Index};
use super::key::PluginKey;
use super::reason::Reason;
use super::rules::Rules;
use super::search::{DirOrigin, PluginDir, SearchPath};
use crate::fs::{Exposure, is_worth_protecting};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{Builder, ScopedJoinHandle};
use std::time::SystemTime;

/// What is wrong with a directory of the search path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// It could not be searched.
    #[error("failed to search plugin directory `{}`", path.display())]
    Unsearched {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may change what is in it, and so it was not searched.
    #[error("plugin directory `{}` is not used: {exposure}", path.display())]
    Unused {
        /// The directory.
        path: PathBuf,
        /// Who may change it.
        exposure: Exposure,
    },
    /// Others may change what is in it.
    #[error("plugin directory `{}` is not safe: {exposure}", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Who may change it.
        exposure: Exposure,
    },
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

/// Looks at the directories of the search path.
pub(super) fn scan(search: &SearchPath, rules: &Rules) -> Found {
    let (mut folders, mut warnings, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for dir in search.dirs() {
        match Folder::open(&dir.path) {
            Ok(folder) => match folder.exposure() {
                None => folders.push((dir, folder)),
                Some(exposure) if is_worth_protecting() => {
                    warnings.push(Warning::Unused { path: dir.path.clone(), exposure });
                }
                Some(exposure) => {
                    warnings.push(Warning::Exposed { path: dir.path.clone(), exposure });
                    folders.push((dir, folder));
                }
            },
            Err(source) => warnings.extend(warning(dir, source)),
        }
    }
    let mut candidates = Vec::new();
    for (dir, folder) in &folders {
        let mut paths = Vec::new();
        match folder.libraries(&mut paths) {
            Ok(found) => candidates.extend(found),
            Err(source) => warnings.extend(warning(dir, source)),
        }
        others.extend(paths.into_iter().map(|path| OtherFile { path, origin: dir.origin }));
    }
    let entries = look_at_all(&candidates, search, rules, SystemTime::now());
    Found { entries, others, warnings }
}

/// Returns what to report about a directory that cannot be searched. One that the user has
/// not just named need not exist.
fn warning(dir: &PluginDir, source: io::Error) -> Option<Warning> {
    let is_optional = dir.origin != DirOrigin::Option && source.kind() == io::ErrorKind::NotFound;
    (!is_optional).then(|| Warning::Unsearched { path: dir.path.clone(), source })
}

/// Looks at all files, at those that are known from last time by their stamps alone.
pub(super) fn look_at_all(
    candidates: &[Candidate<'_>],
    search: &SearchPath,
    rules: &Rules,
    now: SystemTime,
) -> Vec<Entry> {
    let path = search.index().filter(|_| candidates.len() >= index::MIN_FILES);
    let index = path.and_then(|it| Index::load(it, rules));
    let looks = look_in_parallel(candidates, path.is_some(), index.as_ref(), rules);
    if let Some(path) = path {
        let n_new = looks.iter().filter(|it| it.is_worth_keeping(now)).count();
        // Once there is an index, it is worth a writing that it stays whole: a file that is
        // not in it costs a little each time, and was new only once.
        if n_new >= if index.is_some() { 1 } else { index::MIN_FILES } {
            let stamped = looks.iter().filter_map(|it| Some((it.stamp?, &it.entry)));
            index::save(path, rules, stamped, now);
        }
    }
    looks.into_iter().map(|it| it.entry).collect()
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
        let is_settled = self.stamp.is_some_and(|it| it.is_settled(now));
        !self.is_known && is_settled && self.entry.is_usable()
    }

    fn at(candidate: &Candidate<'_>, stamped: bool, index: Option<&Index>, rules: &Rules) -> Self {
        // The stamp is taken first: what changes after it does not bear it.
        let stamp = stamped.then(|| candidate.stamp()).flatten();
        if let Some((stamp, known)) = stamp.and_then(|it| Some((it, index?.find(&it)?))) {
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
    candidates: &[Candidate<'_>],
    stamped: bool,
    index: Option<&Index>,
    rules: &Rules,
) -> Vec<Look> {
    let most = match candidates.len() {
        0..FILES_TO_COUNT_CORES => 2,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let per_thread = if index.is_some() { KNOWN_FILES_PER_THREAD } else { FILES_PER_THREAD };
    let n_threads = most.min(candidates.len() / per_thread).max(1);
    let (own, others) = candidates.split_at(candidates.len().div_ceil(n_threads));
    let look = &|candidates: &[Candidate<'_>]| -> Vec<Look> {
        candidates.iter().map(|it| Look::at(it, stamped, index, rules)).collect()
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
    for (idx, reason) in shadowed(entries) {
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

fn shadowed(entries: &[Entry]) -> Vec<(usize, Reason)> {
    let path = |idx: usize| entries[idx].path().map(Path::to_owned);
    let ids = entries.iter().enumerate().filter_map(|(idx, it)| Some((it.id.as_ref()?, idx)));
    let mut found: Vec<_> = repeated(ids.collect())
        .map(|(idx, first)| (idx, Reason::SameFile { first: path(first) }))
        .collect();
    let same_file: HashSet<usize> = found.iter().map(|(idx, _)| *idx).collect();
    // A refused file hides nothing: a good copy further on is used.
    let usable = entries.iter().enumerate();
    let usable = usable.filter(|(idx, it)| it.is_usable() && !same_file.contains(idx));
    let keys = usable.filter_map(|(idx, it)| Some((it.key()?, idx)));
    found.extend(repeated(keys.collect()).filter_map(|(idx, first)| {
        let key = entries[idx].key()?.clone();
        Some((idx, Reason::AlreadyFound { key, first: path(first) }))
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
