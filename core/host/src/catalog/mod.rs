//! Which plugins exist, and which plugin a key or a command refers to.
//!
//! Everything here is based on manifests, which are read from files as bytes. Invariants: no plugin
//! code runs, nothing is printed, and an invalid file is an [`Entry`] with a reason, never an error
//! that stops another command.

mod clash;
mod codec;
mod commands;
mod contact;
mod contributions;
mod current;
mod discover;
mod distinct;
mod entry;
mod examine;
mod file;
pub(crate) mod folder;
mod foreign;
mod index;
mod key;
mod lazy_manifest;
pub mod library_file;
mod limits;
mod list;
mod manifest_view;
mod name;
mod narrow;
mod nouns;
mod project_version;
mod reason;
mod refusal;
mod requirements;
mod resolve;
mod rules;
mod search;
mod size;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transport;
mod version;

pub use clash::{Claim, Clash, CommandConflict};
pub use contact::{contact, defect};
pub use contributions::HelpLine;
use contributions::RawLine;
use discover::Found;
pub use discover::{OtherFile, Warning};
pub use entry::{Entry, State};
pub use examine::{Examined, RefusedFile, examine};
pub use file::{FileError, FileId};
pub use foreign::{Endpoint, ForeignPlugin, ForeignRefusal};
pub use index::Wanted;
pub use key::{KeyError, KeyErrorKind, PluginKey};
pub use name::{NameError, PluginName};
pub use nouns::Nouns;
pub use pintle_plugin::manifest::{Manifest, ManifestCommand};
pub use project_version::{ProjectVersion, ProjectVersionError, Stage};
pub use reason::Reason;
pub use refusal::Refusal;
pub use resolve::ResolveError;
pub use rules::{Disabled, DisabledBy, Rules};
pub use search::{DirOrigin, PluginDir, SearchPath};
pub use transport::Transport;
pub use version::{PluginVersion, VersionError, VersionPattern};

use pintle_plugin::LinkedPlugin;
use std::time::SystemTime;

/// The plugins that a host has found.
#[derive(Debug, Default)]
pub struct Catalog {
    entries: Vec<Entry>,
    warnings: Vec<Warning>,
    /// Whether the index is up to date for all libraries.
    is_indexed: bool,
}

/// With this many plugins, searching them costs more than using the index.
const MANY: usize = 500;

impl Catalog {
    /// Searches for plugins: the linked ones first, then the files in the search path.
    ///
    /// It never fails. Files that are not plugins are [refused](State::Refused) entries,
    /// directories that cannot be read are [warnings](Self::warnings), and directories that do not
    /// exist are skipped.
    pub fn discover(search: &SearchPath, linked: &[LinkedPlugin], rules: &Rules) -> Self {
        Self::with_foreign(search, linked, rules, |_| Vec::new())
    }

    /// Searches for plugins, and adds those that are not libraries of this interface: `foreign`
    /// finds them, also among the files in the search path that are not libraries. They come after
    /// all others.
    pub fn with_foreign(
        search: &SearchPath,
        linked: &[LinkedPlugin],
        rules: &Rules,
        foreign: impl FnOnce(Vec<OtherFile>) -> Vec<ForeignPlugin>,
    ) -> Self {
        let found = discover::scan(search, rules, SystemTime::now());
        Self::of(found, search, linked, rules, foreign)
    }

    /// Searches for plugins in the index only; `None` if the index is not sufficient. The result
    /// corresponds to the whole catalog, and its cost does not depend on the number of plugins.
    ///
    /// An empty result proves nothing: a file may have been overwritten in place.
    pub fn narrow(
        search: &SearchPath,
        linked: &[LinkedPlugin],
        rules: &Rules,
        wanted: Wanted<'_>,
        foreign: impl FnOnce(Vec<OtherFile>) -> Vec<ForeignPlugin>,
    ) -> Option<Self> {
        let (entries, others) = narrow::find(search, rules, wanted, SystemTime::now())?;
        let found = Found { entries, others, ..Found::default() };
        Some(Self::of(found, search, linked, rules, foreign))
    }

    fn of(
        found: Found,
        search: &SearchPath,
        linked: &[LinkedPlugin],
        rules: &Rules,
        foreign: impl FnOnce(Vec<OtherFile>) -> Vec<ForeignPlugin>,
    ) -> Self {
        let Found { entries: files, others, warnings, is_indexed, mut is_distinct } = found;
        let n_files = files.len();
        let mut entries: Vec<_> = linked.iter().map(|it| Entry::from_linked(*it, rules)).collect();
        if entries.is_empty() {
            // In the usual case, a thousand entries need not be moved.
            entries = files;
        } else {
            entries.extend(files);
        }
        entries.extend(foreign(others).into_iter().map(|it| Entry::from_foreign(it, rules)));
        discover::shadow_by_project(&mut entries, search);
        is_distinct &= entries.len() == n_files;
        if is_distinct {
            current::settle_distinct(&mut entries);
            return Self { entries, warnings, is_indexed };
        }
        Self { is_indexed, ..Self::settle(entries, warnings, rules) }
    }

