//! The store's information about one plugin.

use super::place::Place;
use super::receipt::Receipt;
use super::state::{self, State};
use std::collections::BTreeMap;

/// A plugin in the store.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its place.
    pub place: Place,
    /// The user's settings.
    pub state: State,
    /// The versions, by their directories.
    pub versions: BTreeMap<String, Receipt>,
    /// The faults of the versions that cannot be used, by their directories.
    pub damaged: BTreeMap<String, String>,
    /// The directory of the version in use; `None` if the plugin is disabled.
    pub current: Option<String>,
}

impl Stored {
    /// Returns the directories of the unusable versions.
    pub fn damaged_versions(&self) -> impl Iterator<Item = &str> {
        self.damaged.keys().map(String::as_str).filter(|it| *it != state::FILE)
    }

    /// Returns the version in use, or else the one that was last in use.
    pub fn latest(&self) -> Option<(&str, &Receipt)> {
        let last = self.state.history.iter().rev();
        let mut names = self.current.iter().chain(last);
        names.find_map(|it| self.versions.get_key_value(it)).map(|(name, it)| (&**name, it))
    }

    /// Returns the version in use.
    pub fn in_use(&self) -> Option<(&str, &Receipt)> {
        let (name, receipt) = self.versions.get_key_value(self.current.as_ref()?)?;
        Some((name, receipt))
    }

    /// Returns the version that was in use before the current one.
    pub fn before(&self) -> Option<(&str, &Receipt)> {
        let (current, _) = self.latest()?;
        let mut earlier = self.state.history.iter().rev().filter(|it| *it != current);
        earlier.find_map(|it| self.versions.get_key_value(it)).map(|(name, it)| (&**name, it))
    }
}
