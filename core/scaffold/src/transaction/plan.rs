//! Checks that a transaction is compatible with the disk, and lists what it has to do there.
//!
//! Nothing here writes.

use super::changes::Transaction;
use super::error::{TransactionError, disk_error};
use super::journal::{Entry, Journal, RUN, Stamp, is_own, staged};
use crate::path::{self, HOST_FOLDER, PathError, parents};
use crate::project::PROJECT;
use crate::universe::Change;
use pintle_host::fs::{Dir, Kind, Mode, NO_LIMIT, NewFile};
use pintle_plugin::{MODE_FILE, Node};
use std::collections::BTreeSet;

/// How many new files are open at most, until they are synced.
const MAX_OPEN: usize = 256;

/// The number of files from which on a commit syncs the file system instead of each file, where it
/// can: for one file, that might mean waiting for the files of others.
const MANY: usize = 256;

type Result<T> = std::result::Result<T, TransactionError>;

/// git attributes and ignore rules for the host's directory: an interrupted run is not recorded,
/// and a merge keeps the lines of both branches.
const FOR_GIT: [(&str, &[u8]); 2] = [
    (".gitattributes", b"/scaffold.jsonl merge=union eol=lf\n/plugins.lock merge=union eol=lf\n"),
    (".gitignore", b"/run/\n"),
];

/// What a transaction has to do on disk.
#[derive(Default)]
pub(super) struct Plan<'a> {
    steps: Vec<Step<'a>>,
    /// The paths of all files that are deleted.
    deleted: BTreeSet<&'a str>,
    made: BTreeSet<String>,
    /// The directories that have been checked: each leads to many files.
    known: BTreeSet<String>,
    cleared: Vec<(String, u32)>,
}

