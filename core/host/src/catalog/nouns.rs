//! What plugins say about the words that their commands begin with.

use super::contributions::NounHelp;
use super::entry::Entry;
use std::collections::HashMap;

/// What the plugins of a catalog say about nouns. Of several plugins that describe one noun, the
/// first in the order of the catalog counts.
pub struct Nouns<'c> {
    /// Few plugins describe nouns, so that this is small even with thousands of plugins.
    found: HashMap<&'c [String], (&'c Entry, &'c NounHelp)>,
}

impl<'c> Nouns<'c> {
    pub(super) fn new(entries: &'c [Entry]) -> Self {
        let mut found = HashMap::new();
        for entry in entries.iter().filter(|it| it.is_current()) {
            for noun in entry.nouns() {
                found.entry(noun.path.as_slice()).or_insert((entry, noun));
            }
        }
        Self { found }
    }

    /// Returns the line of help for the noun with the words `path`, if a plugin has one.
    pub fn about(&self, path: &[String]) -> Option<&'c str> {
        let (_, noun) = self.found.get(path)?;
        Some(&noun.about)
    }

    /// Returns the paragraphs of help for a noun, if the plugin that describes it has them. This
    /// reads the plugin's manifest.
    pub fn long_about(&self, path: &[String]) -> Option<&'c str> {
        let (entry, _) = self.found.get(path)?;
        let noun = entry.manifest()?.nouns.iter().find(|it| it.path == path)?;
        Some(noun.long_about.as_str()).filter(|it| !it.is_empty())
    }
}
