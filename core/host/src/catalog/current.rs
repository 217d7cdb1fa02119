//! Which of several files are one plugin, and which version of a plugin is used.
//!
//! Most plugins exist once, and with thousands of them, this must be cheap. Therefore, only plugins
//! with equal names are compared.

use super::entry::Entry;
use super::reason::Reason;
use crate::fnv;
use std::cmp::Reverse;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::hash::Hash;
use std::path::{Path, PathBuf};

/// Marks plugins that were already found under another path or in an earlier directory, and the
/// current version of each plugin.
pub(super) fn settle(entries: &mut [Entry]) {
    let places = |of: &[Entry]| 0..of.len();
    let ids = places(entries).filter_map(|it| Some((entries[it].id.as_ref()?, it)));
    for (first, others) in repeated(ids) {
        for idx in others {
            let reason = Reason::SameFile { first: path_of(&entries[first]) };
            set_aside(entries, idx, first, reason);
        }
    }
    // A refused file does not shadow a good copy in a later directory.
    let usable = places(entries).filter(|it| entries[*it].is_usable());
    let named: Vec<_> = usable.filter_map(|it| Some((entries[it].raw_name()?, it))).collect();
    let several = repeated(named.iter().copied());
    let named: Vec<_> = named.into_iter().map(|it| it.1).collect();
    for idx in named {
        entries[idx].is_current = true;
    }
    for (first, others) in several {
        let versions: Vec<_> = std::iter::once(first).chain(others).collect();
        let keys = versions.iter().filter_map(|it| Some((entries[*it].key()?.clone(), *it)));
        for (first, others) in repeated(keys) {
            for idx in others {
                let Some(key) = entries[idx].key().cloned() else { continue };
                let reason = Reason::AlreadyFound { key, first: path_of(&entries[first]) };
                set_aside(entries, idx, first, reason);
            }
        }
        let best = highest(entries, &versions);
        versions.into_iter().for_each(|it| entries[it].is_current = Some(it) == best);
    }
}

/// Does the same for plugins that are known to be unrelated.
pub(super) fn settle_distinct(entries: &mut [Entry]) {
    for entry in entries {
        entry.is_current = entry.is_usable() && entry.raw_name().is_some();
    }
}

/// Takes a plugin out of use because of another one.
fn set_aside(entries: &mut [Entry], idx: usize, first: usize, reason: Reason) {
    // Another form of the same plugin was registered deliberately.
    let is_copy = matches!(reason, Reason::AlreadyFound { .. })
        && entries[idx].transport() == entries[first].transport();
    if let Some(copy) = path_of(&entries[idx]).filter(|_| is_copy) {
        entries[first].add_copy(copy);
    }
    entries[idx].set_aside(reason);
}

fn path_of(entry: &Entry) -> Option<PathBuf> {
    entry.path().map(Path::to_owned)
}

/// Returns the highest usable version, stable ones first, and the first of equal ones.
fn highest(entries: &[Entry], versions: &[usize]) -> Option<usize> {
    let usable = versions.iter().copied().filter(|it| entries[*it].is_usable());
    usable.max_by_key(|it| entries[*it].version().map(|v| (v.is_stable(), v, Reverse(*it))))
}

/// Returns the first index of each value that more than one item has, and the other indexes.
fn repeated<T: Eq + Hash>(items: impl Iterator<Item = (T, usize)>) -> Vec<(usize, Vec<usize>)> {
    let n_items = items.size_hint();
    let mut firsts = fnv::Map::default();
    firsts.reserve(n_items.1.unwrap_or(n_items.0));
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (value, idx) in items {
        match firsts.entry(value) {
            Vacant(it) => drop(it.insert(idx)),
            Occupied(it) => found.push((*it.get(), idx)),
        }
    }
    found.sort_unstable();
    let groups = found.chunk_by(|one, other| one.0 == other.0);
    groups.map(|it| (it[0].0, it.iter().map(|it| it.1).collect())).collect()
}
