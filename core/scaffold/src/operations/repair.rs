//! Finishes a merge of two branches: the conflicts that it has left in what plugins have made.
//!
//! Both branches have their commands in the record, and all commands together make the files
//! as they should be. What a user has changed on either branch is brought into them.

use super::file_merge::MergeConflict;
use super::prepared::Prepared;
use super::rework::Rework;
use crate::conflict::{self, Sides};
use crate::error::ScaffoldError;
use crate::merge::{self, ConflictReason};
use crate::record::file::{Record, RecordError};
use crate::universe::Universe;
use pintle_plugin::host::HostServices;
use pintle_plugin::{ChangeSet, Node, Select};
use std::collections::BTreeMap;
use std::path::Path;

/// A scaffolded file in which a merge has left conflicts.
pub(crate) struct Marked {
    pub(crate) node: Node,
    /// `None` where a marker has no counterpart.
    sides: Option<Sides>,
}

/// Returns the scaffolded files of a project in which a merge has left conflicts.
///
/// # Errors
///
/// [`ScaffoldError`] when one cannot be read.
pub(crate) fn marked(root: &Path, record: &Record) -> Result<Vec<Marked>, ScaffoldError> {
    let universe = Universe::new(root);
    let mut marked = Vec::new();
    for file in record.files() {
        for node in universe.nodes(Select::Path(file.path()))? {
            match conflict::sides(node.bytes()) {
                Ok(None) => {}
                it => marked.push(Marked { node, sides: it.ok().flatten() }),
            }
        }
    }
    Ok(marked)
}

impl Rework<'_> {
    /// Resolves the conflicts in the `marked` files; those in PROJECT, which was
    /// `project_before`, and in the record are resolved already.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] when a recorded command cannot be carried out again.
    pub(crate) fn repair(
        mut self,
        subcommand: &str,
        project_before: String,
        marked: &[Marked],
        lists_record: bool,
        services: &dyn HostServices,
    ) -> Result<Prepared, ScaffoldError> {
        let (mut universe, mut conflicts) = (Universe::new(self.root), Vec::new());
        if !marked.is_empty() {
            self.check_record()?;
            let after = self.replay(self.record.commands(), services)?;
            for Marked { node, sides } in marked {
                let path = node.path();
                let made = after.files.get(path);
                let merged = match (sides, made) {
                    (Some(sides), Some(made)) => self.resolve(sides, made)?,
                    _ => None,
                };
                let Some(bytes) = merged else {
                    let reason = ConflictReason::SameLines;
                    conflicts.push(MergeConflict { path: path.to_owned(), reason, marked: true });
                    continue;
                };
                let plugin = after.by.get(path).and_then(|it| it.last());
                let plugin = plugin.map_or("", |it| &it.plugin);
                let mut changes = ChangeSet::new();
                changes.add_node(Node::new(path, bytes, node.mode()));
                universe.replace_contents(plugin, subcommand, changes)?;
            }
            self.settle(&after.files)?;
        }
        Ok(Prepared {
            subcommand: subcommand.to_owned(),
            chain: self.project.layout().to_vec(),
            project_before: Some(project_before),
            project: self.project,
            resource: None,
            changes: universe.changes()?,
            universe,
            record: self.record,
            lists_record,
            notices: Vec::new(),
            conflicts,
        })
    }

    /// Brings what the user has changed on each side into the file as all commands make it.
    fn resolve(&self, sides: &Sides, made: &Node) -> Result<Option<Vec<u8>>, RecordError> {
        let mut bases = Vec::new();
        match self.record.variants().get(made.path()) {
            Some(variants) => {
                for variant in variants {
                    bases.push(variant.content()?);
                }
            }
            None => bases.extend(self.record.file(made.path()).map(|it| it.content()).transpose()?),
        }
        // Which side a variant is of is not recorded; it is the one that is most like it.
        let bring = |side: &[u8]| {
            let base = bases.iter().min_by_key(|it| n_changed(it, side))?;
            merge::bytes(base, side, made.bytes())
        };
        let (Some(ours), Some(theirs)) = (bring(&sides.ours), bring(&sides.theirs)) else {
            return Ok(None);
        };
        Ok(merge::bytes(made.bytes(), &ours, &theirs))
    }

    /// Records files that branches have made differently as all commands make them.
    fn settle(&mut self, made: &BTreeMap<String, Node>) -> Result<(), RecordError> {
        for path in self.record.variants().keys().cloned().collect::<Vec<_>>() {
            let by = self.record.file(&path).map_or(Vec::new(), |it| it.by().to_vec());
            match made.get(&path) {
                Some(node) => self.record.put(node, Vec::new(), by)?,
                None => self.record.forget(&path),
            }
        }
        Ok(())
    }
}

/// Returns how many lines two texts do not have in common.
fn n_changed(one: &[u8], other: &[u8]) -> usize {
    let patch = diffy::DiffOptions::new().set_context_len(0).create_patch_bytes(one, other);
    patch.hunks().iter().map(|it| it.lines().len()).sum()
}
