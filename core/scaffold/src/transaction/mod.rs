//! Brings a set of changes to the disk: all of them, or none.
//!
//! The way: everything new is written to `.pintle/run` in the project, then the journal,
//! whose rename is the decision; then each file moves to its place, PROJECT last, and what
//! is replaced or deleted moves to the folder of the run. An error on the way moves
//! everything back. A kill leaves the journal behind, and the next command does what it
//! says.
//!
//! Invariant: at every instant, what is on disk is enough to reach the state before or the
//! state after, and says which.

mod apply;
mod error;
mod journal;
mod lock;
mod plan;
mod recovery;
mod save;
#[cfg(test)]
mod tests;

pub use error::TransactionError;
pub use lock::Lock;
pub use recovery::{Recovery, recover};

use super::universe::Change;
use crate::project::ProjectFile;
use journal::{JOURNAL, Journal, RUN};
use pintle_host::fs::Dir;
use pintle_plugin::Node;
use plan::Plan;

/// Changes to the files of a project, not on disk yet.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    changes: Vec<Change>,
    state: Vec<(String, Option<Vec<u8>>)>,
    project: Option<Project>,
}

/// The PROJECT file as it shall be, and as it was.
#[derive(Debug, Clone)]
struct Project {
    text: String,
    old: Option<String>,
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

    /// Writes PROJECT, after all else. `old` is its text on disk, as it was loaded, or
    /// `None` where there must be no PROJECT.
    pub fn project(&mut self, project: &ProjectFile, old: Option<&str>) -> &mut Self {
        let (text, old) = (project.to_string(), old.map(str::to_owned));
        self.project = Some(Project { text, old });
        self
    }

    /// Writes the host's own file `name` in its folder in the project; `None` deletes it.
    ///
    /// Whatever was there before is replaced: nobody but the host writes there, under the
    /// lock. The name is that of a file, not of a path.
    pub fn state_file(&mut self, name: &str, bytes: Option<Vec<u8>>) -> &mut Self {
        self.state.push((name.to_owned(), bytes));
        self
    }

    /// Returns the changes, in the order they were made.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Brings the changes to the disk, in the project of the lock.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; then the project is as it was, unless the error is
    /// [`TransactionError::Undo`].
    pub fn commit(self, lock: &Lock) -> Result<Committed, TransactionError> {
        let disk = lock.disk();
        let plan = Plan::new(&self, disk)?;
        if plan.is_empty() {
            return Ok(Committed::default());
        }
        let journal = match stage(disk, plan) {
            Ok(journal) => journal,
            Err(err) => return Err(forget(disk, err)),
        };
        let synced = disk.sync(RUN).map_err(error::disk_error("sync", RUN));
        match synced.and_then(|()| apply::redo(disk, &journal)) {
            Ok(()) => apply::finish(disk, &journal),
            Err(err) => return Err(undo(disk, &journal, err)),
        }
        Ok(self.committed())
    }

    fn committed(&self) -> Committed {
        let mut committed = Committed::default();
        for change in &self.changes {
            let paths = match change {
                Change::Add(_) => &mut committed.added,
                Change::Replace { .. } => &mut committed.replaced,
                Change::Delete(_) => &mut committed.deleted,
            };
            paths.push(change.path().to_owned());
        }
        for paths in [&mut committed.added, &mut committed.replaced, &mut committed.deleted] {
            paths.sort();
        }
        committed
    }
}

/// Writes all new files and the journal, whose name is the decision to go on.
fn stage(disk: &Dir, plan: Plan<'_>) -> Result<Journal, TransactionError> {
    let journal = plan.stage(disk)?;
    // The way to the journal must survive a power cut before the first rename does.
    for folder in ["", super::path::HOST_FOLDER] {
        disk.sync(folder).map_err(error::disk_error("sync", folder))?;
    }
    journal.save(disk)?;
    Ok(journal)
}

/// Removes what was staged, before anything was in place.
fn forget(disk: &Dir, err: TransactionError) -> TransactionError {
    match apply::discard(disk) {
        // Rubbish stays for the next command to remove, but no decision may.
        Err(undo) if !matches!(disk.exists(JOURNAL), Ok(false)) => unfinished(disk, undo, err),
        _ => err,
    }
}

/// Brings everything back after an error.
fn undo(disk: &Dir, journal: &Journal, err: TransactionError) -> TransactionError {
    // Without the mark, a kill in the midst of the undoing makes the next command finish
    // the commit, which is whole as well.
    let _ = apply::give_up(disk);
    match apply::undo(disk, journal) {
        Ok(()) => match apply::discard(disk) {
            Err(undo) if !matches!(lock::is_interrupted(disk), Ok(false)) => {
                unfinished(disk, undo, err)
            }
            _ => err,
        },
        Err(undo) => unfinished(disk, undo, err),
    }
}

fn unfinished(disk: &Dir, undo: TransactionError, err: TransactionError) -> TransactionError {
    let folder = disk.path().join(RUN);
    TransactionError::Undo { folder, undo: Box::new(undo), source: Box::new(err) }
}
