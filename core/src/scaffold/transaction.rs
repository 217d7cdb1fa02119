//! Brings a set of changes to the disk: all of them, or none.
//!
//! Everything is written to a staging folder inside the project first, then renamed
//! into place, PROJECT last. What is replaced or deleted waits in the staging folder,
//! and goes back when a later step fails.

use super::path::{self, PathError, STAGING_PREFIX};
use super::universe::Change;
use crate::project::{PROJECT, ProjectFile};
use pintle_plugin::{MODE_FILE, Node};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Changes to the files of a project, not on disk yet.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    changes: Vec<Change>,
    project: Option<String>,
    state: Vec<(String, String)>,
}

/// What a [`Transaction`] did, as sorted paths relative to the project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The files that were not on disk before.
    pub added: Vec<String>,
    /// The files that have other bytes or another mode now.
    pub replaced: Vec<String>,
    /// The files that are no more.
    pub deleted: Vec<String>,
}

/// Why a [`Transaction`] did nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// A path is none that a transaction may touch.
    #[error("invalid path `{path}`")]
    Path {
        /// The path.
        path: String,
        /// The rule that it breaks.
        source: PathError,
    },
    /// A file that no plugin deleted is in the way.
    #[error("`{path}` is in the way")]
    Occupied {
        /// The path.
        path: String,
    },
    /// A file that was to be replaced or deleted is no more.
    #[error("`{path}` has disappeared")]
    Disappeared {
        /// The path.
        path: String,
    },
    /// The disk refused; the project is as it was.
    #[error("failed to {action} `{path}`")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The disk refused, and then refused to undo what was done.
    #[error("failed to put back {}; the old files are in `{}`", list(paths), staging.display())]
    Undo {
        /// The paths that are not as they were.
        paths: Vec<String>,
        /// The folder with the old files.
        staging: PathBuf,
        /// Why the undoing was necessary.
        source: Box<TransactionError>,
    },
}

impl TransactionError {
    /// Returns what to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Occupied { path } => Some(format!("move `{path}` away, then try again")),
            Self::Disappeared { .. } => Some("try again".to_owned()),
            Self::Undo { staging, .. } => {
                Some(format!("move the files back, then remove `{}`", staging.display()))
            }
            Self::Path { .. } | Self::Disk { .. } => None,
        }
    }
}

impl Transaction {
    /// Returns a transaction that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file that must not be on disk.
    pub fn add(&mut self, node: Node) -> &mut Self {
        self.change(Change::Add(node))
    }

    /// Replaces the file `old`, which must be on disk.
    pub fn replace(&mut self, old: Node, new: Node) -> &mut Self {
        self.change(Change::Replace { old, new })
    }

    /// Deletes the file `old`, which must be on disk.
    pub fn delete(&mut self, old: Node) -> &mut Self {
        self.change(Change::Delete(old))
    }

    /// Makes one change; no two of them may concern one path.
    pub fn change(&mut self, change: Change) -> &mut Self {
        self.changes.push(change);
        self
    }

    /// Writes PROJECT, after all else.
    pub fn project(&mut self, project: &ProjectFile) -> &mut Self {
        self.project = Some(project.to_string());
        self
    }

    /// Writes a file of the host's own state.
    pub(super) fn state_file(&mut self, name: &str, text: String) -> &mut Self {
        self.state.push((name.to_owned(), text));
        self
    }

    /// Returns the changes, in the order they were made.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Brings the changes to the disk, in the project in the folder `root`.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; then the project is as it was, unless the error is
    /// [`TransactionError::Undo`].
    pub fn commit(self, root: &Path) -> Result<Committed, TransactionError> {
        for change in &self.changes {
            check(root, change)?;
        }
        let stage = Stage::new(root)?;
        for (idx, change) in self.changes.iter().enumerate() {
            let (node, mode) = match change {
                Change::Add(node) => (node, Mode::New(node.mode())),
                Change::Replace { new, .. } => (new, Mode::Exact(new.mode())),
                Change::Delete(_) => continue,
            };
            stage.write(&idx.to_string(), node.bytes(), mode)?;
        }
        if let Some(text) = &self.project {
            stage.write(PROJECT, text.as_bytes(), project_mode(root)?)?;
        }
        let mut undo = Undo::default();
        match self.place(&stage, &mut undo) {
            Ok(committed) => {
                for (name, text) in &self.state {
                    let _ = fs::create_dir(root.join(path::STATE));
                    let _ = fs::write(root.join(path::STATE).join(name), text);
                }
                Ok(committed)
            }
            Err(err) => Err(stage.undo(undo, err)),
        }
    }

