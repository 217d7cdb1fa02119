//! By what the records of an index are found.

use crate::catalog::contributions::HelpLine;
use crate::catalog::entry::Entry;
use crate::catalog::key::PluginKey;
use crate::fnv;

/// A query of a run for the catalog.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The command that words begin with.
    Command(&'a [String]),
    /// Everything that begins with a word: commands, and the help of nouns.
    Below(&'a str),
    /// The plugins whose hooks subscribe to any of some events.
    Events(&'a [&'a str]),
    /// The plugin for a key.
    Plugin(&'a PluginKey),
}

/// The most words of a line that can be a command's.
const MAX_WORDS: usize = 8;

/// A command with these words.
const IS: u8 = b'=';
/// A command or a noun that begins with these words.
const BELOW: u8 = b'<';
const EVENT: u8 = b'@';
const NAME: u8 = b'n';
/// The part of a name before the first dot.
const SHORT: u8 = b's';

fn key(kind: u8, text: &str) -> u64 {
    fnv::continued(fnv::fnv(&[kind]), text.as_bytes())
}

/// Returns the key of a plugin's name.
pub(in crate::catalog) fn name(name: &str) -> u64 {
    key(NAME, name)
}

/// Returns the key of a command.
pub(in crate::catalog) fn command(words: &str) -> u64 {
    key(IS, words)
}

/// Returns the key of what has longer words than a command.
pub(in crate::catalog) fn below(words: &str) -> u64 {
    key(BELOW, words)
}

impl Wanted<'_> {
    /// Returns the keys for a query.
    pub(in crate::catalog) fn keys(&self) -> Vec<u64> {
        match self {
            Self::Command(words) => {
                let n_words = words.len().min(MAX_WORDS);
                (1..=n_words).map(|n| key(IS, &words[..n].join(" "))).collect()
            }
            Self::Below(word) => vec![key(IS, word), below(word)],
            Self::Events(events) => events.iter().map(|it| key(EVENT, it)).collect(),
            Self::Plugin(wanted) => {
                let text = wanted.name().as_str();
                vec![key(NAME, text), key(SHORT, text)]
            }
        }
    }
}

/// Returns the keys by which a plugin is found.
pub(super) fn of(entry: &Entry) -> Vec<u64> {
    let mut keys = Vec::new();
    for HelpLine { words, .. } in entry.lines() {
        keys.push(key(IS, words));
        keys.extend(starts(words).map(below));
    }
    for HelpLine { words, .. } in entry.noun_lines() {
        keys.extend(starts(words).chain([words]).map(below));
    }
    keys.extend(entry.hooked_events().map(|it| key(EVENT, it)));
    if let Some(it) = entry.key() {
        keys.push(key(NAME, it.name().as_str()));
        keys.push(key(SHORT, it.name().short()));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Returns what words begin with, without all of them.
fn starts(words: &str) -> impl Iterator<Item = &str> {
    words.match_indices(' ').map(|(at, _)| &words[..at])
}
