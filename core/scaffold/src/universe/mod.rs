//! The files of a project as a chain of plugins sees them.
//!
//! Invariants: nothing here writes to the disk. The changes of the run's plugins are kept on top of
//! the content of the disk, which is listed when a list is requested, and read when bytes are
//! requested. A change set is applied as a whole or not at all.

mod change;
mod change_log;
mod disk;
mod error;
mod ignore;
mod names;
mod overlay;
#[cfg(test)]
mod tests;
mod tree;

pub use change::Change;
pub use error::UniverseError;

use crate::path;
use change::same;
use change_log::{ChangeLog, Replaced};
use disk::{Disk, Part};
use glob::{MatchOptions, Pattern};
use overlay::Overlay;
use pintle_plugin::{ChangeKind, ChangeSet, Node, Select};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::mem;
use std::path::Path;
use std::sync::OnceLock;

/// The files of a project: those on disk, or given ones, with the changes of the run's plugins.
///
/// A file on disk is a node if it is a regular file with a UTF-8 path that no symbolic link leads
/// to, outside `.git`, the host's own directory, and the `target` directory of the root. `PROJECT`
/// is not a node. Lists omit files that a `.gitignore` file in the project ignores; such a file can
/// be requested by its path.
#[derive(Debug, Default)]
pub struct Universe {
    files: Overlay,
    /// All nodes, sorted by path, once they have been requested.
    all: OnceLock<Vec<Node>>,
}

impl Universe {
    /// Returns the universe of the project in the directory `root`, as it is on disk.
    pub fn new(root: &Path) -> Self {
        let files = Overlay { disk: Some(Disk::new(root)), ..Overlay::default() };
        Self { files, all: OnceLock::new() }
    }

    /// Returns a universe without files and without a disk.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Returns a universe of the given files, without a disk. They keep their origin.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a path is invalid, or two of the files cannot coexist.
    pub fn from_nodes(nodes: impl IntoIterator<Item = Node>) -> Result<Self, UniverseError> {
        let mut universe = Self::empty();
        for node in nodes {
            let path = node.path();
            path::check(path)
                .map_err(|source| UniverseError::Path { path: path.to_owned(), source })?;
            universe.files.check_vacant(node.plugin().unwrap_or_default(), path)?;
            universe.files.tree.insert(node);
        }
        universe.all = universe.files.in_memory().into_iter().cloned().collect::<Vec<_>>().into();
        Ok(universe)
    }

    /// Returns the sorted paths of the selected nodes; reads no file.
    ///
    /// # Errors
    ///
    /// [`UniverseError::Glob`] when a glob is malformed.
    pub fn paths(&self, select: Select<'_>) -> Result<Vec<String>, UniverseError> {
        let paths = match select {
            Select::All => self.files.all_paths(|_| true)?,
            Select::Glob(glob) => {
                let pattern = Pattern::new(glob)
                    .map_err(|source| UniverseError::Glob { glob: glob.to_owned(), source })?;
                let options =
                    MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
                let matches = |it: &str| pattern.matches_with(it, options);
                return self.files.paths_in(Part::of(glob), |it| may_match_in(glob, it), matches);
            }
            Select::Plugin(key) => self.files.made(|it| it.plugin() == Some(key)),
            Select::Origin { plugin, subcommand } => self
                .files
                .made(|it| it.plugin() == Some(plugin) && it.subcommand() == Some(subcommand)),
            Select::Path(path) => self.files.find(path)?.then_some(path).into_iter().collect(),
            _ => return Err(UniverseError::Selection),
        };
        Ok(paths.into_iter().map(str::to_owned).collect())
    }

    /// Returns the selected nodes, sorted by path.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a glob is malformed, or a file cannot be read.
    pub fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>, UniverseError> {
        match select {
            Select::All => Ok(self.all_nodes()?.to_vec()),
            _ => self.paths(select)?.into_iter().map(|it| self.files.node(&it)).collect(),
        }
    }

    /// Returns all nodes, sorted by path.
    ///
    /// # Errors
    ///
    /// [`UniverseError::Read`] when a file cannot be read.
    pub fn all_nodes(&self) -> Result<&[Node], UniverseError> {
        if let Some(all) = self.all.get() {
            return Ok(all);
        }
        let paths = self.files.all_paths(|_| true)?;
        if let Some(disk) = &self.files.disk {
            let on_disk = paths.iter().copied().filter(|it| self.files.tree.get(it).is_none());
            disk.read_ahead(on_disk);
        }
        let all = paths.into_iter().map(|it| self.files.node(it)).collect::<Result<_, _>>()?;
        Ok(self.all.get_or_init(|| all))
    }

    /// Applies the change set of the plugin with the key `plugin`.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a path is invalid, taken, or missing when it should be deleted, or
    /// when a node is of a type, or a kind of change, that this host does not know; then the
    /// universe is unchanged.
    pub fn apply(
        &mut self,
        plugin: &str,
        subcommand: &str,
        changes: ChangeSet,
    ) -> Result<(), UniverseError> {
        let (deleted, nodes) = changes.into_parts();
        self.change(|files, log| {
            let mut others = Vec::new();
            let mut left = unique(plugin, &deleted)?;
            for node in nodes {
                let kind = known_kind(plugin, &node)?;
                let node = node.attributed(plugin, subcommand);
                // A file that is edited or put replaces the existing one, as if that were deleted.
                let replaces = left.remove(node.path()) || kind != ChangeKind::Add;
                // Most changes replace a node that is in memory: nothing around it changes.
                match files.tree.get(node.path()) {
                    Some(_) if replaces => files.replace(node, log),
                    _ => others.push((node, replaces)),
                }
            }
            for path in deleted.iter().filter(|it| left.contains(it.as_str())) {
                files.delete(plugin, path.clone(), log)?;
            }
            for (node, replaces) in others {
                let (path, kind) = (node.path(), node.change());
                if replaces && (kind != ChangeKind::Put || files.find(path)?) {
                    files.delete(plugin, path.to_owned(), log).map_err(|err| match err {
                        UniverseError::Missing { path, plugin } if kind == ChangeKind::Edit => {
                            UniverseError::NothingToEdit { path, plugin }
                        }
                        err => err,
                    })?;
                }
                files.add(plugin, node, log)?;
            }
            Ok(())
        })
    }

