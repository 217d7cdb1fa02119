//! What is on disk: the only place where a universe touches it.
//!
//! Invariants: nothing is listed or opened before somebody asks; no link is followed,
//! and nothing but a regular file is opened. Both hold for the `.gitignore` files too.

use super::ignore::Rules;
use crate::path;
use crate::project::PROJECT;
use pintle_plugin::Node;
use std::collections::BTreeMap;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
#[cfg(test)]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The project's folder on disk.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    listed: OnceLock<Vec<String>>,
    read: Mutex<BTreeMap<String, Node>>,
    names: Mutex<BTreeMap<String, Arc<[String]>>>,
    /// How many folders were listed and files opened so far.
    #[cfg(test)]
    pub(super) n_accesses: AtomicUsize,
}

impl Disk {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            listed: OnceLock::new(),
            read: Mutex::default(),
            names: Mutex::default(),
            #[cfg(test)]
            n_accesses: AtomicUsize::new(0),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the sorted paths of the files that are nodes and not ignored.
    pub(super) fn paths(&self) -> &[String] {
        self.listed.get_or_init(|| self.list())
    }

    /// Whether there is a node at `path`, ignored or not.
    pub(super) fn is_node(&self, path: &str) -> bool {
        !is_hidden(path)
            && path::check_links(&self.root, path).is_ok()
            && self.file_type(path).is_some_and(|it| it.is_file())
    }

    /// Returns what has the name `path`, without following it when it is a link.
    pub(super) fn file_type(&self, path: &str) -> Option<FileType> {
        fs::symlink_metadata(self.root.join(path)).ok().map(|it| it.file_type())
    }

    /// Returns the node at `path`; the file is read once.
    pub(super) fn node(&self, path: &str) -> io::Result<Node> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = read.get(path) {
            return Ok(node.clone());
        }
        let (bytes, metadata) = self.read(path)?;
        let node = Node::new(path, bytes, mode(&metadata));
        read.insert(path.to_owned(), node.clone());
        Ok(node)
    }

    /// Reads files that will all be asked for. Who asks for one that cannot be read gets
    /// the error.
    ///
    /// The nodes are made when all bytes are there, so that they lie close together: going
    /// through ten thousand of them is then several times faster.
    pub(super) fn read_ahead<'a>(&self, paths: impl Iterator<Item = &'a str>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let unread = paths.filter(|it| !read.contains_key(*it));
        let files: Vec<_> = unread.filter_map(|it| Some((it, self.read(it).ok()?))).collect();
        let nodes = files.into_iter().map(|(path, (bytes, metadata))| {
            (path.to_owned(), Node::new(path, bytes, mode(&metadata)))
        });
        read.extend(nodes);
    }

    /// Returns the names of all that is in a folder, nodes or not; the folder is listed once.
    pub(super) fn names(&self, folder: &str) -> Arc<[String]> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = names.get(folder) {
            return Arc::clone(names);
        }
        let found: Arc<[String]> = self.entries(folder).into_iter().map(|(name, _)| name).collect();
        names.insert(folder.to_owned(), Arc::clone(&found));
        found
    }

    /// Lists the regular files, without following a link.
    ///
    /// A folder that cannot be read, as the data of a container beside the project, has
    /// no nodes: a plugin that never looks there must still work.
    fn list(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![(String::new(), None)];
        while let Some((folder, outer)) = folders.pop() {
            let entries = self.entries(&folder);
            let rules = self.rules(&folder, &entries, outer);
            for (name, file_type) in entries {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let is_folder = file_type.is_dir();
                if is_hidden(&path) || Rules::ignore(rules.as_deref(), &path, is_folder) {
                    continue;
                }
                if is_folder {
                    folders.push((path, rules.clone()));
                } else if file_type.is_file() && !path.contains('\\') {
                    files.push(path);
                }
            }
        }
        files.sort_unstable();
        files
    }

    /// Returns the rules for what is in a folder: its own, if it has some, and the outer ones.
    fn rules(
        &self,
        folder: &str,
        entries: &[(String, FileType)],
        outer: Option<Rc<Rules>>,
    ) -> Option<Rc<Rules>> {
        let has_own = entries.iter().any(|(name, it)| name == ".gitignore" && it.is_file());
        let path = Path::new(folder).join(".gitignore");
        // A file that cannot be read has no rules, as with git.
        match has_own.then(|| self.read(path)) {
            Some(Ok((bytes, _))) => Some(Rc::new(Rules::new(folder, &bytes, outer))),
            _ => outer,
        }
    }

    /// Returns what is in a folder and has a name in UTF-8.
    fn entries(&self, folder: &str) -> Vec<(String, FileType)> {
        #[cfg(test)]
        self.n_accesses.fetch_add(1, Ordering::Relaxed);
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let named =
            entries.map(|it| Some((it.file_name().into_string().ok()?, it.file_type().ok()?)));
        named.flatten().collect()
    }

    fn read(&self, path: impl AsRef<Path>) -> io::Result<(Vec<u8>, Metadata)> {
        #[cfg(test)]
        self.n_accesses.fetch_add(1, Ordering::Relaxed);
        let mut file = open(&self.root.join(path))?;
        let metadata = file.metadata()?;
        // It was one when it was listed.
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file any more"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        file.read_to_end(&mut bytes)?;
        Ok((bytes, metadata))
    }
}

/// Whether what is at `path` on disk, whose folders are not hidden, is none of a plugin's business.
fn is_hidden(path: &str) -> bool {
    path == PROJECT
        || path == "target"
        || path.starts_with("target/")
        || is_of_host(path)
        || path.rsplit('/').next().is_some_and(path::is_git)
}

/// Whether `path` is the host's own folder in a project, or in it.
pub(super) fn is_of_host(path: &str) -> bool {
    path.split('/').any(path::is_host)
}

/// Opens a file that was a regular one: no link that took its place is followed, and no
/// FIFO is waited for.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    pintle_plugin::MODE_FILE
}
