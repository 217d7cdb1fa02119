//! The changes of a transaction.

use crate::project::ProjectFile;
use crate::universe::Change;
use pintle_plugin::Node;

/// Changes to the files of a project, not on disk yet.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    pub(super) changes: Vec<Change>,
    pub(super) state: Vec<(String, Option<Vec<u8>>)>,
    pub(super) project: Option<Project>,
}

/// The new PROJECT file, and the old one.
#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) text: String,
    pub(super) old: Option<String>,
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

    /// Adds one change; no two changes may concern the same path.
    pub fn change(&mut self, change: Change) -> &mut Self {
        self.changes.push(change);
        self
    }

    /// Writes PROJECT, after everything else. `old` is its text on disk when it was loaded, or
    /// `None` if it must not exist.
    pub fn project(&mut self, project: &ProjectFile, old: Option<&str>) -> &mut Self {
        let (text, old) = (project.to_string(), old.map(str::to_owned));
        self.project = Some(Project { text, old });
        self
    }

    /// Writes the host's own file `name` in its directory in the project; `None` deletes it.
    ///
    /// An existing file is replaced: only the host writes there, under the lock. `name` is the name
    /// of a file, not a path.
    pub fn state_file(&mut self, name: &str, bytes: Option<Vec<u8>>) -> &mut Self {
        self.state.push((name.to_owned(), bytes));
        self
    }

    /// Returns the changes, in the order in which they were added.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}