    fn place(&self, stage: &Stage<'_>, undo: &mut Undo) -> Result<Committed, TransactionError> {
        let mut committed = Committed::default();
        // What goes away first: a new folder may have the name of an old file.
        for (idx, change) in self.changes.iter().enumerate() {
            if let Change::Delete(node) = change {
                stage.take_away(idx, node.path(), undo)?;
                committed.deleted.push(node.path().to_owned());
            }
        }
        for (idx, change) in self.changes.iter().enumerate() {
            match change {
                Change::Add(node) => {
                    stage.put(idx, node.path(), undo)?;
                    committed.added.push(node.path().to_owned());
                }
                Change::Replace { new, .. } => {
                    stage.exchange(&idx.to_string(), new.path(), undo)?;
                    committed.replaced.push(new.path().to_owned());
                }
                Change::Delete(_) => {}
            }
        }
        if self.project.is_some() {
            stage.exchange(PROJECT, PROJECT, undo)?;
        }
        stage.sync(&committed);
        stage.remove_empty_folders(&committed.deleted);
        for paths in [&mut committed.added, &mut committed.replaced, &mut committed.deleted] {
            paths.sort();
        }
        Ok(committed)
    }
}

/// Returns the mode of the new PROJECT: that of the old one, if there is one.
///
/// A link is no PROJECT to write: the rename would put a file in its place, and leave
/// what it points to as it was.
fn project_mode(root: &Path) -> Result<Mode, TransactionError> {
    match fs::symlink_metadata(root.join(PROJECT)) {
        Ok(it) if it.is_symlink() => Err(TransactionError::Occupied { path: PROJECT.to_owned() }),
        Ok(it) => Ok(Mode::Exact(mode(&it))),
        Err(_) => Ok(Mode::New(MODE_FILE)),
    }
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    MODE_FILE
}

/// The folder that new files come from and old files wait in.
struct Stage<'a> {
    root: &'a Path,
    folder: TempDir,
}

/// How to get back to the state before.
#[derive(Default)]
struct Undo {
    /// Files that were not there before.
    added: Vec<String>,
    /// Files that were there before: the name in the staging folder, and the path.
    moved: Vec<(String, String)>,
    /// Folders that were not there before.
    folders: Vec<String>,
}

impl<'a> Stage<'a> {
    fn new(root: &'a Path) -> Result<Self, TransactionError> {
        let folder = tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(root);
        let folder = folder.map_err(disk("make a staging folder in", &root.to_string_lossy()))?;
        Ok(Self { root, folder })
    }

    fn write(&self, name: &str, bytes: &[u8], mode: Mode) -> Result<(), TransactionError> {
        let path = self.new_file(name);
        let write = || -> io::Result<()> {
            let mut file = mode.options().write(true).create_new(true).open(&path)?;
            file.write_all(bytes)?;
            mode.set(&file)?;
            file.sync_all()
        };
        write().map_err(disk("write", &path.to_string_lossy()))
    }

    fn take_away(&self, idx: usize, path: &str, undo: &mut Undo) -> Result<(), TransactionError> {
        fs::rename(self.root.join(path), self.old_file(&idx.to_string()))
            .map_err(disk("delete", path))?;
        undo.moved.push((idx.to_string(), path.to_owned()));
        Ok(())
    }

