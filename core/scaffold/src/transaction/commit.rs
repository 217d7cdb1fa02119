//! Writes a transaction to the disk.

use super::apply;
use super::changes::Transaction;
use super::error::{TransactionError, disk_error};
use super::journal::{JOURNAL, Journal, RUN, is_interrupted};
use super::lock::Lock;
use super::plan::Plan;
use crate::path::HOST_FOLDER;
use crate::universe::Change;
use pintle_host::fs::Dir;

/// What a [`Transaction`] did, as sorted paths relative to the project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The files that were not on disk before.
    pub added: Vec<String>,
    /// The files whose bytes or mode have changed.
    pub replaced: Vec<String>,
    /// The files that were deleted.
    pub deleted: Vec<String>,
}

impl Transaction {
    /// Writes the changes to the disk, in the project of the lock.
    ///
    /// # Errors
    ///
    /// [`TransactionError`]; then the project is unchanged, unless the error is
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
        let synced = disk.sync(RUN).map_err(disk_error("sync", RUN));
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

/// Writes all new files and the journal, whose name is the decision to continue.
pub(super) fn stage(disk: &Dir, plan: Plan<'_>) -> Result<Journal, TransactionError> {
    let journal = plan.stage(disk)?;
    // The directories of the journal must survive a power failure before the first rename does.
    for folder in ["", HOST_FOLDER] {
        disk.sync(folder).map_err(disk_error("sync", folder))?;
    }
    journal.save(disk)?;
    Ok(journal)
}

/// Removes the staged files, before any file was in place.
fn forget(disk: &Dir, err: TransactionError) -> TransactionError {
    match apply::discard(disk) {
        // Leftover files may stay for the next command to remove, but a decision may not.
        Err(undo) if !matches!(disk.exists(JOURNAL), Ok(false)) => unfinished(disk, undo, err),
        _ => err,
    }
}

/// Moves everything back after an error.
pub(super) fn undo(disk: &Dir, journal: &Journal, err: TransactionError) -> TransactionError {
    // Without the mark, if the process is killed while it undoes the commit, the next command
    // finishes the commit, which is consistent as well.
    let _ = apply::give_up(disk);
    match apply::undo(disk, journal) {
        Ok(()) => match apply::discard(disk) {
            Err(undo) if !matches!(is_interrupted(disk), Ok(false)) => unfinished(disk, undo, err),
            _ => err,
        },
        Err(undo) => unfinished(disk, undo, err),
    }
}

fn unfinished(disk: &Dir, undo: TransactionError, err: TransactionError) -> TransactionError {
    let folder = disk.path().join(RUN);
    TransactionError::Undo { folder, undo: Box::new(undo), source: Box::new(err) }
}
