//! Looking for plugin libraries in directories.

use super::entry::Entry;
use super::file::Stamp;
use super::folder::{Candidate, Folder};
use super::index::{self, Index, Looked, Section};
use super::key::PluginKey;
use super::reason::Reason;
use super::rules::Rules;
use super::search::{DirOrigin, PluginDir, SearchPath};
use crate::fs::{Exposure, is_worth_protecting};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{Builder, ScopedJoinHandle};
use std::time::SystemTime;

/// A problem with a directory of the search path.
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
    /// Others can change its contents, so it was not searched.
    #[error("plugin directory `{}` is ignored: {exposure}", path.display())]
    Unused {
        /// The directory.
        path: PathBuf,
        /// Who can change it.
        exposure: Exposure,
    },
    /// Others can change its contents.
    #[error("plugin directory `{}` is not safe: {exposure}", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Who can change it.
        exposure: Exposure,
    },
}

/// The results of searching the directories of the search path.
#[derive(Default)]
pub(super) struct Found {
    /// An entry for each library, in search order.
    pub(super) entries: Vec<Entry>,
    /// The files that are not libraries, in search order.
    pub(super) others: Vec<OtherFile>,
    pub(super) warnings: Vec<Warning>,
    /// Whether the index is up to date for all libraries.
    pub(super) is_indexed: bool,
    /// Whether it is known that no two of the entries are related.
    pub(super) is_distinct: bool,
}

/// A file in the search path that is not a library.
#[derive(Debug, Clone)]
pub struct OtherFile {
    /// The file.
    pub path: PathBuf,
    /// Why its directory is searched.
    pub origin: DirOrigin,
}

/// Searches the directories of the search path; files that did not change since the last search are
/// recognized by their stamps.
pub(super) fn scan(search: &SearchPath, rules: &Rules, now: SystemTime) -> Found {
    let found = try_scan(search, rules, now, true).or_else(|| try_scan(search, rules, now, false));
    found.expect("what is listed is there")
}

/// Searches the directories; if `is_trusting`, directories that did not change are not listed
/// again. `None` if the index lists a file that does not exist: the index is damaged.
fn try_scan(
    search: &SearchPath,
    rules: &Rules,
    now: SystemTime,
    is_trusting: bool,
) -> Option<Found> {
    let index = search.index().filter(|_| !rules.allow_panic_abort);
    let known = index.and_then(|it| Index::load(it, rules));
    let (mut folders, mut warnings) = (Vec::new(), Vec::new());
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
    let mut listings = Vec::new();
    for (dir, folder) in &folders {
        let section = known.as_ref().and_then(|it| it.section(&dir.path));
        // The stamp is taken first, so it does not cover later changes.
        let stamp = index.and_then(|_| folder.stamp());
        let records = || section.and_then(|it| known.as_ref()?.records(it));
        let whole = stamp.filter(|_| is_trusting);
        let listing = match whole.and_then(|it| known.as_ref()?.listing(section?, &it)) {
            Some((records, others)) => Ok((folder.listed(records), others)),
            None => folder.list(records()),
        };
        match listing {
            Ok((candidates, others)) => {
                listings.push(Listing { dir, stamp, section, candidates, others })
            }
            Err(source) => warnings.extend(warning(dir, source)),
        }
    }
    let candidates: Vec<_> = listings.iter().flat_map(|it| &it.candidates).collect();
    let is_stamped = index.is_some() && (known.is_some() || candidates.len() >= index::MIN_FILES);
    let (entries, looks) = look_in_parallel(&candidates, is_stamped, known.is_some(), rules);
    if looks.iter().any(|it| it.is_lost) {
        return None;
    }
    if let Some(path) = index.filter(|_| is_stamped) {
        keep(path, rules, known.as_ref(), &listings, (&entries, &looks), now);
    }
    let is_indexed = looks.iter().all(|it| it.is_known);
    let with_files: Vec<_> = listings.iter().filter(|it| !it.candidates.is_empty()).collect();
    let is_distinct = match with_files[..] {
        [Listing { section: Some(it), .. }] => it.has_distinct(looks.len()) && is_indexed,
        _ => false,
    };
    let others = listings.into_iter().flat_map(|it| {
        let file = |name| OtherFile { path: it.dir.path.join(name), origin: it.dir.origin };
        it.others.into_iter().map(file).collect::<Vec<_>>()
    });
    let others = others.collect();
    Some(Found { entries, others, warnings, is_indexed, is_distinct })
}

/// The contents of one directory.
struct Listing<'l> {
    dir: &'l PluginDir,
    /// The directory before it was listed.
    stamp: Option<Stamp>,
    section: Option<&'l Section>,
    candidates: Vec<Candidate<'l>>,
    others: Vec<OsString>,
}