    /// Puts a new file where none is.
    fn put(&self, idx: usize, path: &str, undo: &mut Undo) -> Result<(), TransactionError> {
        for folder in path::parents(path) {
            match fs::create_dir(self.root.join(folder)) {
                Ok(()) => undo.folders.push(folder.to_owned()),
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
                Err(err) => return Err(disk("make the folder", folder)(err)),
            }
        }
        let (from, to) = (self.new_file(&idx.to_string()), self.root.join(path));
        // A link fails where a rename would overwrite what somebody else has made since.
        let res = match fs::hard_link(&from, &to) {
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
                return Err(TransactionError::Occupied { path: path.to_owned() });
            }
            Err(_) => fs::rename(&from, &to),
            Ok(()) => Ok(()),
        };
        res.map_err(disk("write", path))?;
        undo.added.push(path.to_owned());
        Ok(())
    }

    /// Puts a new file where an old one may be, in one step.
    fn exchange(&self, name: &str, path: &str, undo: &mut Undo) -> Result<(), TransactionError> {
        let (old, to) = (self.old_file(name), self.root.join(path));
        let exists = fs::symlink_metadata(&to).is_ok();
        if exists {
            // A copy where the file system has no hard links.
            let kept = fs::hard_link(&to, &old).or_else(|_| fs::copy(&to, &old).map(drop));
            kept.map_err(disk("keep a copy of", path))?;
        }
        fs::rename(self.new_file(name), &to).map_err(disk("write", path))?;
        match exists {
            true => undo.moved.push((name.to_owned(), path.to_owned())),
            false => undo.added.push(path.to_owned()),
        }
        Ok(())
    }

    /// Goes back to the state before; the staging folder stays if that fails.
    fn undo(self, undo: Undo, err: TransactionError) -> TransactionError {
        let mut paths = Vec::new();
        for path in undo.added {
            if fs::remove_file(self.root.join(&path)).is_err() {
                paths.push(path);
            }
        }
        for folder in undo.folders.iter().rev() {
            // A folder that somebody else uses by now may stay.
            let _ = fs::remove_dir(self.root.join(folder));
        }
        for (name, path) in undo.moved {
            if fs::rename(self.old_file(&name), self.root.join(&path)).is_err() {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            return err;
        }
        TransactionError::Undo { paths, staging: self.folder.keep(), source: Box::new(err) }
    }

    /// Makes the renames last; a system that cannot is no reason to fail.
    fn sync(&self, committed: &Committed) {
        let Committed { added, replaced, deleted } = committed;
        let mut folders = BTreeSet::from([self.root.to_owned()]);
        for path in added.iter().chain(replaced).chain(deleted) {
            folders.extend(path::parents(path).map(|it| self.root.join(it)));
        }
        for folder in folders {
            let _ = File::open(folder).and_then(|it| it.sync_all());
        }
    }

    /// Removes the folders that the deletions have left empty.
    fn remove_empty_folders(&self, deleted: &[String]) {
        for path in deleted {
            for folder in path::parents(path).rev() {
                if fs::remove_dir(self.root.join(folder)).is_err() {
                    break;
                }
            }
        }
    }

    fn new_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.new"))
    }

    fn old_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.old"))
    }
}

/// Checks that a change fits the disk.
fn check(root: &Path, change: &Change) -> Result<(), TransactionError> {
    let (path, replaces) = (change.path(), !matches!(change, Change::Add(_)));
    path::check(path)
        .and_then(|()| path::check_links(root, path))
        .map_err(|source| TransactionError::Path { path: path.to_owned(), source })?;
    match fs::symlink_metadata(root.join(path)) {
        Ok(_) if !replaces => Err(TransactionError::Occupied { path: path.to_owned() }),
        Ok(it) if replaces && !it.is_file() => {
            Err(TransactionError::Occupied { path: path.to_owned() })
        }
        Err(_) if replaces => Err(TransactionError::Disappeared { path: path.to_owned() }),
        _ => Ok(()),
    }
}