    /// Creates a catalog from manifests without plugins, with the default rules.
    ///
    /// The target and the ABI in the manifests are not checked.
    pub fn from_manifests(manifests: impl IntoIterator<Item = Manifest>) -> Self {
        let rules = Rules::default();
        let entries = manifests.into_iter().map(|it| Entry::from_manifest(it, &rules)).collect();
        Self::settle(entries, Vec::new(), &rules)
    }

    fn settle(mut entries: Vec<Entry>, warnings: Vec<Warning>, rules: &Rules) -> Self {
        current::settle(&mut entries);
        commands::settle(&mut entries, &rules.core_commands);
        Self { entries, warnings, is_indexed: false }
    }

    /// Returns the plugin with a command that is equal to some words, begins with them, or is a
    /// prefix of them, even if the plugin is refused or disabled.
    ///
    /// There may be as many programs as plugins, and most plugins are unrelated to them, so the
    /// index is queried first where that is cheaper. `search` and `rules` are those of the catalog.
    pub(crate) fn owner(
        &self,
        words: &[String],
        search: &SearchPath,
        rules: &Rules,
        now: SystemTime,
    ) -> Option<&Entry> {
        let is_free = || {
            let wanted = Wanted::Below(words.first()?);
            let (libraries, _) = narrow::find(search, rules, wanted, now)?;
            Some(libraries.is_empty())
        };
        let has_none = self.is_indexed && self.entries.len() >= MANY && is_free() == Some(true);
        let joined = words.join(" ");
        self.entries.iter().filter(|it| !has_none || it.transport() != Transport::Native).find(
            |it| {
                let is_set_aside = matches!(it.state(), State::Refused | State::Disabled);
                (it.is_current() || is_set_aside) && it.has_words(joined.as_bytes())
            },
        )
    }

    /// Returns everything that was found, in search order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the directories that could not be searched.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Finds the plugin for a key.
    ///
    /// A full name that exists takes precedence; a short name must be the short form of only one
    /// name, among those with a version that matches the key. Of the versions that match and
    /// support `project`, the highest stable one is used. A pre-release is used only if the key
    /// contains one.
    ///
    /// # Errors
    ///
    /// [`ResolveError`] if there is no plugin for the key, or more than one.
    pub fn resolve(
        &self,
        key: &PluginKey,
        project: Option<&ProjectVersion>,
    ) -> Result<&Entry, ResolveError> {
        resolve::resolve(&self.entries, key, project)
    }

    /// Finds the plugin command that `words` begin with; the longest takes precedence.
    ///
    /// Commands that conflict with the host's own are never found here.
    ///
    /// # Errors
    ///
    /// [`CommandConflict`] if several plugins provide it.
    pub fn find_command(
        &self,
        words: &[String],
    ) -> Result<Option<(&Entry, &ManifestCommand)>, CommandConflict> {
        commands::find(&self.entries, words)
    }

    /// Returns the plugin commands that can be called without a key, for help and completion.
    pub fn commands(&self) -> impl Iterator<Item = (&Entry, HelpLine<'_>)> {
        commands::callable(&self.entries)
    }

    /// Returns the same as bytes, for listings with thousands of commands.
    pub(crate) fn raw_commands(&self) -> impl Iterator<Item = (&Entry, RawLine<'_>)> {
        commands::raw_callable(&self.entries)
    }

    /// Returns the conflicts that the commands of a plugin would have that is not in the catalog:
    /// with other plugins, and with the host's own commands. Other versions of the plugin do not
    /// count.
    pub fn foreseen_clashes(
        &self,
        key: &PluginKey,
        commands: &[ManifestCommand],
        rules: &Rules,
    ) -> Vec<Clash> {
        commands::foreseen(&self.entries, key, commands, &rules.core_commands)
    }

    /// Returns the help that the plugins have for the nouns of their commands.
    pub fn nouns(&self) -> Nouns<'_> {
        Nouns::new(&self.entries)
    }

    /// Returns the plugins whose hooks subscribe to an event.
    pub fn subscribers(&self, event: &str) -> impl Iterator<Item = &Entry> {
        let current = self.entries.iter().filter(|it| it.is_current());
        current.filter(move |it| it.hooked_events().any(|it| it == event))
    }

    /// Returns the refused plugins whose hooks would subscribe to an event. A plugin that has a
    /// usable version is not one of them, because that version is used instead.
    pub fn refused_subscribers(&self, event: &str) -> impl Iterator<Item = &Entry> {
        let refused = self.entries.iter().filter(|it| it.refusal().is_some());
        let refused = refused.filter(move |it| it.hooked_events().any(|it| it == event));
        refused.filter(|it| !it.key().is_some_and(|it| self.has_current(it.name())))
    }

    fn has_current(&self, name: &PluginName) -> bool {
        let mut current = self.entries.iter().filter(|it| it.is_current());
        current.any(|it| it.key().is_some_and(|it| it.name() == name))
    }

    /// Returns the plugins that implement an interface according to their manifests, for example
    /// `image-scanner.example.org/v1`.
    pub fn implementers(&self, interface: &str) -> impl Iterator<Item = &Entry> {
        let current = self.entries.iter().filter(|it| it.is_current());
        current.filter(move |it| it.interfaces().iter().any(|it| it == interface))
    }
}