    /// Applies the changes that a tool of the plugin made to a copy of the universe's files.
    ///
    /// A tool knows nothing of conflicts: what it wrote replaces existing files, and what it
    /// deleted may already be gone. A file that it rewrote with the same bytes and the same mode
    /// keeps its origin.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a path is invalid, or cannot be a file; then the universe is
    /// unchanged.
    pub fn replace_contents(
        &mut self,
        plugin: &str,
        subcommand: &str,
        changes: ChangeSet,
    ) -> Result<(), UniverseError> {
        let (deleted, added) = changes.into_parts();
        self.change(|files, log| {
            for path in deleted {
                if files.find(&path)? {
                    files.delete(plugin, path, log)?;
                }
            }
            for node in added {
                let mut node = node.attributed(plugin, subcommand);
                if files.find(node.path())? {
                    let old = files.node(node.path())?;
                    if same(&old, &node) {
                        continue;
                    }
                    // After a formatter, an edit is still an edit.
                    node = node.with_change(old.change());
                    files.delete(plugin, old.path().to_owned(), log)?;
                }
                files.add(plugin, node, log)?;
            }
            Ok(())
        })
    }

    /// Returns the differences between the universe and its initial state, sorted by path.
    ///
    /// # Errors
    ///
    /// [`UniverseError::Read`] when a file that is replaced or deleted cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>, UniverseError> {
        let mut changes = BTreeMap::new();
        for (path, old) in &self.files.gone {
            let old = match old {
                Some(old) => old.clone(),
                None => self.files.on_disk(path)?,
            };
            match self.files.tree.get(path) {
                None => changes.insert(path, Change::Delete(old)),
                Some(new) if same(&old, new) => None,
                Some(new) => changes.insert(path, Change::Replace { old, new: new.clone() }),
            };
        }
        for path in self.files.fresh.iter().filter(|it| !self.files.gone.contains_key(*it)) {
            changes.extend(self.files.tree.get(path).map(|it| (path, Change::Add(it.clone()))));
        }
        Ok(changes.into_values().collect())
    }

    /// Makes the current files the initial state, as if no plugin had created them; returns the
    /// paths of those that were deleted since the last time. Unchanged files cost nothing.
    pub(crate) fn begin_anew(&mut self) -> Result<Vec<String>, UniverseError> {
        let (fresh, gone) = (mem::take(&mut self.files.fresh), mem::take(&mut self.files.gone));
        let paths: BTreeSet<String> = fresh.into_iter().chain(gone.into_keys()).collect();
        let (changed, gone): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|it| self.files.tree.get(it).is_some());
        self.change(|files, log| {
            for path in &changed {
                let Some(place) = files.tree.get_mut(path) else { continue };
                let new = Node::new(place.path(), place.bytes(), place.mode());
                let old = mem::replace(place, new.clone());
                log.replaced.push(Replaced { old, new, fresh: true });
            }
            Ok(())
        })?;
        Ok(gone)
    }

    /// Makes changes that apply as a whole or not at all.
    fn change(
        &mut self,
        work: impl FnOnce(&mut Overlay, &mut ChangeLog) -> Result<(), UniverseError>,
    ) -> Result<(), UniverseError> {
        let mut log = ChangeLog::default();
        let all = self.all.take();
        match work(&mut self.files, &mut log) {
            Ok(()) => {
                if let Some(all) = all {
                    self.all = log.update(all, &self.files.tree).into();
                }
                Ok(())
            }
            Err(err) => {
                self.files.undo(log);
                Err(err)
            }
        }
    }
}

/// Returns the kind of a plugin's change, if this host knows it and the type of the file.
fn known_kind(plugin: &str, node: &Node) -> Result<ChangeKind, UniverseError> {
    let (plugin, path) = (plugin.to_owned(), node.path().to_owned());
    match node.change() {
        _ if !node.is_file() => Err(UniverseError::FileType { plugin, path }),
        kind @ (ChangeKind::Add | ChangeKind::Edit | ChangeKind::Put) => Ok(kind),
        _ => Err(UniverseError::ChangeKind { plugin, path }),
    }
}

/// Returns the paths to delete; none of them can be deleted twice.
fn unique<'a>(plugin: &str, deleted: &'a [String]) -> Result<HashSet<&'a str>, UniverseError> {
    let mut unique = HashSet::with_capacity(deleted.len());
    match deleted.iter().find(|it| !unique.insert(it.as_str())) {
        Some(path) => Err(UniverseError::Missing { path: path.clone(), plugin: plugin.to_owned() }),
        None => Ok(unique),
    }
}

/// Whether a glob may match paths in a directory, judging by its part before the first wildcard.
fn may_match_in(glob: &str, folder: &str) -> bool {
    let is_literal = |it: &&str| !it.contains(['*', '?', '[']);
    let literal = glob.split('/').take_while(is_literal);
    folder.is_empty() || literal.zip(folder.split('/')).all(|(one, other)| one == other)
}
