//! Which plugin a command line calls, and which commands conflict.
//!
//! Invariants: a plugin never shadows a core command. Two commands conflict if they are equal or if
//! one is a prefix of the other, because one of them could not be called then.

use super::clash::{Claim, Clash, CommandConflict};
use super::contributions::{HelpLine, RawLine, begins_with, is_one, words as split};
use super::entry::Entry;
use super::key::PluginKey;
use crate::fnv;
use pintle_plugin::manifest::ManifestCommand;
use std::borrow::Cow;

/// Finds the command of a plugin that `words` begin with; if there are several, the longest.
pub(super) fn find<'c>(
    entries: &'c [Entry],
    words: &[String],
) -> Result<Option<(&'c Entry, &'c ManifestCommand)>, CommandConflict> {
    let typed = words.join(" ");
    let called = all(entries)
        .filter(|(entry, line)| {
            begins_with(typed.as_bytes(), line.words.as_bytes()) && !is_core(entry, line.words)
        })
        // The first of several equal ones; `max_by_key` would return the last.
        .reduce(|best, it| if it.1.words.len() > best.1.words.len() { it } else { best });
    let Some((entry, line)) = called else { return Ok(None) };
    let Some(Clash { rivals, n_more, command, .. }) = clash(entry, line.words) else {
        let mut commands = entry.commands().iter();
        return Ok(commands.find(|it| it.path.join(" ") == line.words).map(|it| (entry, it)));
    };
    let mut claims = rivals.clone();
    claims.extend(claim(entry, line.words));
    claims.sort();
    Err(CommandConflict { command: command.clone(), claims, n_more: *n_more })
}

/// Returns the commands that can be called without a key.
pub(super) fn callable(entries: &[Entry]) -> impl Iterator<Item = (&Entry, HelpLine<'_>)> {
    all(entries).filter(|(entry, line)| clash(entry, line.words).is_none())
}

/// Returns the same, as bytes.
pub(super) fn raw_callable(entries: &[Entry]) -> impl Iterator<Item = (&Entry, RawLine<'_>)> {
    let current = entries.iter().filter(|it| it.is_current);
    let all = current.flat_map(|entry| entry.raw_lines().map(move |it| (entry, it)));
    all.filter(|(entry, it)| entry.clashes().is_empty() || clash(entry, &text(it.words)).is_none())
}

fn all(entries: &[Entry]) -> impl Iterator<Item = (&Entry, HelpLine<'_>)> + Clone {
    let current = entries.iter().filter(|it| it.is_current);
    current.flat_map(|entry| entry.lines().map(move |it| (entry, it)))
}

fn clash<'c>(entry: &'c Entry, words: &str) -> Option<&'c Clash> {
    entry.clashes().iter().find(|it| it.command.join(" ") == words)
}

fn is_core(entry: &Entry, words: &str) -> bool {
    clash(entry, words).is_some_and(|it| it.is_core)
}

fn claim(entry: &Entry, words: &str) -> Option<Claim> {
    Some(Claim { plugin: entry.key()?.clone(), command: split(words) })
}

/// Returns words that are listed as bytes.
fn text(words: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(words)
}

/// The host's own commands, by their first words.
struct Core<'c> {
    by_word: fnv::Map<&'c [u8], Vec<String>>,
}

impl<'c> Core<'c> {
    fn new(commands: &'c [Vec<String>]) -> Self {
        let mut by_word: fnv::Map<&[u8], Vec<String>> = fnv::Map::default();
        for path in commands {
            let word = path.first().map_or(&b""[..], |it| it.as_bytes());
            by_word.entry(word).or_default().push(path.join(" "));
        }
        Self { by_word }
    }

    /// Returns whether a command conflicts with one of them.
    fn has(&self, words: &[u8]) -> bool {
        let word = words.split(|it| *it == b' ').next().unwrap_or_default();
        let own = self.by_word.get(word);
        own.is_some_and(|it| it.iter().any(|it| is_one(it.as_bytes(), words)))
    }
}

/// Marks the conflicting commands of current plugins.
pub(super) fn settle(entries: &mut [Entry], core_commands: &[Vec<String>]) {
    let current = entries.iter().enumerate().filter(|(_, it)| it.is_current);
    let commands = placed(current);
    for (idx, clash) in collisions(entries, commands, &Core::new(core_commands)) {
        entries[idx].add_clash(clash);
    }
}