/// One file before, and after.
struct Step<'a> {
    path: String,
    old: Option<Stamp>,
    new: Option<(&'a [u8], Mode)>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(transaction: &'a Transaction, disk: &Dir) -> Result<Self> {
        let mut plan = Self::default();
        let changes = &transaction.changes;
        plan.deleted =
            changes.iter().filter(|it| matches!(it, Change::Delete(_))).map(Change::path).collect();
        for change in changes {
            check_path(disk, change.path())?;
            match change {
                Change::Add(node) => plan.add(disk, node)?,
                Change::Replace { old, new } => plan.replace(disk, old, new)?,
                Change::Delete(old) => {
                    let (_, stamp) = expect(disk, old)?;
                    plan.push(old.path(), Some(stamp), None);
                }
            }
        }
        for (name, bytes) in &transaction.state {
            let path = format!("{HOST_FOLDER}/{name}");
            if !is_own(&path) {
                return Err(TransactionError::Path { path, source: PathError::Part(name.clone()) });
            }
            plan.own(disk, path, bytes.as_deref())?;
        }
        if let Some(project) = &transaction.project {
            plan.project(disk, &project.text, project.old.as_deref())?;
        }
        for (name, bytes) in FOR_GIT {
            let path = format!("{HOST_FOLDER}/{name}");
            if !plan.steps.is_empty() && !exists(disk, &path)? {
                let step = Step { path, old: None, new: Some((bytes, Mode::New(MODE_FILE))) };
                plan.steps.insert(0, step);
            }
        }
        Ok(plan)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Writes the new files to the directory of the run.
    pub(super) fn stage(self, disk: &Dir) -> Result<Journal> {
        let (mut entries, mut unsynced) = (Vec::new(), Vec::new());
        let is_many = is_many(self.steps.len());
        for (idx, Step { path, old, new }) in self.steps.into_iter().enumerate() {
            let mut stamp = None;
            if let Some((bytes, mode)) = new {
                let file = disk.create_unsynced(staged(idx), bytes, mode);
                let file = file.map_err(disk_error("write", &path))?;
                stamp = Some(Stamp::new(bytes, file.mode()));
                if !is_many {
                    unsynced.push(file);
                }
            }
            entries.push(Entry { path, old, new: stamp });
            if unsynced.len() == MAX_OPEN {
                sync(disk, &mut unsynced, &entries)?;
            }
        }
        sync(disk, &mut unsynced, &entries)?;
        if is_many {
            disk.sync_file_system().map_err(disk_error("sync", RUN))?;
        }
        Ok(Journal::new(entries, self.made.into_iter().collect(), self.cleared))
    }

    fn push(&mut self, path: &str, old: Option<Stamp>, new: Option<(&'a [u8], Mode)>) {
        self.steps.push(Step { path: path.to_owned(), old, new });
    }

    fn add(&mut self, disk: &Dir, node: &'a Node) -> Result<()> {
        let path = node.path();
        for folder in parents(path) {
            if !self.known.insert(folder.to_owned()) {
                continue;
            }
            match disk.find(folder).map_err(disk_error("find", folder))? {
                Some(it) if it.kind == Kind::Directory => {}
                Some(_) if !self.deleted.contains(folder) => {
                    return Err(TransactionError::Occupied { path: folder.to_owned() });
                }
                _ => {
                    self.made.insert(folder.to_owned());
                }
            }
        }
        match disk.find(path).map_err(disk_error("find", path))? {
            None => {}
            Some(it) if it.kind == Kind::Directory => self.clear(disk, path, it.mode)?,
            Some(_) => return Err(TransactionError::Occupied { path: path.to_owned() }),
        }
        self.push(path, None, Some((node.bytes(), Mode::New(node.mode()))));
        Ok(())
    }

    fn replace(&mut self, disk: &Dir, old: &Node, new: &'a Node) -> Result<()> {
        let (mode, stamp) = expect(disk, old)?;
        let same_mode = old.mode() & 0o777 == new.mode() & 0o777;
        if same_mode && old.bytes() == new.bytes() {
            return Ok(());
        }
        // Mode bits that a node does not have stay, too.
        let mode = if same_mode { mode } else { new.mode() & 0o777 };
        self.push(new.path(), Some(stamp), Some((new.bytes(), Mode::Exact(mode))));
        Ok(())
    }

    /// Lists a directory and its subdirectories as replaced by a file.
    fn clear(&mut self, disk: &Dir, folder: &str, mode: u32) -> Result<()> {
        for entry in disk.list(folder).map_err(disk_error("list", folder))? {
            let path = format!("{folder}/{}", entry.name.to_string_lossy());
            match disk.find(&path).map_err(disk_error("find", &path))? {
                Some(it) if it.kind == Kind::Directory => self.clear(disk, &path, it.mode)?,
                Some(_) if self.deleted.contains(path.as_str()) => {}
                _ => return Err(TransactionError::Occupied { path: folder.to_owned() }),
            }
        }
        self.cleared.push((folder.to_owned(), mode));
        Ok(())
    }

    /// Writes or deletes a file of the host, regardless of its old content.
    fn own(&mut self, disk: &Dir, path: String, bytes: Option<&'a [u8]>) -> Result<()> {
        let old = read_own(disk, &path)?;
        let unchanged = old.as_ref().map(|(it, _)| it.as_slice()) == bytes;
        if unchanged {
            return Ok(());
        }
        let mode = old.as_ref().map_or(Mode::New(MODE_FILE), |(_, mode)| Mode::Exact(*mode));
        let old = old.map(|(bytes, mode)| Stamp::new(&bytes, mode));
        self.steps.push(Step { path, old, new: bytes.map(|it| (it, mode)) });
        Ok(())
    }

    fn project(&mut self, disk: &Dir, text: &'a str, old: Option<&str>) -> Result<()> {
        let found = read_own(disk, PROJECT)?;
        let path = || PROJECT.to_owned();
        match (&found, old) {
            (None, Some(_)) => return Err(TransactionError::Disappeared { path: path() }),
            (Some(_), None) => return Err(TransactionError::Occupied { path: path() }),
            (Some((found, _)), Some(old)) if found != old.as_bytes() => {
                return Err(TransactionError::Changed { path: path() });
            }
            _ => {}
        }
        self.own(disk, path(), Some(text.as_bytes()))
    }
}

/// Whether a commit of this many files syncs the file system.
pub(super) fn is_many(n_files: usize) -> bool {
    Dir::SYNCS_FILE_SYSTEMS && n_files >= MANY
}

/// Makes the bytes of the last new files survive a power failure, and closes them.
fn sync(disk: &Dir, files: &mut Vec<NewFile>, entries: &[Entry]) -> Result<()> {
    let n_files = files.len();
    let synced = disk.sync_files(&std::mem::take(files));
    let written: Vec<_> = entries.iter().filter(|it| it.new.is_some()).collect();
    synced.map_err(|(idx, err)| {
        let path = &written[written.len() - n_files + idx].path;
        disk_error("write", path)(err)
    })
}

/// Checks that the file on disk matches the node `old`; returns its mode and stamp.
fn expect(disk: &Dir, old: &Node) -> Result<(u32, Stamp)> {
    let path = old.path();
    match disk.find(path).map_err(disk_error("find", path))? {
        None => return Err(TransactionError::Disappeared { path: path.to_owned() }),
        Some(it) if it.kind != Kind::File => {
            return Err(TransactionError::Occupied { path: path.to_owned() });
        }
        Some(_) => {}
    }
    let (bytes, mode) = read(disk, path)?;
    if bytes != old.bytes() || mode & 0o777 != old.mode() & 0o777 {
        return Err(TransactionError::Changed { path: path.to_owned() });
    }
    Ok((mode, Stamp::new(&bytes, mode)))
}

/// Reads a file of the host.
///
/// A link is not a file to write: the rename would replace it with a file, and leave its target
/// unchanged.
fn read_own(disk: &Dir, path: &str) -> Result<Option<(Vec<u8>, u32)>> {
    match disk.find(path).map_err(disk_error("find", path))? {
        None => Ok(None),
        Some(it) if it.kind == Kind::File => read(disk, path).map(Some),
        Some(_) => Err(TransactionError::Occupied { path: path.to_owned() }),
    }
}

/// Returns bytes and mode of the file at `path`.
fn read(disk: &Dir, path: &str) -> Result<(Vec<u8>, u32)> {
    let contents = disk.read_regular(path, NO_LIMIT).map_err(disk_error("read", path))?;
    let mode = contents.mode();
    Ok((contents.bytes, mode))
}

fn exists(disk: &Dir, path: &str) -> Result<bool> {
    disk.exists(path).map_err(disk_error("find", path))
}

fn check_path(disk: &Dir, path: &str) -> Result<()> {
    path::check(path)
        .and_then(|()| path::check_links(disk, path))
        .map_err(|source: PathError| TransactionError::Path { path: path.to_owned(), source })
}
