//! Which plugin a command line calls, and which commands collide.
//!
//! Invariants: a plugin never shadows a core command. Two commands collide if one's
//! path is the other's or begins with it, as then one of them could not be called.

use super::clash::{Claim, Clash, CommandConflict};
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
    let Some(Clash { rivals, n_more, .. }) = clash(entry, command) else {
        return Ok(Some((entry, command)));
    };
    let mut claims = rivals.clone();
    claims.extend(claim(entry, &command.path));
    claims.sort();
    Err(CommandConflict { command: command.path.clone(), claims, n_more: *n_more })
}

/// Returns the commands that can be called by their bare words.
pub(super) fn callable(entries: &[Entry]) -> impl Iterator<Item = (&Entry, &ManifestCommand)> {
    all(entries).filter(|(entry, command)| clash(entry, command).is_none())
}

fn all(entries: &[Entry]) -> impl Iterator<Item = (&Entry, &ManifestCommand)> + Clone {
    let current = entries.iter().filter(|it| it.is_current);
    current.flat_map(|entry| entry.commands().iter().map(move |it| (entry, it)))
}

fn clash<'c>(entry: &'c Entry, command: &ManifestCommand) -> Option<&'c Clash> {
    entry.clashes.iter().find(|it| it.command == command.path)
}

fn is_core(entry: &Entry, command: &ManifestCommand) -> bool {
    clash(entry, command).is_some_and(|it| it.is_core)
}

fn claim(entry: &Entry, command: &[String]) -> Option<Claim> {
    Some(Claim { plugin: entry.key()?.clone(), command: command.to_vec() })
}

/// Marks the current version of each plugin, and the commands of those that collide.
pub(super) fn settle(entries: &mut [Entry], core_commands: &[Vec<String>]) {
    for idx in current(entries) {
        entries[idx].is_current = true;
    }
    for (idx, clash) in collisions(entries, core_commands) {
        entries[idx].clashes.push(clash);
    }
}

/// Returns what the commands of a plugin that is not in the catalog would collide with.
pub(super) fn foreseen(
    entries: &[Entry],
    key: &PluginKey,
    commands: &[ManifestCommand],
    core_commands: &[Vec<String>],
) -> Vec<Clash> {
    let clash = |own: &ManifestCommand| {
        let is_core = core_commands.iter().any(|it| is_one(it, &own.path));
        let is_other = |it: &Entry| it.key().is_some_and(|it| it.name() != key.name());
        let rivals = all(entries).filter(|it| is_one(&it.1.path, &own.path) && is_other(it.0));
        let n_rivals = rivals.clone().count();
        let claims = rivals.filter_map(|(entry, command)| claim(entry, &command.path));
        Clash::of(&own.path, is_core, claims, n_rivals)
    };
    commands.iter().filter_map(clash).collect()
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
    // The equal commands that the current ones begin with.
    let mut shorter: Vec<&[(&[String], usize)]> = Vec::new();
    let mut rest = commands.as_slice();
    while let Some(&(path, _)) = rest.first() {
        let n_equal = rest.iter().take_while(|it| it.0 == path).count();
        let (equal, after) = rest.split_at(n_equal);
        // Sorted, the paths that begin with this one come right after it.
        let longer = &after[..after.partition_point(|it| it.0.starts_with(path))];
        shorter.retain(|it| path.starts_with(it[0].0));
        let is_core = core_commands.iter().any(|it| is_one(it, path));
        if is_core || n_equal > 1 || !shorter.is_empty() || !longer.is_empty() {
            let rivals = Rivals { shorter: &shorter, equal, longer };
            let clash = |idx| Some((idx, rivals.clash(entries, idx, is_core)?));
            found.extend(equal.iter().filter_map(|it| clash(it.1)));
        }
        shorter.push(equal);
        rest = after;
    }
    found
}

/// The commands that one path collides with, each with the place of its plugin.
struct Rivals<'c> {
    shorter: &'c [&'c [(&'c [String], usize)]],
    equal: &'c [(&'c [String], usize)],
    longer: &'c [(&'c [String], usize)],
}

impl Rivals<'_> {
    /// Returns what the command of one plugin collides with; its other commands do not count.
    fn clash(&self, entries: &[Entry], own: usize, is_core: bool) -> Option<Clash> {
        let path = self.equal[0].0;
        let is_longer =
            |it: &&ManifestCommand| it.path.len() > path.len() && it.path.starts_with(path);
        let n_own_longer = match self.longer {
            [] => 0,
            _ => entries[own].commands().iter().filter(is_longer).count(),
        };
        let has_own =
            |it: &&&[(&[String], usize)]| it.binary_search_by_key(&own, |it| it.1).is_ok();
        let n_own_shorter = self.shorter.iter().filter(has_own).count();
        let n_shorter = self.shorter.iter().map(|it| it.len()).sum::<usize>() - n_own_shorter;
        let n_rivals = n_shorter + self.equal.len() - 1 + self.longer.len() - n_own_longer;
        let all = self.shorter.iter().copied().chain([self.equal, self.longer]).flatten();
        let rivals = all.filter(|it| it.1 != own).filter_map(|it| claim(&entries[it.1], it.0));
        Clash::of(path, is_core, rivals, n_rivals)
    }
}