/// Writes the index if anything is new, and records the search of unchanged directories.
fn keep(
    path: &Path,
    rules: &Rules,
    known: Option<&Index>,
    listings: &[Listing<'_>],
    (mut entries, mut looks): (&[Entry], &[Look]),
    now: SystemTime,
) {
    let mut is_new = false;
    let mut looked = Vec::new();
    for listing in listings {
        let (own, behind) = looks.split_at(listing.candidates.len());
        looks = behind;
        let (own_entries, behind) = entries.split_at(listing.candidates.len());
        entries = behind;
        let is_settled = |it: &Stamp| it.is_settled(now);
        let is_too_new = own.iter().any(|it| it.is_too_new(now));
        let stamp = listing.stamp.filter(|it| !is_too_new && is_settled(it));
        let has_new = own.iter().any(|it| it.is_worth_keeping(now));
        is_new |= has_new || stamp.is_some_and(|it| listing.section.is_none_or(|s| !s.is_of(&it)));
        looked.push((listing, stamp, own_entries, own));
    }
    if is_new {
        let looked: Vec<_> = looked.into_iter().map(|it| looked_at(it, now)).collect();
        index::save(path, rules, known, &looked, now);
    } else if let Some(known) = known {
        listings.iter().filter_map(|it| it.section).for_each(|it| known.note_look(it, now));
    }
}

fn looked_at<'l>(
    (listing, stamp, entries, looks): (&'l Listing<'_>, Option<Stamp>, &'l [Entry], &'l [Look]),
    now: SystemTime,
) -> Looked<'l> {
    let names = listing.candidates.iter().map(Candidate::name);
    let stamp_of = |candidate: &Candidate<'_>, look: &Look| match look.is_known {
        true => candidate.known_stamp(),
        false => look.stamp.as_deref().copied().filter(|it| it.is_settled(now)),
    };
    let stamps = listing.candidates.iter().zip(looks).map(|(it, look)| stamp_of(it, look));
    let files = names.zip(entries).zip(stamps).map(|((name, entry), stamp)| (name, stamp, entry));
    let (dir, others) = (&*listing.dir.path, listing.others.clone());
    Looked { dir, stamp, files: files.collect(), others }
}

/// Returns the warning about a directory that cannot be searched. Only a directory that the user
/// has just named must exist.
fn warning(dir: &PluginDir, source: io::Error) -> Option<Warning> {
    let is_optional = dir.origin.is_optional() && source.kind() == io::ErrorKind::NotFound;
    (!is_optional).then(|| Warning::Unsearched { path: dir.path.clone(), source })
}

/// What is known of a file besides its entry.
struct Look {
    /// The stamp of a file that is not known. Boxed, because most files are known.
    stamp: Option<Box<Stamp>>,
    is_known: bool,
    /// Whether the index contains a file that is no longer in the directory.
    is_lost: bool,
}

impl Look {
    /// Returns whether the next run would benefit from an index that contains this file.
    fn is_worth_keeping(&self, now: SystemTime) -> bool {
        !self.is_known && self.stamp.as_ref().is_some_and(|it| it.is_settled(now))
    }

    /// Returns whether the file changed so recently that its next change may have the same stamp.
    fn is_too_new(&self, now: SystemTime) -> bool {
        !self.is_known && self.stamp.as_ref().is_some_and(|it| !it.is_settled(now))
    }

    /// Examines a file, and adds it to `entries`, where its entry is created in place.
    fn at(
        candidate: &Candidate<'_>,
        is_stamped: bool,
        rules: &Rules,
        entries: &mut Vec<Entry>,
    ) -> Self {
        // The stamp is taken first, so it does not cover later changes.
        let stamp = is_stamped.then(|| candidate.stamp()).flatten();
        let is_link = candidate.is_link();
        if let Some((stamp, known)) = stamp.and_then(|it| Some((it, candidate.known(&it)?))) {
            entries.push(Entry::from_index(is_link, &stamp, known, rules));
            return Self { stamp: None, is_known: true, is_lost: false };
        }
        entries.push(Entry::from_file(candidate.path(), is_link, candidate.open(), rules));
        let is_lost = stamp.is_none() && candidate.should_exist();
        Self { stamp: stamp.map(Box::new), is_known: false, is_lost }
    }
}

/// The number of files that makes another thread worthwhile; starting one costs as much as opening
/// 15 files. Looking up known files is mostly allocation, for which threads of one process wait for
/// each other.
const FILES_PER_THREAD: usize = 40;
const KNOWN_FILES_PER_THREAD: usize = 2000;

/// The number of files that makes it worthwhile to query the number of cores, which costs as much
/// as opening 20 files: the standard library reads control groups from the file system.
const FILES_TO_COUNT_CORES: usize = 400;

fn look_in_parallel(
    candidates: &[&Candidate<'_>],
    is_stamped: bool,
    is_indexed: bool,
    rules: &Rules,
) -> (Vec<Entry>, Vec<Look>) {
    let most = match candidates.len() {
        0..FILES_TO_COUNT_CORES => 2,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let per_thread = if is_indexed { KNOWN_FILES_PER_THREAD } else { FILES_PER_THREAD };
    let n_threads = most.min(candidates.len() / per_thread).max(1);
    let (own, others) = candidates.split_at(candidates.len().div_ceil(n_threads));
    let look = &|own: &[&Candidate<'_>], n_all: usize| -> (Vec<Entry>, Vec<Look>) {
        let (mut entries, mut looks) = (Vec::with_capacity(n_all), Vec::with_capacity(n_all));
        for it in own {
            looks.push(Look::at(it, is_stamped, rules, &mut entries));
        }
        (entries, looks)
    };
    if others.is_empty() {
        return look(own, own.len());
    }
    std::thread::scope(|scope| {
        let start = |it| (it, Builder::new().spawn_scoped(scope, move || look(it, it.len())));
        let others: Vec<_> = others.chunks(own.len()).map(start).collect();
        let (mut entries, mut looks) = look(own, candidates.len());
        for (candidates, thread) in others {
            let (more_entries, more_looks) = match thread.map(ScopedJoinHandle::join) {
                Ok(Ok(more)) => more,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // The system has no thread to spare.
                Err(_) => look(candidates, candidates.len()),
            };
            entries.extend(more_entries);
            looks.extend(more_looks);
        }
        (entries, looks)
    })
}

/// Marks the other versions of the plugins that a project requires, except for those that are named
/// for this run.
pub(super) fn shadow_by_project(entries: &mut [Entry], search: &SearchPath) {
    if search.dirs().iter().all(|it| it.origin != DirOrigin::Project) {
        return;
    }
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
