//! Which plugin a command line calls, and which commands collide.
//!
//! Invariants: a plugin never shadows a core command. Two commands collide if one's
//! path is the other's or begins with it, as then one of them could not be called.

use super::entry::Entry;
use super::key::PluginKey;
use super::name::PluginName;
use pintle_plugin::manifest::ManifestCommand;
use std::cmp::Reverse;
use std::fmt;

/// A command that cannot be called by its bare words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Clash {
    /// The command's words.
    path: Vec<String>,
    rival: Rival,
}

/// Who else has the command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rival {
    Core,
    Plugin(Claim),
}

impl Clash {
    /// Returns what to do about it.
    pub(super) fn hint(&self) -> String {
        let command = self.path.join(" ");
        match &self.rival {
            Rival::Core => format!("type `plugin run <key> {command}`"),
            Rival::Plugin(_) => {
                format!("type `plugin run <key> {command}`, or disable one of the plugins")
            }
        }
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.path.join(" ");
        match &self.rival {
            Rival::Core => write!(f, "its command `{own}` collides with a core command"),
            Rival::Plugin(Claim { plugin, command }) if *command == self.path => {
                write!(f, "its command `{own}` is also brought by `{plugin}`")
            }
            Rival::Plugin(Claim { plugin, command }) => {
                write!(f, "its command `{own}` collides with `{}` of `{plugin}`", command.join(" "))
            }
        }
    }
}

/// Several plugins claim the command that was typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("several plugins claim the command `{}`: {}", command.join(" "), super::list(&self.plugins()))]
pub struct CommandConflict {
    /// The command's words.
    pub command: Vec<String>,
    /// Who claims it; for each plugin the command of its own that collides.
    pub claims: Vec<Claim>,
    /// The name of the host's program.
    pub program: String,
}

/// One plugin's side of a [`CommandConflict`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The plugin.
    pub plugin: PluginKey,
    /// The words of its command.
    pub command: Vec<String>,
}

impl CommandConflict {
    /// Returns the plugins that claim the command.
    pub fn plugins(&self) -> Vec<&PluginKey> {
        let mut plugins: Vec<_> = self.claims.iter().map(|it| &it.plugin).collect();
        plugins.dedup();
        plugins
    }

    /// Returns what to type instead.
    pub fn hint(&self) -> String {
        let run = |it: &Claim| {
            format!("`{} plugin run {} {}`", self.program, it.plugin, it.command.join(" "))
        };
        let runs: Vec<_> = self.claims.iter().map(run).collect();
        format!("type {}, or disable one of the plugins", runs.join(" or "))
    }
}

/// Finds the command of a plugin that `words` begin with, the longest if there are several.
pub(super) fn find<'c>(
    entries: &'c [Entry],
    words: &[String],
    program: &str,
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
    Err(CommandConflict { command: command.path.clone(), claims, program: program.to_owned() })
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
    entry.clashes.iter().filter(move |it| it.path == command.path)
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
        let is_core = |it: &Vec<String>| path.starts_with(it) || it.starts_with(path);
        if core_commands.iter().any(is_core) {
            found.push((idx, Clash { path: path.to_vec(), rival: Rival::Core }));
        }
        // Sorted, the paths that begin with this one, itself included, stand right behind it.
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
        path: own.to_vec(),
        rival: Rival::Plugin(Claim { plugin: key.clone(), command: path.to_vec() }),
    };
    vec![(idx, side(path, other_key, other_path)), (other_idx, side(other_path, key, path))]
}
