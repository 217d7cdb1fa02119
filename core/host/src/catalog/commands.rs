//! Which plugin a command line calls, and which commands collide.
//!
//! Invariants: a plugin never shadows a core command. Two commands collide if one's
//! path is the other's or begins with it, as then one of them could not be called.

use super::clash::{Claim, Clash, CommandConflict, Rival};
use super::entry::Entry;
use super::key::PluginKey;
use super::name::PluginName;
use pintle_plugin::manifest::ManifestCommand;
use std::cmp::Reverse;

/// Finds the command of a plugin that `words` begin with, the longest if there are several.
pub(super) fn find<'c>(
    entries: &'c [Entry],
    words: &[String],
) -> Result<Option<(&'c Entry, &'c ManifestCommand)>, CommandConflict> {
    let called = all(entries)
        .filter(|(entry, command)| words.starts_with(&command.path) && !is_core(entry, command))
        // The first of several equal ones; `max_by_key` would give the last.
        .reduce(|best, it| if it.1.path.len() > best.1.path.len() { it } else { best });
    let Some((entry, command)) = called else { return Ok(None) };
    let mut claims: Vec<_> = rivals(entry, command).collect();
    if claims.is_empty() {
        return Ok(Some((entry, command)));
    }
    let own = entry.key().map(|it| Claim { plugin: it.clone(), command: command.path.clone() });
    claims.extend(own);
    claims.sort();
    Err(CommandConflict { command: command.path.clone(), claims })
}

/// Returns the commands that can be called by their bare words.
pub(super) fn callable(entries: &[Entry]) -> impl Iterator<Item = (&Entry, &ManifestCommand)> {
    all(entries).filter(|(entry, command)| clashes(entry, command).next().is_none())
}

fn all(entries: &[Entry]) -> impl Iterator<Item = (&Entry, &ManifestCommand)> {
    let current = entries.iter().filter(|it| it.is_current);
    current.flat_map(|entry| entry.commands().iter().map(move |it| (entry, it)))
}

fn clashes<'c>(entry: &'c Entry, command: &ManifestCommand) -> impl Iterator<Item = &'c Clash> {
    entry.clashes.iter().filter(move |it| it.command == command.path)
}

fn is_core(entry: &Entry, command: &ManifestCommand) -> bool {
    clashes(entry, command).any(|it| it.rival == Rival::Core)
}

fn rivals(entry: &Entry, command: &ManifestCommand) -> impl Iterator<Item = Claim> {
    clashes(entry, command).filter_map(|it| match &it.rival {
        Rival::Plugin(claim) => Some(claim.clone()),
        Rival::Core => None,
    })
}

/// Marks the current version of each plugin, and the commands of those that collide.
pub(super) fn settle(entries: &mut [Entry], core_commands: &[Vec<String>]) {
    for idx in current(entries) {
        entries[idx].is_current = true;
    }
    for (idx, clash) in collisions(entries, core_commands) {
        let clashes = &mut entries[idx].clashes;
        if !clashes.contains(&clash) {
            clashes.push(clash);
        }
    }
}

/// Returns what the commands of a plugin that is not in the catalog would collide with.
pub(super) fn foreseen(
    entries: &[Entry],
    key: &PluginKey,
    commands: &[ManifestCommand],
    core_commands: &[Vec<String>],
) -> Vec<Clash> {
    let mut found = Vec::new();
    for own in commands {
        let clash = |rival| Clash { command: own.path.clone(), rival };
        if core_commands.iter().any(|it| is_one(it, &own.path)) {
            found.push(clash(Rival::Core));
        }
        for (entry, command) in all(entries).filter(|it| is_one(&it.1.path, &own.path)) {
            let Some(other) = entry.key().filter(|it| it.name() != key.name()) else { continue };
            let claim = Claim { plugin: other.clone(), command: command.path.clone() };
            found.push(clash(Rival::Plugin(claim)));
        }
    }
    found
}

/// Returns whether two commands collide.
fn is_one(one: &[String], other: &[String]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Returns the highest usable version of each plugin, stable ones first.
fn current(entries: &[Entry]) -> Vec<usize> {
    let usable = entries.iter().enumerate().filter(|(_, it)| it.is_usable());
    let mut ranks: Vec<_> = usable
        .filter_map(|(idx, it)| {
            let version = it.version()?;
            // Of equal ones the first, which sorts last.
            Some((it.key()?.name(), version.is_stable(), version, Reverse(idx)))
        })
        .collect();
    ranks.sort_unstable();
    let is_last = |(at, it): &(usize, &(&PluginName, _, _, _))| {
        ranks.get(at + 1).is_none_or(|next| next.0 != it.0)
    };
    ranks.iter().enumerate().filter(is_last).map(|(_, it)| it.3.0).collect()
}

fn collisions(entries: &[Entry], core_commands: &[Vec<String>]) -> Vec<(usize, Clash)> {
    let current = entries.iter().enumerate().filter(|(_, it)| it.is_current);
    let mut commands: Vec<(&[String], usize)> = current
        .flat_map(|(idx, it)| it.commands().iter().map(move |it| (it.path.as_slice(), idx)))
        .collect();
    commands.sort_unstable();

    let mut found = Vec::new();
    for (at, &(path, idx)) in commands.iter().enumerate() {
        if core_commands.iter().any(|it| is_one(it, path)) {
            found.push((idx, Clash { command: path.to_vec(), rival: Rival::Core }));
        }
        // Sorted, the paths that begin with this one, itself included, come right after it.
        let longer = commands[at + 1..].iter().take_while(|(it, _)| it.starts_with(path));
        for &(other_path, other_idx) in longer {
            found.extend(collision(entries, (other_idx, other_path), (idx, path)));
        }
    }
    found
}

/// Returns the two sides of a collision, unless both commands are of one plugin.
fn collision(
    entries: &[Entry],
    (idx, path): (usize, &[String]),
    (other_idx, other_path): (usize, &[String]),
) -> Vec<(usize, Clash)> {
    let (Some(key), Some(other_key)) = (entries[idx].key(), entries[other_idx].key()) else {
        return Vec::new();
    };
    if idx == other_idx {
        return Vec::new();
    }
    let side = |own: &[String], key: &PluginKey, path: &[String]| Clash {
        command: own.to_vec(),
        rival: Rival::Plugin(Claim { plugin: key.clone(), command: path.to_vec() }),
    };
    vec![(idx, side(path, other_key, other_path)), (other_idx, side(other_path, key, path))]
}
