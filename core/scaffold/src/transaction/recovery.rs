//! Finishes or undoes the changes of a run that was killed.

use super::apply::{self, discard, finish, give_up};
use super::error::{TransactionError, disk_error, process_name};
use super::journal::{JOURNAL, Journal, UNDO, is_own};
use crate::project::PROJECT;
use pintle_host::fs::Dir;
use std::fmt;

/// What happened to an interrupted run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// There was none, or it had not begun to change the project.
    Nothing,
    /// Its changes are all on disk now.
    Finished {
        /// The files that it changes, sorted.
        paths: Vec<String>,
    },
    /// None of its changes is on disk any more.
    Undone {
        /// The files that are as they were before, sorted.
        paths: Vec<String>,
    },
    /// It was not interrupted: another process is working in the project.
    Running {
        /// The process, if its number is known.
        process: Option<u32>,
    },
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no run was interrupted"),
            Self::Finished { paths } => {
                write!(
                    f,
                    "a run was interrupted; its changes have now been finished: {}",
                    list(paths)
                )
            }
            Self::Undone { paths } => {
                write!(
                    f,
                    "a run was interrupted; its changes have now been undone: {}",
                    list(paths)
                )
            }
            Self::Running { process } => {
                write!(f, "{} is working in this project", process_name(*process))
            }
        }
    }
}

fn list(paths: &[String]) -> String {
    match paths {
        [] => "none".to_owned(),
        [path] => format!("`{path}`"),
        [path, rest @ ..] => format!("`{path}` and {} more", rest.len()),
    }
}

/// Repairs a project whose lock is held.
pub(super) fn repair(disk: &Dir) -> Result<Recovery, TransactionError> {
    let is_there = |it| disk.exists(it).map_err(disk_error("find", it));
    let mut decided = is_there(JOURNAL)?;
    if !decided && !is_there(UNDO)? {
        discard(disk)?;
        return Ok(Recovery::Nothing);
    }
    let journal = Journal::load(disk, if decided { JOURNAL } else { UNDO })?;
    if decided {
        match apply::redo(disk, &journal) {
            Ok(()) => {}
            // The user has continued working, so the files are restored.
            Err(err) if err.is_conflict() => {
                decided = false;
                give_up(disk)
                    .map_err(disk_error("write", UNDO))
                    .map_err(|err| interrupted(disk, err))?;
            }
            Err(err) => return Err(interrupted(disk, err)),
        }
    }
    let files = journal.entries.iter().filter(|it| it.path == PROJECT || !is_own(&it.path));
    let mut paths: Vec<_> = files.map(|it| it.path.clone()).collect();
    paths.sort();
    if decided {
        finish(disk, &journal);
        return Ok(Recovery::Finished { paths });
    }
    apply::undo(disk, &journal)
        .and_then(|()| discard(disk))
        .map_err(|err| interrupted(disk, err))?;
    Ok(Recovery::Undone { paths })
}

pub(super) fn interrupted(disk: &Dir, source: TransactionError) -> TransactionError {
    TransactionError::Interrupted { root: disk.path().to_owned(), source: Box::new(source) }
}
