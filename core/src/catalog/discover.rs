//! Looking for plugin libraries in folders.

use super::entry::Entry;
use super::examine::FileId;
use super::key::PluginKey;
use super::search::SearchPath;
use super::{Rules, Warning};
use std::collections::HashMap;
use std::ffi::OsString;
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
    (examine_all(paths, rules), warnings)
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

fn examine_all(paths: Vec<PathBuf>, rules: &Rules) -> Vec<Entry> {
    paths.into_iter().map(|path| Entry::from_file(path, rules)).collect()
}

/// Marks what was found before, under another path or in an earlier folder.
pub(super) fn shadow(entries: &mut [Entry]) {
    let mut files = HashMap::<FileId, usize>::new();
    let mut keys = HashMap::<PluginKey, usize>::new();
    for idx in 0..entries.len() {
        let reason =
            same_file(entries, idx, &mut files).or_else(|| same_key(entries, idx, &mut keys));
        if let Some(reason) = reason {
            entries[idx].shadow(reason);
        }
    }
}

fn same_file(entries: &[Entry], idx: usize, seen: &mut HashMap<FileId, usize>) -> Option<String> {
    let first = *seen.entry(entries[idx].id?).or_insert(idx);
    (first != idx).then(|| format!("it is the same file as {}", entries[first].place()))
}

fn same_key(entries: &[Entry], idx: usize, seen: &mut HashMap<PluginKey, usize>) -> Option<String> {
    // A refused file hides nothing: a good copy further on is used.
    if !entries[idx].is_usable() {
        return None;
    }
    let key = entries[idx].key()?;
    let first = *seen.entry(key.clone()).or_insert(idx);
    (first != idx).then(|| format!("`{key}` is already found in {}", entries[first].place()))
}
