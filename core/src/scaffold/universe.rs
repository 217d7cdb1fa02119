//! The files of a project as a chain of plugins sees them.
//!
//! Invariant: nothing here writes to the disk. What the plugins of the run make lies
//! over what is on disk, which is listed when somebody asks for a list, and read when
//! somebody asks for bytes.

use super::path::{self, PathError, STAGING_PREFIX};
use crate::project::PROJECT;
use glob::{MatchOptions, Pattern};
use pintle_plugin::message::ErrorReply;
use pintle_plugin::{ChangeSet, Node, Select};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{fs, io};

/// The files of a project: what is on disk, changed by the plugins of the run.
///
/// A file on disk is a node if it is a regular file with a UTF-8 path that no symbolic
/// link leads to, outside of `.git` and the `target` folder of the root. `PROJECT` is none.
#[derive(Debug)]
pub struct Universe {
    root: PathBuf,
    listed: OnceLock<BTreeSet<String>>,
    read: Mutex<BTreeMap<String, Node>>,
    nodes: BTreeMap<String, Node>,
    deleted: BTreeSet<String>,
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
            | Self::Read { path, .. } => Some(path),
            Self::Glob { .. } => None,
        }
    }

    /// Returns what to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Conflict { path, other: None, .. } => {
                Some(format!("move `{path}` away if it may be made anew"))
            }
            Self::Conflict { .. } => Some("leave one of the two plugins out of the chain".into()),
            _ => None,
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
        Self {
            root: root.to_owned(),
            listed: OnceLock::new(),
            read: Mutex::default(),
            nodes: BTreeMap::new(),
            deleted: BTreeSet::new(),
        }
    }

    /// Returns a universe of these nodes, without a disk.
    pub fn from_nodes(nodes: impl IntoIterator<Item = Node>) -> Self {
        let mut universe = Self::new(Path::new("/dev/null/none"));
        universe.nodes = nodes.into_iter().map(|it| (it.path().to_owned(), it)).collect();
        universe
    }

    /// Returns the sorted paths of the selected nodes; reads no file.
    ///
    /// # Errors
    ///
    /// [`UniverseError::Glob`] when a glob is malformed.
    pub fn paths(&self, select: Select<'_>) -> Result<Vec<String>, UniverseError> {
        match select {
            Select::All => Ok(self.all().into_iter().map(str::to_owned).collect()),
            Select::Glob(glob) => {
                let glob = Pattern::new(glob)
                    .map_err(|source| UniverseError::Glob { glob: glob.to_owned(), source })?;
                let options =
                    MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
                let paths = self.all().into_iter().filter(|it| glob.matches_with(it, options));
                Ok(paths.map(str::to_owned).collect())
            }
            Select::Plugin(key) => {
                let nodes = self.nodes.values().filter(|it| it.plugin() == Some(key));
                Ok(nodes.map(|it| it.path().to_owned()).collect())
            }
            Select::Path(path) => {
                Ok(self.find(path).then(|| path.to_owned()).into_iter().collect())
            }
        }
    }

    /// Returns the selected nodes, sorted by path.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a glob is malformed, or a file cannot be read.
    pub fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>, UniverseError> {
        self.paths(select)?.into_iter().map(|it| self.node(it)).collect()
    }

    /// Takes over what the plugin with the key `plugin` made of the universe.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] when a path is invalid, taken, or not there to be deleted.
    pub fn apply(
        &mut self,
        plugin: &str,
        subcommand: &str,
        changes: ChangeSet,
    ) -> Result<(), UniverseError> {
        let (deleted, added) = changes.into_parts();
        for path in deleted {
            self.delete(plugin, path)?;
        }
        for node in added {
            self.add(plugin, node.attributed(plugin, subcommand))?;
        }
        Ok(())
    }

    /// Puts a node in, whatever was at its path: for what is no plugin's change set.
    pub(super) fn put(&mut self, node: Node) {
        let path = node.path().to_owned();
        if self.nodes.insert(path.clone(), node).is_none() && self.find_on_disk(&path) {
            self.deleted.insert(path);
        }
    }

    /// Takes the node at `path` out, if there is one.
    pub(super) fn remove(&mut self, path: &str) {
        self.nodes.remove(path);
        if self.find_on_disk(path) {
            self.deleted.insert(path.to_owned());
        }
    }

    /// Returns how the universe differs from the disk, sorted by path.
    ///
    /// # Errors
    ///
    /// [`UniverseError::Read`] when a file that is replaced or deleted cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>, UniverseError> {
        let mut changes = BTreeMap::new();
        for path in self.deleted.iter().filter(|it| !self.nodes.contains_key(*it)) {
            changes.insert(path.as_str(), Change::Delete(self.node(path.clone())?));
        }
        for (path, node) in &self.nodes {
            let change = match self.deleted.contains(path) {
                false => Change::Add(node.clone()),
                true => {
                    let old = self
                        .on_disk(path)
                        .map_err(|source| UniverseError::Read { path: path.clone(), source })?;
                    if same(&old, node) {
                        continue;
                    }
                    Change::Replace { old, new: node.clone() }
                }
            };
            changes.insert(path, change);
        }
        Ok(changes.into_values().collect())
    }

    fn add(&mut self, plugin: &str, node: Node) -> Result<(), UniverseError> {
        let path = node.path().to_owned();
        self.check(&path)?;
        if let Some(other) = self.nodes.get(&path) {
            let other = other.plugin().map(str::to_owned);
            return Err(UniverseError::Conflict { path, plugin: plugin.to_owned(), other });
        }
        if let Some(folder) = self.blocked(&path) {
            return Err(UniverseError::Folder { path, plugin: plugin.to_owned(), folder });
        }
        // Whatever it is that has the name, also what is no node.
        if !self.deleted.contains(&path) && fs::symlink_metadata(self.root.join(&path)).is_ok() {
            let plugin = plugin.to_owned();
            return Err(UniverseError::Conflict { path, plugin, other: None });
        }
        self.nodes.insert(path, node);
        Ok(())
    }

    fn delete(&mut self, plugin: &str, path: String) -> Result<(), UniverseError> {
        self.check(&path)?;
        if self.nodes.remove(&path).is_some() {
            return Ok(());
        }
        if self.find(&path) {
            self.deleted.insert(path);
            return Ok(());
        }
        Err(UniverseError::Missing { path, plugin: plugin.to_owned() })
    }

    fn check(&self, path: &str) -> Result<(), UniverseError> {
        path::check(path)
            .and_then(|()| path::check_links(&self.root, path))
            .map_err(|source| UniverseError::Path { path: path.to_owned(), source })
    }

    /// Returns what keeps `path` from being a file: a file where a folder must be, or
    /// the path itself, which is a folder.
    fn blocked(&self, path: &str) -> Option<String> {
        let is_file = |it: &&str| {
            let on_disk = || fs::metadata(self.root.join(it)).is_ok_and(|it| !it.is_dir());
            self.nodes.contains_key(*it) || !self.deleted.contains(*it) && on_disk()
        };
        let file = path::parents(path).find(is_file).map(str::to_owned);
        let below = format!("{path}/");
        let is_folder = || {
            let first = self.nodes.range(below.clone()..).next();
            first.is_some_and(|(it, _)| it.starts_with(&below))
                || fs::symlink_metadata(self.root.join(path)).is_ok_and(|it| it.is_dir())
        };
        file.or_else(|| is_folder().then(|| path.to_owned()))
    }

    /// Whether there is a node at `path`.
    fn find(&self, path: &str) -> bool {
        if self.nodes.contains_key(path) {
            return true;
        }
        !self.deleted.contains(path) && self.find_on_disk(path)
    }

    fn find_on_disk(&self, path: &str) -> bool {
        self.check(path).is_ok()
            && !is_hidden(path)
            && fs::symlink_metadata(self.root.join(path)).is_ok_and(|it| it.is_file())
    }

    fn node(&self, path: String) -> Result<Node, UniverseError> {
        match self.nodes.get(&path) {
            Some(node) => Ok(node.clone()),
            None => self
                .on_disk(&path)
                .map_err(|source| UniverseError::Read { path: path.clone(), source }),
        }
    }

    fn on_disk(&self, path: &str) -> io::Result<Node> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = read.get(path) {
            return Ok(node.clone());
        }
        let file = self.root.join(path);
        let node = Node::new(path, fs::read(&file)?, mode(&fs::metadata(&file)?));
        read.insert(path.to_owned(), node.clone());
        Ok(node)
    }

    fn all(&self) -> BTreeSet<&str> {
        let listed = self.listed.get_or_init(|| list(&self.root));
        let on_disk = listed.iter().filter(|it| !self.deleted.contains(*it));
        on_disk.chain(self.nodes.keys()).map(String::as_str).collect()
    }
}