fn disk(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> TransactionError {
    let path = path.to_owned();
    move |source| TransactionError::Disk { action, path, source }
}

fn list(paths: &[String]) -> String {
    let paths: Vec<String> = paths.iter().map(|it| format!("`{it}`")).collect();
    paths.join(", ")
}

/// The permission bits of a file to be written.
#[derive(Clone, Copy)]
enum Mode {
    /// Of a new file: the user's umask takes bits away, as from any new file.
    New(u32),
    /// Of a file that was there: they stay as they are.
    Exact(u32),
}

impl Mode {
    fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        if let Self::New(mode) = self {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(mode & 0o777);
        }
        options
    }

    fn set(self, file: &File) -> io::Result<()> {
        #[cfg(unix)]
        if let Self::Exact(mode) = self {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
        }
        let _ = file;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ProjectVersion;
    use pintle_plugin::MODE_EXECUTABLE;
    use std::collections::BTreeMap;

    fn project(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("old {file}")).unwrap();
        }
        folder
    }

    fn node(path: &str) -> Node {
        Node::new(path, format!("new {path}"), MODE_FILE)
    }

    /// Returns everything below `root`: folders end in `/`.
    fn tree(root: &Path) -> BTreeMap<String, String> {
        let mut tree = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                if path.is_dir() {
                    tree.insert(name + "/", String::new());
                    folders.push(path);
                } else {
                    tree.insert(name, fs::read_to_string(path).unwrap());
                }
            }
        }
        tree
    }

    fn full() -> Transaction {
        let mut transaction = Transaction::new();
        transaction
            .add(node("src/api/v1.rs"))
            .replace(node("README.md"), node("README.md"))
            .delete(node("old/deep/file"))
            .project(&ProjectFile::new(&ProjectVersion::default()).unwrap());
        transaction
    }

    #[test]
    fn all_changes_reach_the_disk_and_nothing_else_does() {
        let folder = project(&["README.md", "old/deep/file", "PROJECT", "kept/x"]);
        let committed = full().commit(folder.path()).unwrap();
        assert_eq!(committed.added, ["src/api/v1.rs"]);
        assert_eq!(committed.replaced, ["README.md"]);
        assert_eq!(committed.deleted, ["old/deep/file"]);
        let expected = [
            ("PROJECT", "version: \"3\"\n"),
            ("README.md", "new README.md"),
            ("kept/", ""),
            ("kept/x", "old kept/x"),
            ("src/", ""),
            ("src/api/", ""),
            ("src/api/v1.rs", "new src/api/v1.rs"),
        ];
        let expected = expected.map(|(path, text)| (path.to_owned(), text.to_owned()));
        assert_eq!(tree(folder.path()), BTreeMap::from(expected));
    }

    #[cfg(unix)]
    #[test]
    fn files_have_the_modes_that_their_nodes_say() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = project(&[]);
        let mut transaction = Transaction::new();
        transaction.add(Node::new("run.sh", "", MODE_EXECUTABLE)).add(node("text"));
        transaction.commit(folder.path()).unwrap();
        let mode = |it: &str| fs::metadata(folder.path().join(it)).unwrap().permissions().mode();
        assert_eq!(mode("run.sh") & 0o7777, 0o755);
        assert_eq!(mode("text") & 0o7777, 0o644);
    }

    #[test]
    fn a_file_that_nobody_deleted_is_not_overwritten() {
        let folder = project(&["README.md", "old/deep/file", "src/api/v1.rs"]);
        let before = tree(folder.path());
        let err = full().commit(folder.path()).unwrap_err();
        assert_eq!(err.to_string(), "`src/api/v1.rs` is in the way");
        assert_eq!(tree(folder.path()), before);
    }

    #[test]
    fn a_failure_half_way_puts_everything_back() {
        // A folder named PROJECT stops the very last step.
        let folder = project(&["README.md", "old/deep/file", "PROJECT/x"]);
        let before = tree(folder.path());
        let err = full().commit(folder.path()).unwrap_err();
        assert!(matches!(err, TransactionError::Disk { .. }), "{err}");
        assert_eq!(tree(folder.path()), before);
    }

    #[test]
    fn a_folder_may_take_the_place_of_a_deleted_file() {
        let folder = project(&["api"]);
        let mut transaction = Transaction::new();
        transaction.add(node("api/v1.rs")).delete(node("api"));
        transaction.commit(folder.path()).unwrap();
        assert!(folder.path().join("api/v1.rs").is_file());
    }

    #[cfg(unix)]
    #[test]
    fn no_link_leads_out_of_the_project() {
        let outside = project(&["victim"]);
        let folder = project(&[]);
        std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
        for change in [Change::Add(node("out/new")), Change::Delete(node("out/victim"))] {
            let mut transaction = Transaction::new();
            transaction.change(change);
            let err = transaction.commit(folder.path()).unwrap_err();
            assert!(matches!(err, TransactionError::Path { .. }), "{err}");
        }
        let mut transaction = Transaction::new();
        transaction.add(node("../new"));
        transaction.commit(folder.path()).unwrap_err();
        assert_eq!(tree(outside.path()).len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn project_keeps_its_mode_and_is_never_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = project(&["PROJECT", "shared"]);
        let path = folder.path().join("PROJECT");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        full_project().commit(folder.path()).unwrap();
        assert_eq!(mode(&fs::metadata(&path).unwrap()), 0o600);

        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("shared", &path).unwrap();
        let before = tree(folder.path());
        let err = full_project().commit(folder.path()).unwrap_err();
        assert!(matches!(err, TransactionError::Occupied { .. }), "{err}");
        assert_eq!(tree(folder.path()), before);
    }

    fn full_project() -> Transaction {
        let mut transaction = Transaction::new();
        transaction.project(&ProjectFile::new(&crate::ProjectVersion::default()).unwrap());
        transaction
    }
}
