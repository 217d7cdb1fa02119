//! The help that plugins have for the words that their commands begin with.

use super::contributions::RawLine;
use super::entry::Entry;
use crate::fnv;

/// The help of a catalog's plugins for nouns. If several plugins describe one noun, the first in
/// the order of the catalog is used.
pub struct Nouns<'c> {
    /// Few plugins describe nouns, so this is small even with thousands of plugins.
    found: fnv::Map<&'c [u8], (&'c Entry, &'c [u8])>,
}

impl<'c> Nouns<'c> {
    pub(super) fn new(entries: &'c [Entry]) -> Self {
        let mut found = fnv::Map::default();
        for entry in entries.iter().filter(|it| it.is_current()) {
            for RawLine { words, about } in entry.raw_nouns() {
                found.entry(words).or_insert((entry, about));
            }
        }
        Self { found }
    }

    /// Returns the line of help for the noun with these words, separated by spaces, if a plugin has
    /// one.
    pub fn about(&self, words: &str) -> Option<&'c str> {
        std::str::from_utf8(self.raw_about(words.as_bytes())?).ok()
    }

    /// Returns the same as bytes.
    pub(crate) fn raw_about(&self, words: &[u8]) -> Option<&'c [u8]> {
        Some(self.found.get(words)?.1)
    }

    /// Returns the paragraphs of help for a noun, if the plugin that describes it has them. This
    /// reads the plugin's manifest.
    pub fn long_about(&self, words: &str) -> Option<&'c str> {
        let (entry, _) = self.found.get(words.as_bytes())?;
        let noun = entry.manifest()?.nouns.iter().find(|it| it.path.join(" ") == words)?;
        Some(noun.long_about.as_str()).filter(|it| !it.is_empty())
    }
}
