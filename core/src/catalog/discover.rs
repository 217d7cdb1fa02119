//! Looking for plugin libraries in folders.

use super::entry::Entry;
use super::examine::FileId;
use super::key::PluginKey;
use super::search::SearchPath;
use super::{Rules, Warning};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::ffi::OsString;
use std::hash::Hash;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Returns an entry for each file that could be a plugin, in search order.
pub(super) fn scan(search: &SearchPath, rules: &Rules) -> (Vec<Entry>, Vec<Warning>) {
    let mut paths = Vec::new();
    let mut warnings = Vec::new();
    for dir in search.dirs() {
        match libraries(&dir.path) {
            Ok(found) => paths.extend(found),
            Err(source) => warnings.push(Warning { path: dir.path.clone(), source }),
        }
    }
    (examine_all(&paths, rules), warnings)
}

/// Returns what bears the platform's library suffix in a folder, sorted by name.
fn libraries(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(err),
    };
    let mut names: Vec<OsString> = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if name.as_encoded_bytes().ends_with(std::env::consts::DLL_SUFFIX.as_bytes()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names.into_iter().map(|it| dir.join(it)).collect())
}

/// How many files make it worth to start another thread, which costs as much as 20 files.
const FILES_PER_THREAD: usize = 128;

fn examine_all(paths: &[PathBuf], rules: &Rules) -> Vec<Entry> {
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let n_threads = n_cores.min(paths.len() / FILES_PER_THREAD).max(1);
    let (own, others) = paths.split_at(paths.len().div_ceil(n_threads));
    let examine = |paths: &[PathBuf]| -> Vec<Entry> {
        paths.iter().map(|it| Entry::from_file(it.clone(), rules)).collect()
    };
    if others.is_empty() {
        return examine(own);
    }
    std::thread::scope(|scope| {
        let others: Vec<_> =
            others.chunks(own.len()).map(|it| scope.spawn(move || examine(it))).collect();
        let mut entries = examine(own);
        for other in others {
            match other.join() {
                Ok(found) => entries.extend(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        entries
    })
}

/// Marks what was found before, under another path or in an earlier folder.
pub(super) fn shadow(entries: &mut [Entry]) {
    for (idx, reason) in shadowed(entries) {
        entries[idx].shadow(reason);
    }
}

fn shadowed(entries: &[Entry]) -> Vec<(usize, String)> {
    let mut files = HashMap::<&FileId, &Entry>::new();
    let mut keys = HashMap::<&PluginKey, &Entry>::new();
    let mut found = Vec::new();
    for (idx, entry) in entries.iter().enumerate() {
        if let Some(first) = entry.id.as_ref().and_then(|it| insert_first(&mut files, it, entry)) {
            found.push((idx, format!("it is the same file as {}", first.place())));
            continue;
        }
        // A refused file hides nothing: a good copy further on is used.
        let Some(key) = entry.key().filter(|_| entry.is_usable()) else { continue };
        if let Some(first) = insert_first(&mut keys, key, entry) {
            found.push((idx, format!("`{key}` is already found in {}", first.place())));
        }
    }
    found
}

/// Returns what stands at `key` already, or puts `value` there.
fn insert_first<K: Eq + Hash, V: Copy>(map: &mut HashMap<K, V>, key: K, value: V) -> Option<V> {
    match map.entry(key) {
        Slot::Occupied(slot) => Some(*slot.get()),
        Slot::Vacant(slot) => {
            slot.insert(value);
            None
        }
    }
}
