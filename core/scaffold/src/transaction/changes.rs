//! What a transaction is to change.

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

/// The PROJECT file as it shall be, and as it was.
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
}
