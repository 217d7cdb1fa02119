//! The content of the disk: the only place where a universe touches it.
//!
//! Invariants: nothing is listed or opened before it is requested; no link is followed, and only
//! regular files are opened. Both also apply to `.gitignore` files. What cannot be read is never
//! treated as missing.

use super::ignore::Rules;
use crate::path::{self, PathError};
use crate::project::PROJECT;
use pintle_host::fs::{self, Contents, Dir, Entry, Kind, NO_LIMIT};
use pintle_plugin::Node;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
#[cfg(test)]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The name of the files with the rules of what to ignore.
const GITIGNORE: &str = ".gitignore";

/// A `.gitignore` file that is larger than this was not written by a person.
const MAX_RULES: u64 = 16 << 20;

/// The project's directory on disk.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    dir: OnceLock<Dir>,
    listed: OnceLock<Arc<Listing>>,
    /// The listings of parts.
    parts: Mutex<BTreeMap<Part, Arc<Listing>>>,
    read: Mutex<BTreeMap<String, Node>>,
    names: Mutex<BTreeMap<String, Arc<[String]>>>,
    /// What exists under the names of directories that a path leads through.
    folders: Mutex<BTreeMap<String, Option<Kind>>>,
    /// How many directories have been listed and files opened so far.
    #[cfg(test)]
    pub(super) n_accesses: AtomicUsize,
}

/// A part of a project: a directory with everything in it, or only with its own files.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) folder: String,
    pub(super) is_flat: bool,
}

impl Part {
    /// Returns the part that contains everything that a glob can match.
    pub(super) fn of(glob: &str) -> Self {
        let wildcard = glob.find(['*', '?', '[']).unwrap_or(glob.len());
        let folder = glob[..wildcard].rsplit_once('/').map_or("", |(folder, _)| folder);
        let rest = &glob[folder.len()..];
        let is_flat = !rest.contains("**") && !rest.trim_start_matches('/').contains('/');
        Self { folder: folder.to_owned(), is_flat }
    }

    fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a directory must be listed.
    fn has_folder(&self, path: &str) -> bool {
        is_in(&self.folder, path) || !self.is_flat && is_in(path, &self.folder)
    }
}

/// The content of a project, or of a directory in it.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The sorted paths of the files that are nodes and not ignored.
    pub(super) files: Vec<String>,
    /// The directories, and the rules for them, that cannot be read.
    unreadable: Vec<(String, fs::Error)>,
}

impl Listing {
    /// Returns the first directory that cannot be read and that `concerns` the caller, and the
    /// reason.
    pub(super) fn unreadable(&self, concerns: impl Fn(&str) -> bool) -> Option<(&str, io::Error)> {
        let (path, err) = self.unreadable.iter().find(|(it, _)| concerns(it))?;
        let source = match &err.cause {
            fs::Cause::Io(err) if err.raw_os_error().is_some() => {
                io::Error::from_raw_os_error(err.raw_os_error().unwrap_or_default())
            }
            cause => io::Error::new(cause.kind(), cause.to_string()),
        };
        Some((path, source))
    }
}