impl Clone for Universe {
    fn clone(&self) -> Self {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            root: self.root.clone(),
            listed: self.listed.clone(),
            read: Mutex::new(read),
            nodes: self.nodes.clone(),
            deleted: self.deleted.clone(),
        }
    }
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

/// Lists the regular files below `root`, without following a link.
///
/// A folder that cannot be read, as the data of a container beside the project, has no
/// nodes: a plugin that never looks there must still work.
fn list(root: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match entry.file_type() {
                _ if is_hidden(&path) || path.contains('\\') => {}
                Ok(it) if it.is_dir() => folders.push(path),
                Ok(it) if it.is_file() => {
                    files.insert(path);
                }
                _ => {}
            }
        }
    }
    files
}

/// Whether what is at `path` on disk, whose folders are not hidden, is none of a plugin's business.
fn is_hidden(path: &str) -> bool {
    path == PROJECT
        || path == "target"
        || path.starts_with("target/")
        || path.starts_with(STAGING_PREFIX)
        || path.rsplit('/').next().is_some_and(path::is_git)
}

fn same(left: &Node, right: &Node) -> bool {
    left.bytes() == right.bytes() && left.mode() == right.mode()
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    pintle_plugin::MODE_FILE
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Project(tempfile::TempDir);

    impl Project {
        fn new(files: &[&str]) -> Self {
            let project = Self(tempfile::tempdir().unwrap());
            for file in files {
                let path = project.0.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, file).unwrap();
            }
            project
        }

        fn universe(&self) -> Universe {
            Universe::new(self.0.path())
        }
    }

    fn add(path: &str) -> ChangeSet {
        let mut changes = ChangeSet::new();
        changes.add(path, path);
        changes
    }

    fn delete(path: &str) -> ChangeSet {
        let mut changes = ChangeSet::new();
        changes.delete(path);
        changes
    }

    #[track_caller]
    fn refusal(universe: &mut Universe, plugin: &str, changes: ChangeSet) -> String {
        universe.apply(plugin, "init", changes).unwrap_err().to_string()
    }

    fn summary(universe: &Universe) -> Vec<String> {
        let line = |it| match it {
            Change::Add(node) => format!("+{}", node.path()),
            Change::Replace { new, .. } => format!("~{}", new.path()),
            Change::Delete(node) => format!("-{}", node.path()),
        };
        universe.changes().unwrap().into_iter().map(line).collect()
    }

    #[test]
    fn selections_pick_nodes_of_disk_and_run() {
        let project = Project::new(&["src/main.rs", "src/api/v1.rs", "Cargo.toml"]);
        let mut universe = project.universe();
        universe.apply("a/v1", "init", add("src/lib.rs")).unwrap();
        let paths = |select| universe.paths(select).unwrap();
        assert_eq!(
            paths(Select::All),
            ["Cargo.toml", "src/api/v1.rs", "src/lib.rs", "src/main.rs"]
        );
        assert_eq!(paths(Select::Glob("src/*.rs")), ["src/lib.rs", "src/main.rs"]);
        assert_eq!(paths(Select::Glob("**/*.rs")), ["src/api/v1.rs", "src/lib.rs", "src/main.rs"]);
        assert_eq!(paths(Select::Plugin("a/v1")), ["src/lib.rs"]);
        assert_eq!(paths(Select::Path("src/main.rs")), ["src/main.rs"]);
        assert_eq!(paths(Select::Path("src")), [""; 0]);
        assert_eq!(paths(Select::Path("../x")), [""; 0]);
        assert!(universe.paths(Select::Glob("a[")).is_err());
    }

    #[test]
    fn bytes_stay_bytes_and_know_their_origin() {
        let project = Project::new(&[]);
        fs::write(project.0.path().join("blob"), [0, 255, 254]).unwrap();
        let mut universe = project.universe();
        universe.apply("a/v1", "init", add("new")).unwrap();
        let nodes = universe.nodes(Select::All).unwrap();
        let [blob, new] = nodes.as_slice() else { panic!("two nodes: {nodes:?}") };
        assert_eq!((blob.bytes(), blob.plugin()), ([0, 255, 254].as_slice(), None));
        assert_eq!((new.plugin(), new.subcommand()), (Some("a/v1"), Some("init")));
    }

    #[test]
    fn what_is_no_business_of_a_plugin_is_no_node() {
        let project =
            Project::new(&["PROJECT", ".git/config", "sub/.git/config", "target/x", ".gitignore"]);
        let universe = project.universe();
        assert_eq!(universe.paths(Select::All).unwrap(), [".gitignore"]);
        for path in ["PROJECT", ".git/config", "sub/.git/config", "target/x"] {
            assert!(universe.nodes(Select::Path(path)).unwrap().is_empty(), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_sockets_are_no_nodes_and_harm_nobody() {
        use std::os::unix::fs::symlink;
        let outside = Project::new(&["secret"]);
        let project = Project::new(&["file"]);
        let root = project.0.path();
        symlink(outside.0.path(), root.join("out")).unwrap();
        symlink("file", root.join("link")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        symlink(".", root.join("loop")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        let mut universe = project.universe();
        assert_eq!(universe.paths(Select::All).unwrap(), ["file"]);
        for path in ["out/secret", "link", "dangling", "socket", "loop/file"] {
            assert!(universe.nodes(Select::Path(path)).unwrap().is_empty(), "{path}");
        }
        let said = refusal(&mut universe, "a/v1", add("out/new"));
        assert_eq!(said, "invalid path `out/new`");
        let said = refusal(&mut universe, "a/v1", add("dangling"));
        assert_eq!(said, "`a/v1` adds `dangling`, which was on disk before");
    }

    #[test]
    fn adding_what_is_there_is_a_conflict_that_names_both_sides() {
        let project = Project::new(&["README.md"]);
        let mut universe = project.universe();
        let said = refusal(&mut universe, "a/v1", add("README.md"));
        assert_eq!(said, "`a/v1` adds `README.md`, which was on disk before");
        universe.apply("a/v1", "init", add("LICENSE")).unwrap();
        let said = refusal(&mut universe, "b/v1", add("LICENSE"));
        assert_eq!(said, "`b/v1` adds `LICENSE`, which `a/v1` added before");
    }

    #[test]
    fn a_later_plugin_replaces_what_it_deletes_first() {
        let project = Project::new(&["README.md", "gone", "same"]);
        let mut universe = project.universe();
        universe.apply("a/v1", "init", add("LICENSE")).unwrap();
        for path in ["LICENSE", "README.md"] {
            let mut changes = delete(path);
            changes.add(path, "new");
            universe.apply("b/v1", "init", changes).unwrap();
        }
        universe.apply("b/v1", "init", delete("gone")).unwrap();
        let same = universe.nodes(Select::Path("same")).unwrap().remove(0);
        let mut changes = ChangeSet::new();
        changes.replace(&same, same.bytes());
        universe.apply("b/v1", "init", changes).unwrap();

        assert_eq!(summary(&universe), ["+LICENSE", "~README.md", "-gone"]);
        assert!(universe.nodes(Select::Path("gone")).unwrap().is_empty());
        let said = refusal(&mut universe, "c/v1", delete("gone"));
        assert_eq!(said, "`c/v1` deletes `gone`, which does not exist");
        universe.apply("c/v1", "init", delete("LICENSE")).unwrap();
        assert_eq!(summary(&universe), ["~README.md", "-gone"]);
    }

    #[test]
    fn a_file_is_no_folder() {
        let project = Project::new(&["file", "folder/x"]);
        let mut universe = project.universe();
        let said = refusal(&mut universe, "a/v1", add("file/x"));
        assert_eq!(said, "`a/v1` adds `file/x`, but `file` is no folder");
        let said = refusal(&mut universe, "a/v1", add("folder"));
        assert_eq!(said, "`a/v1` adds `folder`, but `folder` is a folder");
        universe.apply("a/v1", "init", add("new/x")).unwrap();
        refusal(&mut universe, "a/v1", add("new"));
        refusal(&mut universe, "a/v1", add("new/x/y"));
    }
}