/// Returns whether the commands of any two plugins conflict with each other, or one conflicts with
/// the host's own.
pub(super) fn collide<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    core_commands: &[Vec<String>],
) -> bool {
    let core = Core::new(core_commands);
    let mut shorter: Vec<Placed<'_>> = Vec::new();
    placed(entries.enumerate()).into_iter().any(|(words, idx)| {
        shorter.retain(|it| begins_with(words, it.0));
        let collides = core.has(words) || shorter.iter().any(|it| it.1 != idx);
        shorter.push((words, idx));
        collides
    })
}

/// Returns the conflicts that the commands of a plugin would have that is not in the catalog.
pub(super) fn foreseen(
    entries: &[Entry],
    key: &PluginKey,
    commands: &[ManifestCommand],
    core_commands: &[Vec<String>],
) -> Vec<Clash> {
    let core = Core::new(core_commands);
    let clash = |own: &ManifestCommand| {
        let words = own.path.join(" ");
        let is_other = |it: &Entry| it.key().is_some_and(|it| it.name() != key.name());
        let rivals = all(entries)
            .filter(|it| is_one(it.1.words.as_bytes(), words.as_bytes()) && is_other(it.0));
        let n_rivals = rivals.clone().count();
        let claims = rivals.filter_map(|(entry, line)| claim(entry, line.words));
        Clash::of(&own.path, core.has(words.as_bytes()), claims, n_rivals)
    };
    commands.iter().filter_map(clash).collect()
}

/// The words of a command, and the index of its plugin.
type Placed<'c> = (&'c [u8], usize);

/// Returns all commands of some plugins, sorted.
fn placed<'e>(plugins: impl Iterator<Item = (usize, &'e Entry)>) -> Vec<Placed<'e>> {
    let mut commands: Vec<Placed<'_>> =
        plugins.flat_map(|(idx, it)| it.raw_lines().map(move |it| (it.words, idx))).collect();
    // In the order of the file names, most are already sorted, and this sort takes advantage of
    // that.
    commands.sort();
    commands
}

fn collisions<'e>(
    entries: &'e [Entry],
    commands: Vec<Placed<'e>>,
    core: &Core<'_>,
) -> Vec<(usize, Clash)> {
    let mut found = Vec::new();
    // The equal commands that the current ones begin with.
    let mut shorter: Vec<&[Placed<'_>]> = Vec::new();
    let mut rest = commands.as_slice();
    while let Some(&(words, _)) = rest.first() {
        let n_equal = rest.iter().take_while(|it| it.0 == words).count();
        let (equal, after) = rest.split_at(n_equal);
        // In sorted order, those that begin with these words follow directly: a space sorts before
        // every character of a word.
        let longer = match after.first() {
            Some(next) if begins_with(next.0, words) => {
                &after[..after.partition_point(|it| begins_with(it.0, words))]
            }
            _ => &[],
        };
        shorter.retain(|it| begins_with(words, it[0].0));
        let is_core = core.has(words);
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

/// The commands that one conflicts with.
struct Rivals<'c> {
    shorter: &'c [&'c [Placed<'c>]],
    equal: &'c [Placed<'c>],
    longer: &'c [Placed<'c>],
}

impl Rivals<'_> {
    /// Returns the conflicts of the command of one plugin; the plugin's other commands do not
    /// count.
    fn clash(&self, entries: &[Entry], own: usize, is_core: bool) -> Option<Clash> {
        let words = self.equal[0].0;
        let is_longer =
            |it: &RawLine<'_>| it.words.len() > words.len() && begins_with(it.words, words);
        let n_own_longer = match self.longer {
            [] => 0,
            _ => entries[own].raw_lines().filter(is_longer).count(),
        };
        let has_own = |it: &&&[Placed<'_>]| it.binary_search_by_key(&own, |it| it.1).is_ok();
        let n_own_shorter = self.shorter.iter().filter(has_own).count();
        let n_shorter = self.shorter.iter().map(|it| it.len()).sum::<usize>() - n_own_shorter;
        let n_rivals = n_shorter + self.equal.len() - 1 + self.longer.len() - n_own_longer;
        let all = self.shorter.iter().copied().chain([self.equal, self.longer]).flatten();
        let rivals =
            all.filter(|it| it.1 != own).filter_map(|it| claim(&entries[it.1], &text(it.0)));
        Clash::of(&split(&text(words)), is_core, rivals, n_rivals)
    }
}