impl Disk {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            dir: OnceLock::new(),
            listed: OnceLock::new(),
            parts: Mutex::default(),
            read: Mutex::default(),
            names: Mutex::default(),
            folders: Mutex::default(),
            #[cfg(test)]
            n_accesses: AtomicUsize::new(0),
        }
    }

    /// Returns the project's directory, which is opened on first use.
    fn dir(&self) -> fs::Result<&Dir> {
        match self.dir.get() {
            Some(dir) => Ok(dir),
            None => {
                let dir = Dir::open(&self.root)?;
                Ok(self.dir.get_or_init(|| dir))
            }
        }
    }

    /// Checks that no directory on the way to `path` is a symbolic link.
    pub(super) fn check_links(&self, path: &str) -> Result<(), PathError> {
        // A directory that cannot be inspected is reported when it is listed.
        let is_link = |it: &&str| matches!(self.folder(it), Ok(Some(Kind::Symlink)));
        match path::parents(path).find(is_link) {
            Some(folder) => Err(PathError::Link(folder.to_owned())),
            None => Ok(()),
        }
    }

    /// Returns the sorted paths of the files that are nodes and not ignored.
    pub(super) fn paths(&self) -> &[String] {
        &self.listing().files
    }

    /// Returns the content of a part of the project; the rest is not inspected.
    pub(super) fn part(&self, part: Part) -> Arc<Listing> {
        if part.is_whole() {
            self.listing();
        }
        if let Some(all) = self.listed.get() {
            return Arc::clone(all);
        }
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let listing = parts.entry(part).or_insert_with_key(|it| self.list(it).into());
        Arc::clone(listing)
    }

    /// Returns the first directory that cannot be read and that `concerns` the caller, and the
    /// reason.
    pub(super) fn unreadable(&self, concerns: impl Fn(&str) -> bool) -> Option<(&str, io::Error)> {
        self.listing().unreadable(concerns)
    }

    fn listing(&self) -> &Listing {
        self.listed.get_or_init(|| self.list(&Part::default()).into())
    }

    /// Whether there is a node at `path`, ignored or not.
    pub(super) fn is_node(&self, path: &str) -> fs::Result<bool> {
        Ok(!is_hidden(path) && self.kind(path)? == Some(Kind::File))
    }

    /// Returns what exists at `path`, without following a link.
    pub(super) fn kind(&self, path: &str) -> fs::Result<Option<Kind>> {
        match path.rsplit_once('/') {
            // A directory that does not exist contains nothing.
            Some((folder, _)) if self.folder(folder)?.is_none() => Ok(None),
            _ => self.find(path),
        }
    }

    /// Returns what exists under the name of a directory; each is looked up once.
    fn folder(&self, folder: &str) -> fs::Result<Option<Kind>> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = folders.get(folder) {
            return Ok(*known);
        }
        let kind = self.find(folder)?;
        folders.insert(folder.to_owned(), kind);
        Ok(kind)
    }

    fn find(&self, path: &str) -> fs::Result<Option<Kind>> {
        match self.dir() {
            Ok(dir) => Ok(dir.find(path)?.map(|it| it.kind)),
            Err(err) if err.is_absent() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Returns the node at `path`; the file is read once.
    pub(super) fn node(&self, path: &str) -> fs::Result<Node> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = read.get(path) {
            return Ok(node.clone());
        }
        let node = to_node(path, self.read(path, NO_LIMIT)?);
        read.insert(path.to_owned(), node.clone());
        Ok(node)
    }

    /// Reads files that will all be requested. The request of one that cannot be read gets the
    /// error.
    ///
    /// The nodes are created after all bytes have been read, so that they are close together in
    /// memory: iterating over ten thousand of them is then several times faster.
    pub(super) fn read_ahead<'a>(&self, paths: impl Iterator<Item = &'a str>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let unread = paths.filter(|it| !read.contains_key(*it));
        let files: Vec<_> =
            unread.filter_map(|it| Some((it, self.read(it, NO_LIMIT).ok()?))).collect();
        let nodes = files.into_iter().map(|(path, file)| (path.to_owned(), to_node(path, file)));
        read.extend(nodes);
    }

    /// Returns the names of all entries of a directory, nodes or not; the directory is listed once.
    pub(super) fn names(&self, folder: &str) -> fs::Result<Arc<[String]>> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = names.get(folder) {
            return Ok(Arc::clone(names));
        }
        let found: Arc<[String]> =
            self.entries(folder)?.into_iter().map(|(name, _)| name).collect();
        names.insert(folder.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    /// Lists the regular files in a part of the project, without following a link.
    ///
    /// A directory that cannot be read, for example the data of a container next to the project, is
    /// an error only for callers that need it: plugins that do not must still work.
    fn list(&self, part: &Part) -> Listing {
        let mut listing = Listing::default();
        let mut folders = vec![(String::new(), None)];
        while let Some((folder, outer)) = folders.pop() {
            let entries = match self.entries(&folder) {
                Ok(entries) => entries,
                Err(err) => {
                    listing.unreadable.push((folder, err));
                    continue;
                }
            };
            let rules = match self.rules(&folder, &entries, outer.clone()) {
                Ok(rules) => rules,
                Err(err) => {
                    listing.unreadable.push((join(&folder, GITIGNORE), err));
                    outer
                }
            };
            for (name, kind) in entries {
                let path = join(&folder, &name);
                let is_folder = kind == Kind::Directory;
                let has =
                    if is_folder { part.has_folder(&path) } else { is_in(&path, &part.folder) };
                if !has {
                    continue;
                }
                if is_hidden(&path) || Rules::ignore(rules.as_deref(), &path, is_folder) {
                    continue;
                }
                if is_folder {
                    folders.push((path, rules.clone()));
                } else if kind == Kind::File && !path.contains('\\') {
                    listing.files.push(path);
                }
            }
        }
        // The files of each directory are already sorted, which speeds up this sort.
        listing.files.sort();
        listing.unreadable.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        listing
    }

    /// Returns the rules for the content of a directory: its own, if it has any, and the outer
    /// ones.
    fn rules(
        &self,
        folder: &str,
        entries: &[(String, Kind)],
        outer: Option<Rc<Rules>>,
    ) -> fs::Result<Option<Rc<Rules>>> {
        if !entries.iter().any(|(name, it)| name == GITIGNORE && *it == Kind::File) {
            return Ok(outer);
        }
        let bytes = self.read(&join(folder, GITIGNORE), MAX_RULES)?.bytes;
        Ok(Some(Rc::new(Rules::new(folder, &bytes, outer))))
    }

    /// Returns the entries of a directory that have a UTF-8 name; nothing if the directory does not
    /// exist.
    fn entries(&self, folder: &str) -> fs::Result<Vec<(String, Kind)>> {
        #[cfg(test)]
        self.n_accesses.fetch_add(1, Ordering::Relaxed);
        let entries = match self.dir().and_then(|it| it.list(folder)) {
            Err(err) if err.is_absent() => Vec::new(),
            res => res?,
        };
        let named = |Entry { name, kind, .. }| Some((name.into_string().ok()?, kind));
        Ok(entries.into_iter().filter_map(named).collect())
    }

    fn read(&self, path: &str, limit: u64) -> fs::Result<Contents> {
        #[cfg(test)]
        self.n_accesses.fetch_add(1, Ordering::Relaxed);
        self.dir()?.read_regular(path, limit)
    }
}

fn to_node(path: &str, file: Contents) -> Node {
    let mode = file.mode() & 0o777;
    Node::new(path, file.bytes, mode)
}

/// Whether `path` is the given directory, or in it.
fn is_in(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|it| it.is_empty() || it.starts_with('/'))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { [folder, "/", name].concat() }
}

/// Whether plugins may not see `path` on disk, given that its parent directories are not hidden.
fn is_hidden(path: &str) -> bool {
    path == PROJECT
        || path == "target"
        || path.starts_with("target/")
        || is_of_host(path)
        || path.rsplit('/').next().is_some_and(path::is_git)
}

/// Whether `path` is the host's own directory in a project, or in it.
pub(super) fn is_of_host(path: &str) -> bool {
    path.split('/').any(path::is_host)
}
