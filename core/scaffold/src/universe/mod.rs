//! The files of a project as a chain of plugins sees them.
//!
//! Invariants: nothing here writes to the disk. What the plugins of the run make lies
//! over what is on disk, which is listed when somebody asks for a list, and read when
//! somebody asks for bytes. A change set is taken over as a whole or not at all.

mod disk;
mod ignore;
#[cfg(test)]
mod tests;
mod tree;

use super::path::{self, PathError};
use disk::Disk;
use glob::{MatchOptions, Pattern};
use pintle_host::fs::{self, Kind as OnDisk};
use pintle_plugin::message::ErrorReply;
use pintle_plugin::{ChangeSet, Node, Select};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use tree::{Kind, Tree};

/// The files of a project: what is on disk, or given, changed by the plugins of the run.
///
/// A file on disk is a node if it is a regular file with a UTF-8 path that no symbolic
/// link leads to, outside of `.git`, the host's own folder, and the `target` folder of the
/// root. `PROJECT` is none. Lists leave out what a `.gitignore` file in the project ignores;
/// who asks for such a file by its path gets it.
#[derive(Debug, Default)]
pub struct Universe {
    disk: Option<Disk>,
    /// The nodes in memory: those that were given, and those that this run made.
    tree: Tree,
    /// The paths of nodes that this run made. One that it made in the place of another may
    /// be missing here; then it is among those of `gone`.
    fresh: HashSet<String>,
    /// What this run deleted of the nodes that were there: the node that was given, or
    /// `None` for a file on disk.
    gone: HashMap<String, Option<Node>>,
    /// All nodes, sorted by path, since somebody asked for them.
    all: OnceLock<Vec<Node>>,
}

/// What one change set did so far.
#[derive(Default)]
struct Log {
    replaced: Vec<Replaced>,
    deleted: HashMap<String, Deleted>,
    added: BTreeSet<String>,
}

/// A node in whose place there is another now.
struct Replaced {
    old: Node,
    new: Node,
    /// Whether this run had made it.
    fresh: bool,
}

/// What was where a node was deleted.
struct Deleted {
    /// The node, unless it is on disk only.
    node: Option<Node>,
    /// Whether this run had made it.
    fresh: bool,
}

