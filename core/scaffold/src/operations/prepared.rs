//! The changes that a scaffolding command is about to make, and those that it made.

use super::file_merge::MergeConflict;
use crate::dump::Dump;
use crate::error::ScaffoldError;
use crate::project::file::ProjectFile;
use crate::project::resource::Resource;
use crate::record::file::{self, Record};
use crate::transaction::{Committed, Lock, Transaction};
use crate::universe::{Change, Universe};
use pintle_plugin::message::ProjectEvent;
use serde::Serialize;

/// The changes that a scaffolding command is about to make. Nothing is on disk yet.
#[derive(Debug)]
pub struct Prepared {
    pub(super) subcommand: String,
    pub(super) chain: Vec<String>,
    /// The text of PROJECT at the start of the command; `None` before `init`.
    pub(super) project_before: Option<String>,
    pub(super) project: ProjectFile,
    pub(super) resource: Option<Resource>,
    pub(super) universe: Universe,
    pub(super) changes: Vec<Change>,
    pub(super) record: Record,
    /// Whether the record is a separate change that is listed for the user.
    pub(super) lists_record: bool,
    pub(super) notices: Vec<String>,
    pub(super) conflicts: Vec<MergeConflict>,
    pub(super) dropped: Vec<Dropped>,
    /// Whether the command fails if a file is left as it is.
    pub(super) needs_all: bool,
}

/// What the user wrote in a file and a forced command removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Dropped {
    /// The path of the file.
    pub path: String,
    /// The lines, if the file is text that was scaffolded.
    pub lines: Vec<String>,
}

/// A scaffolding command that failed in memory. Nothing is on disk.
#[derive(Debug)]
pub struct Failure {
    /// Why it failed.
    pub error: ScaffoldError,
    pub(super) subcommand: String,
    pub(super) chain: Vec<String>,
    pub(super) universe: Universe,
}

impl Failure {
    /// Returns the universe at the time of the failure, for inspection.
    pub fn dump(&self) -> Dump<'_> {
        Dump::new(&self.subcommand, &self.chain, &self.universe, Some(&self.error))
    }
}

/// The changes that a scaffolding command made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The subcommand.
    pub subcommand: String,
    /// The full keys of the chain's plugins.
    pub chain: Vec<String>,
    /// The files that were created.
    pub added: Vec<String>,
    /// The files that were changed.
    pub replaced: Vec<String>,
    /// The files that were deleted.
    pub deleted: Vec<String>,
    /// What the user should know, one line each.
    pub notices: Vec<String>,
    /// The files that should have changed, but did not, or not cleanly.
    pub conflicts: Vec<MergeConflict>,
    /// What the user wrote and a forced command removed.
    pub dropped: Vec<Dropped>,
    /// The current PROJECT file.
    pub project: ProjectFile,
    /// The resource of the command, as the plugins have left it.
    pub resource: Option<Resource>,
}

impl Prepared {
    /// Returns the text of PROJECT at the start of the command; `None` before `init`.
    pub fn project_before(&self) -> Option<&str> {
        self.project_before.as_deref()
    }

    /// Returns the changes to the project's files, sorted by path.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the PROJECT file as it will be.
    pub fn project(&self) -> &ProjectFile {
        &self.project
    }

    /// Returns whether the record is a separate change, in addition to files and PROJECT.
    pub fn lists_record(&self) -> bool {
        self.lists_record
    }

    /// Returns what the user should know, one line each.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Returns the files that should have changed, but do not, or not cleanly.
    pub fn conflicts(&self) -> &[MergeConflict] {
        &self.conflicts
    }

    /// Returns what the user wrote and a forced command removes.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// Whether part of the work will be missing.
    pub fn is_incomplete(&self) -> bool {
        self.conflicts.iter().any(|it| self.needs_all || it.marked || !it.lines.is_empty())
    }

    /// Returns the universe, for inspection.
    pub fn dump(&self) -> Dump<'_> {
        Dump::new(&self.subcommand, &self.chain, &self.universe, None)
    }

    /// Returns the payload of the `pre-` event.
    pub fn event(&self) -> ProjectEvent {
        event(&self.subcommand, &self.chain, &self.project, self.resource.as_ref())
    }

    /// Writes the changes to the disk, in the project of the lock.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Transaction`], or [`ScaffoldError::Record`] if the record would be too
    /// large; then the project is unchanged.
    pub fn commit(self, lock: &Lock) -> Result<Report, ScaffoldError> {
        let mut transaction = Transaction::new();
        for change in self.changes {
            transaction.change(change);
        }
        transaction.project(&self.project, self.project_before.as_deref());
        transaction.state_file(file::FILE, Some(self.record.to_text()?.into_bytes()));
        let Committed { added, replaced, deleted } = transaction.commit(lock)?;
        Ok(Report {
            subcommand: self.subcommand,
            chain: self.chain,
            added,
            replaced,
            deleted,
            notices: self.notices,
            conflicts: self.conflicts,
            dropped: self.dropped,
            project: self.project,
            resource: self.resource,
        })
    }
}

impl Report {
    /// Returns the payload of the `post-` event.
    pub fn event(&self) -> ProjectEvent {
        let mut event = event(&self.subcommand, &self.chain, &self.project, self.resource.as_ref());
        event.files = self.added.iter().chain(&self.replaced).cloned().collect();
        event.files.sort();
        event
    }
}

fn event(
    subcommand: &str,
    chain: &[String],
    project: &ProjectFile,
    resource: Option<&Resource>,
) -> ProjectEvent {
    let mut event = ProjectEvent::default();
    event.subcommand = subcommand.to_owned();
    event.chain = chain.to_vec();
    event.project = project.info();
    event.resource = resource.map(Resource::to_message);
    event
}