/// Why a change set does not fit the universe, or a node cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UniverseError {
    /// The path is none that a plugin may use.
    #[error("invalid path `{path}`")]
    Path {
        /// The path.
        path: String,
        /// The rule that it breaks.
        source: PathError,
    },
    /// There is already a file at the path of an added node.
    #[error("`{plugin}` adds `{path}`, which {} before", match other {
        Some(other) => format!("`{other}` added"),
        None => "was on disk".to_owned(),
    })]
    Conflict {
        /// The path.
        path: String,
        /// The plugin that adds the node.
        plugin: String,
        /// The plugin that added the other node; `None` for a file on disk.
        other: Option<String>,
    },
    /// There is something on disk at the path of an added node that is no file of the project.
    #[error("`{plugin}` adds `{path}`, but there is {what} on disk")]
    Occupied {
        /// The path.
        path: String,
        /// The plugin that adds the node.
        plugin: String,
        /// What there is: `a symbolic link`, `a FIFO`.
        what: &'static str,
    },
    /// An added node would differ only in case from something that is there.
    #[error("`{plugin}` adds `{path}`, which differs from `{other}` only in case")]
    Case {
        /// The path.
        path: String,
        /// The plugin that adds the node.
        plugin: String,
        /// The file or folder that is there, by its path.
        other: String,
    },
    /// An added node would have to be a file and a folder at once.
    #[error("`{plugin}` adds `{path}`, but `{folder}` is {}", if folder == path { "a folder" } else { "no folder" })]
    Folder {
        /// The path.
        path: String,
        /// The plugin that adds the node.
        plugin: String,
        /// What is no folder, or the path itself when it is one.
        folder: String,
    },
    /// There is no file to delete.
    #[error("`{plugin}` deletes `{path}`, which does not exist")]
    Missing {
        /// The path.
        path: String,
        /// The plugin that deletes the node.
        plugin: String,
    },
    /// A glob is malformed.
    #[error("invalid glob `{glob}`")]
    Glob {
        /// The glob.
        glob: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// A folder cannot be read, so it is unknown which files there are.
    #[error("failed to list the files of the project: `{path}` cannot be read")]
    List {
        /// The path of the folder, `.` for the project itself, or of its `.gitignore`.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("failed to read `{path}`")]
    Read {
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl UniverseError {
    /// Returns the path that the error is about, if it is about one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Path { path, .. }
            | Self::Conflict { path, .. }
            | Self::Folder { path, .. }
            | Self::Missing { path, .. }
            | Self::Occupied { path, .. }
            | Self::Case { path, .. }
            | Self::List { path, .. }
            | Self::Read { path, .. } => Some(path),
            Self::Glob { .. } => None,
        }
    }
}

/// One difference between the universe and the disk.
#[derive(Debug, Clone)]
pub enum Change {
    /// A file that is not on disk.
    Add(Node),
    /// A file that is on disk with other bytes or another mode.
    Replace {
        /// The file on disk.
        old: Node,
        /// The file as it shall be.
        new: Node,
    },
    /// A file on disk that is no more.
    Delete(Node),
}

impl Change {
    /// Returns the path of the file.
    pub fn path(&self) -> &str {
        match self {
            Self::Add(node) | Self::Delete(node) | Self::Replace { new: node, .. } => node.path(),
        }
    }
}

impl Universe {
    /// Returns the universe of the project in the folder `root`, as it is on disk.
    pub fn new(root: &Path) -> Self {
        Self { disk: Some(Disk::new(root)), ..Self::default() }
    }

    /// Returns a universe without files and without a disk.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Returns a universe of the given files, without a disk. They keep their origin.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a path is invalid, or two of the files cannot be side by side.
    pub fn from_nodes(nodes: impl IntoIterator<Item = Node>) -> Result<Self, UniverseError> {
        let mut universe = Self::empty();
        for node in nodes {
            let path = node.path();
            path::check(path)
                .map_err(|source| UniverseError::Path { path: path.to_owned(), source })?;
            universe.check_vacant(node.plugin().unwrap_or_default(), path)?;
            universe.tree.insert(node);
        }
        universe.all = universe.in_memory().into_iter().cloned().collect::<Vec<_>>().into();
        Ok(universe)
    }

    /// Returns the sorted paths of the selected nodes; reads no file.
    ///
    /// # Errors
    ///
    /// [`UniverseError::Glob`] when a glob is malformed.
    pub fn paths(&self, select: Select<'_>) -> Result<Vec<String>, UniverseError> {
        let paths = match select {
            Select::All => self.all_paths(|_| true)?,
            Select::Glob(glob) => {
                let pattern = Pattern::new(glob)
                    .map_err(|source| UniverseError::Glob { glob: glob.to_owned(), source })?;
                let options =
                    MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
                let mut paths = self.all_paths(|it| may_match_in(glob, it))?;
                paths.retain(|it| pattern.matches_with(it, options));
                paths
            }
            Select::Plugin(key) => self.made(|it| it.plugin() == Some(key)),
            Select::Origin { plugin, subcommand } => {
                self.made(|it| it.plugin() == Some(plugin) && it.subcommand() == Some(subcommand))
            }
            Select::Path(path) => self.find(path)?.then_some(path).into_iter().collect(),
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
            _ => self.paths(select)?.into_iter().map(|it| self.node(&it)).collect(),
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
        let paths = self.all_paths(|_| true)?;
        if let Some(disk) = &self.disk {
            let on_disk = paths.iter().copied().filter(|it| self.tree.get(it).is_none());
            disk.read_ahead(on_disk);
        }
        let all = paths.into_iter().map(|it| self.node(it)).collect::<Result<_, _>>()?;
        Ok(self.all.get_or_init(|| all))
    }

    /// Takes over what the plugin with the key `plugin` made of the universe.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a path is invalid, taken, or not there to be deleted; then
    /// the universe is as it was.
    pub fn apply(
        &mut self,
        plugin: &str,
        subcommand: &str,
        changes: ChangeSet,
    ) -> Result<(), UniverseError> {
        let (deleted, added) = changes.into_parts();
        self.change(|universe, log| {
            let mut others = Vec::new();
            let mut left = unique(plugin, &deleted)?;
            for node in added {
                let node = node.attributed(plugin, subcommand);
                // Most changes replace a node that is in memory: nothing around it changes.
                match universe.tree.get_mut(node.path()) {
                    Some(place) if left.remove(node.path()) => {
                        let old = std::mem::replace(place, node.clone());
                        universe.note_replaced(old, node, log);
                    }
                    _ => others.push(node),
                }
            }
            for path in deleted.iter().filter(|it| left.contains(it.as_str())) {
                universe.delete(plugin, path.clone(), log)?;
            }
            for node in others {
                universe.add(plugin, node, log)?;
            }
            Ok(())
        })
    }

    /// Takes over what a tool of the plugin made of a copy of the universe's files.
    ///
    /// A tool knows nothing of conflicts: what it wrote replaces what is there, and what it
    /// deleted may be gone already. A file that it wrote anew with the same bytes and the
    /// same mode keeps its origin.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a path is invalid, or cannot be a file; then the universe is
    /// as it was.
    pub fn replace_contents(
        &mut self,
        plugin: &str,
        subcommand: &str,
        changes: ChangeSet,
    ) -> Result<(), UniverseError> {
        let (deleted, added) = changes.into_parts();
        self.change(|universe, log| {
            for path in deleted {
                if universe.find(&path)? {
                    universe.delete(plugin, path, log)?;
                }
            }
            for node in added {
                if universe.find(node.path())? {
                    if same(&universe.node(node.path())?, &node) {
                        continue;
                    }
                    universe.delete(plugin, node.path().to_owned(), log)?;
                }
                universe.add(plugin, node.attributed(plugin, subcommand), log)?;
            }
            Ok(())
        })
    }

    /// Returns how the universe differs from how it was at its beginning, sorted by path.
    ///
    /// # Errors
    ///
    /// [`UniverseError::Read`] when a file that is replaced or deleted cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>, UniverseError> {
        let mut changes = BTreeMap::new();
        for (path, old) in &self.gone {
            let old = match old {
                Some(old) => old.clone(),
                None => self.on_disk(path)?,
            };
            match self.tree.get(path) {
                None => changes.insert(path, Change::Delete(old)),
                Some(new) if same(&old, new) => None,
                Some(new) => changes.insert(path, Change::Replace { old, new: new.clone() }),
            };
        }
        for path in self.fresh.iter().filter(|it| !self.gone.contains_key(*it)) {
            changes.extend(self.tree.get(path).map(|it| (path, Change::Add(it.clone()))));
        }
        Ok(changes.into_values().collect())
    }

    /// Makes changes that hold as a whole or not at all.
    fn change(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Log) -> Result<(), UniverseError>,
    ) -> Result<(), UniverseError> {
        let mut log = Log::default();
        let all = self.all.take();
        match work(self, &mut log) {
            Ok(()) => {
                if let Some(all) = all {
                    self.all = self.updated(all, &log).into();
                }
                Ok(())
            }
            Err(err) => {
                self.undo(log);
                Err(err)
            }
        }
    }

    fn undo(&mut self, log: Log) {
        for path in log.added {
            self.tree.remove(&path);
            self.fresh.remove(&path);
        }
        for (path, Deleted { node, fresh }) in log.deleted {
            if let Some(node) = node {
                self.tree.insert(node);
            }
            if fresh {
                self.fresh.insert(path);
            } else {
                self.gone.remove(&path);
            }
        }
        for Replaced { old, fresh, .. } in log.replaced {
            if !fresh {
                self.gone.remove(old.path());
            }
            if let Some(place) = self.tree.get_mut(old.path()) {
                *place = old;
            }
        }
    }

    /// Brings the list of all nodes up to date.
    fn updated(&self, mut all: Vec<Node>, log: &Log) -> Vec<Node> {
        let mut replaced: Vec<_> = log.replaced.iter().collect();
        replaced.sort_by_key(|it| it.new.path());
        // The list has the very nodes of the tree. To look at where each is costs much less
        // than at their paths, which are all over the memory.
        let mut places = all.iter_mut();
        for Replaced { old, new, .. } in replaced {
            if let Some(place) = places.find(|it| it.ptr_eq(old)) {
                place.clone_from(new);
            }
        }
        let (mut removed, mut inserted) = (BTreeSet::new(), BTreeMap::new());
        let only_deleted = log.deleted.keys().filter(|it| !log.added.contains(*it));
        for path in log.added.iter().chain(only_deleted) {
            let place = all.binary_search_by(|it| it.path().cmp(path));
            match (place, self.tree.get(path)) {
                (Ok(idx), Some(node)) => all[idx] = node.clone(),
                (Ok(idx), None) => drop(removed.insert(idx)),
                (Err(idx), Some(node)) => drop(inserted.insert((idx, path), node.clone())),
                (Err(_), None) => {}
            }
        }
        if removed.is_empty() && inserted.is_empty() {
            return all;
        }
        let mut updated = Vec::with_capacity(all.len() + inserted.len());
        let mut inserted = inserted.into_iter().peekable();
        for (idx, node) in all.into_iter().enumerate() {
            while let Some((_, it)) = inserted.next_if(|((before, _), _)| *before <= idx) {
                updated.push(it);
            }
            if !removed.contains(&idx) {
                updated.push(node);
            }
        }
        updated.extend(inserted.map(|(_, it)| it));
        updated
    }

    /// Notes that a node stands where `old` stood.
    fn note_replaced(&mut self, old: Node, new: Node, log: &mut Log) {
        let fresh = self.is_fresh(old.path());
        if !fresh {
            self.gone.insert(old.path().to_owned(), Some(old.clone()));
        }
        log.replaced.push(Replaced { old, new, fresh });
    }

    /// Whether this run made the node at `path` that is in memory.
    fn is_fresh(&self, path: &str) -> bool {
        self.gone.contains_key(path) || self.fresh.contains(path)
    }

    fn delete(&mut self, plugin: &str, path: String, log: &mut Log) -> Result<(), UniverseError> {
        if let Some(node) = self.tree.remove(&path) {
            let fresh = self.is_fresh(&path);
            self.fresh.remove(&path);
            if log.added.remove(&path) {
                return Ok(());
            }
            if !fresh {
                self.gone.insert(path.clone(), Some(node.clone()));
            }
            log.deleted.insert(path, Deleted { node: Some(node), fresh });
            return Ok(());
        }
        self.check(&path)?;
        if !self.is_on_disk(&path)? {
            return Err(UniverseError::Missing { path, plugin: plugin.to_owned() });
        }
        self.gone.insert(path.clone(), None);
        log.deleted.insert(path, Deleted { node: None, fresh: false });
        Ok(())
    }

    fn add(&mut self, plugin: &str, node: Node, log: &mut Log) -> Result<(), UniverseError> {
        let path = node.path();
        // The names of what is there already are not up to the plugin.
        let is_new = !log.deleted.contains_key(path);
        if is_new {
            self.check(path)?;
        }
        self.check_vacant(plugin, path)?;
        if is_new {
            path::check_portable(path)
                .map_err(|source| UniverseError::Path { path: path.to_owned(), source })?;
            self.check_case(plugin, path)?;
        }
        self.fresh.insert(path.to_owned());
        log.added.insert(path.to_owned());
        self.tree.insert(node);
        Ok(())
    }

    fn check(&self, path: &str) -> Result<(), UniverseError> {
        let reserved = || if disk::is_of_host(path) { Err(PathError::Reserved) } else { Ok(()) };
        let links = || match &self.disk {
            Some(disk) => disk.check_links(path),
            None => Ok(()),
        };
        path::check(path)
            .and_then(|()| reserved())
            .and_then(|()| links())
            .map_err(|source| UniverseError::Path { path: path.to_owned(), source })
    }

    /// Checks that a file may come to `path`: that nothing is there, and that no file is
    /// where a folder must be.
    fn check_vacant(&self, plugin: &str, path: &str) -> Result<(), UniverseError> {
        let conflict = |other: Option<&str>| {
            let (path, plugin) = (path.to_owned(), plugin.to_owned());
            Err(UniverseError::Conflict { path, plugin, other: other.map(str::to_owned) })
        };
        let folder = |folder: &str| {
            let (path, plugin, folder) = (path.to_owned(), plugin.to_owned(), folder.to_owned());
            Err(UniverseError::Folder { path, plugin, folder })
        };
        match self.tree.kind(path) {
            Some(Kind::File) => return conflict(self.tree.get(path).and_then(Node::plugin)),
            Some(Kind::Folder) => return folder(path),
            None => {}
        }
        // A folder that has nodes was looked at when the first of them came.
        let is_unknown = |it: &&str| self.tree.kind(it) != Some(Kind::Folder);
        for parent in path::parents(path).rev().take_while(is_unknown) {
            if self.tree.kind(parent).is_some() || self.keeps_file(parent)? {
                return folder(parent);
            }
        }
        match self.kind_on_disk(path)? {
            Some(OnDisk::Directory) => folder(path),
            Some(it) if !self.gone.contains_key(path) => match what(it) {
                None => conflict(None),
                Some(what) => {
                    let (path, plugin) = (path.to_owned(), plugin.to_owned());
                    Err(UniverseError::Occupied { path, plugin, what })
                }
            },
            _ => Ok(()),
        }
    }

    /// Whether something on disk that is no folder has the name `path` and keeps it.
    fn keeps_file(&self, path: &str) -> Result<bool, UniverseError> {
        Ok(!self.gone.contains_key(path)
            && self.kind_on_disk(path)?.is_some_and(|it| it != OnDisk::Directory))
    }

    /// Returns what has the name `path` on disk.
    fn kind_on_disk(&self, path: &str) -> Result<Option<OnDisk>, UniverseError> {
        let kind = self.disk.as_ref().map_or(Ok(None), |it| it.kind(path));
        kind.map_err(|err| read_error(path, err))
    }

    /// Checks that no part of a new path differs only in case from what is beside it.
    ///
    /// For this, each folder on the way is listed once in a run.
    fn check_case(&self, plugin: &str, path: &str) -> Result<(), UniverseError> {
        let mut folder = "";
        for at in path::parents(path).chain([path]) {
            let name = at.rsplit('/').next().unwrap_or_default();
            let on_disk = self.disk.as_ref().map(|it| it.names(folder)).transpose();
            let on_disk =
                on_disk.map_err(|err| list_error(folder, err.into()))?.unwrap_or_default();
            if self.tree.kind(at).is_some() || on_disk.iter().any(|it| it == name) {
                folder = at;
                continue;
            }
            let join = |it: &str| match folder {
                "" => it.to_owned(),
                _ => format!("{folder}/{it}"),
            };
            let kept = |it: &&String| !self.gone.contains_key(&join(it));
            let on_disk = on_disk.iter().filter(kept).map(String::as_str);
            let mut beside = self.tree.names(folder).chain(on_disk);
            return match beside.find(|it| differ_in_case(it, name)) {
                Some(it) => {
                    let (path, plugin, other) = (path.to_owned(), plugin.to_owned(), join(it));
                    Err(UniverseError::Case { path, plugin, other })
                }
                // There is nothing below a folder that does not exist.
                None => Ok(()),
            };
        }
        Ok(())
    }

    /// Whether there is a node at `path`.
    fn find(&self, path: &str) -> Result<bool, UniverseError> {
        match self.tree.get(path) {
            Some(_) => Ok(true),
            None => Ok(self.check(path).is_ok() && self.is_on_disk(path)?),
        }
    }

    /// Whether there is a node on disk at `path`, which was checked.
    fn is_on_disk(&self, path: &str) -> Result<bool, UniverseError> {
        match &self.disk {
            Some(disk) if !self.gone.contains_key(path) => {
                disk.is_node(path).map_err(|err| read_error(path, err))
            }
            _ => Ok(false),
        }
    }

    fn node(&self, path: &str) -> Result<Node, UniverseError> {
        match self.tree.get(path) {
            Some(node) => Ok(node.clone()),
            None => self.on_disk(path),
        }
    }

    fn on_disk(&self, path: &str) -> Result<Node, UniverseError> {
        match &self.disk {
            Some(disk) => disk.node(path).map_err(|err| read_error(path, err)),
            None => {
                let source = io::ErrorKind::NotFound.into();
                Err(UniverseError::Read { path: path.to_owned(), source })
            }
        }
    }

    /// Returns the sorted paths of all nodes. It is an error when there is a folder that
    /// cannot be read and that `concerns` the caller.
    fn all_paths(&self, concerns: impl Fn(&str) -> bool) -> Result<Vec<&str>, UniverseError> {
        if let Some((path, source)) = self.disk.as_ref().and_then(|it| it.unreadable(concerns)) {
            return Err(list_error(path, source));
        }
        let on_disk = self.disk.as_ref().map(Disk::paths).unwrap_or_default();
        let on_disk = on_disk.iter().map(String::as_str).filter(|it| !self.gone.contains_key(*it));
        let mut paths: Vec<_> = on_disk.collect();
        paths.extend(self.in_memory().into_iter().map(Node::path));
        // Two sorted runs, which cost the sort next to nothing.
        paths.sort();
        Ok(paths)
    }

    /// Returns the sorted paths of some nodes in memory.
    fn made(&self, which: impl Fn(&Node) -> bool) -> Vec<&str> {
        self.in_memory().into_iter().filter(|it| which(it)).map(Node::path).collect()
    }

    /// Returns the nodes in memory, sorted by path.
    fn in_memory(&self) -> Vec<&Node> {
        let mut nodes = Vec::new();
        self.tree.for_each(&mut |it| nodes.push(it));
        nodes
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

/// Whether a glob may match paths in `folder`, as far as its part before the first wildcard
/// tells.
fn may_match_in(glob: &str, folder: &str) -> bool {
    let is_literal = |it: &&str| !it.contains(['*', '?', '[']);
    let literal = glob.split('/').take_while(is_literal);
    folder.is_empty() || literal.zip(folder.split('/')).all(|(one, other)| one == other)
}

fn list_error(path: &str, source: io::Error) -> UniverseError {
    let path = if path.is_empty() { "." } else { path };
    UniverseError::List { path: path.to_owned(), source }
}

fn read_error(path: &str, err: fs::Error) -> UniverseError {
    UniverseError::Read { path: path.to_owned(), source: err.into() }
}

/// Returns what an entry of a folder is when it is neither a file nor a folder.
fn what(it: OnDisk) -> Option<&'static str> {
    match it {
        OnDisk::Socket => Some("a socket"),
        OnDisk::Fifo => Some("a FIFO"),
        OnDisk::Device => Some("a device"),
        OnDisk::Symlink => Some("a symbolic link"),
        OnDisk::File | OnDisk::Directory | OnDisk::Special => None,
    }
}

fn differ_in_case(left: &str, right: &str) -> bool {
    let beyond_ascii = || !left.is_ascii() && left.to_lowercase() == right.to_lowercase();
    left != right && (left.eq_ignore_ascii_case(right) || beyond_ascii())
}

impl From<UniverseError> for ErrorReply {
    fn from(err: UniverseError) -> Self {
        let mut reply = Self::failed(err.to_string());
        let mut cause = std::error::Error::source(&err);
        while let Some(it) = cause {
            reply.causes.push(it.to_string());
            cause = it.source();
        }
        reply
    }
}

fn same(left: &Node, right: &Node) -> bool {
    left.bytes() == right.bytes() && left.mode() == right.mode()
}
