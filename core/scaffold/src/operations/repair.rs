//! Finishes a merge of two branches: resolves the conflicts that it has left in scaffolded files.
//!
//! The record contains the commands of both branches, and all commands together create the correct
//! files. The user's changes on either branch are merged into them.

use super::file_merge::{FileMerge, MergeConflict};
use super::prepared::Prepared;
use super::rework::{Rework, Settings};
use crate::conflict::{self, Sides};
use crate::error::ScaffoldError;
use crate::merge::{self, ConflictReason};
use crate::record::file::{Record, RecordError};
use crate::record::replayed::Tools;
use crate::universe::Universe;
use pintle_plugin::host::HostServices;
use pintle_plugin::{ChangeSet, MODE_FILE, Node, Select};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

/// A scaffolded file in which a merge has left conflicts.
pub(crate) struct Marked {
    pub(crate) node: Node,
    /// `None` if a marker has no counterpart.
    sides: Option<Sides>,
}

/// Returns the scaffolded files of a project in which a merge has left conflicts.
///
/// # Errors
///
/// [`ScaffoldError`] if one cannot be read.
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
    /// Resolves the conflicts in the `marked` files, and changes the others to what all commands
    /// together create; PROJECT, whose text was `project_before`, and the record are already
    /// resolved.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] if a recorded command cannot be rerun.
    pub(crate) fn repair(
        mut self,
        subcommand: &str,
        project_before: String,
        marked: &[Marked],
        services: &dyn HostServices,
    ) -> Result<Prepared, ScaffoldError> {
        // Without `init`, the result of the commands is not known, and the files stay.
        let after = match self.check_record() {
            Ok(()) => Some(self.replay(
                self.record.commands(),
                Tools::EachTime,
                Settings::Users,
                services,
            )?),
            Err(_) => None,
        };
        let (made, by) = after.map_or_else(Default::default, |it| (it.files, it.by));
        let (mut universe, mut conflicts) = (Universe::new(self.root), Vec::new());
        let plugin = |path: &str| {
            let by = by.get(path).and_then(|it| it.last());
            by.map_or("", |it| it.plugin.as_str())
        };
        for Marked { node, sides } in marked {
            let path = node.path();
            let merged = match (sides, made.get(path)) {
                (Some(sides), Some(made)) => self.resolve(sides, made)?,
                _ => None,
            };
            match merged {
                Some(bytes) => {
                    let mut changes = ChangeSet::new();
                    changes.add_node(Node::new(path, bytes, node.mode()));
                    universe.replace_contents(plugin(path), subcommand, changes)?;
                }
                None => {
                    let reason = ConflictReason::SameLines;
                    let (path, lines) = (path.to_owned(), Vec::new());
                    conflicts.push(MergeConflict { path, reason, marked: true, lines });
                }
            }
        }
        let is_marked = |path: &String| marked.iter().any(|it| it.node.path() == path);
        let unsettled = if made.is_empty() { BTreeSet::new() } else { self.unsettled(&made) };
        for path in unsettled {
            let theirs = made.get(&path);
            if !is_marked(&path) {
                let ours = universe.nodes(Select::Path(&path))?.pop();
                let bases = self.bases(&path, ours.as_ref().map_or(&[], |it| it.bytes()))?;
                let mode = self.record.file(&path).map_or(MODE_FILE, |it| it.mode());
                let base = bases.into_iter().next().map(|it| Node::new(&*path, it, mode));
                let (base, plugin) = (base.as_ref(), plugin(&path));
                let path = &path;
                let merge =
                    FileMerge { path, base, theirs, plugin, subcommand, with_markers: false };
                conflicts.extend(merge.apply(&mut universe)?);
            }
            match theirs {
                Some(node) => {
                    let by = by.get(&path).cloned().unwrap_or_default();
                    self.record.put(node, Vec::new(), by)?;
                }
                None => self.record.forget(&path),
            }
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
            lists_record: true,
            notices: Vec::new(),
            conflicts,
            dropped: Vec::new(),
            needs_all: false,
        })
    }

    /// Returns the files that the branches have created differently, and those that only the record
    /// or only all commands together contain.
    fn unsettled(&self, made: &BTreeMap<String, Node>) -> BTreeSet<String> {
        let known: BTreeSet<&str> = self.record.files().map(|it| it.path()).collect();
        let made: BTreeSet<&str> = made.keys().map(String::as_str).collect();
        let paths = known.symmetric_difference(&made).map(|it| (*it).to_owned());
        paths.chain(self.record.variants().keys().cloned()).collect()
    }

    /// Merges the user's changes on each side into the file that all commands create.
    fn resolve(&self, sides: &Sides, made: &Node) -> Result<Option<Vec<u8>>, RecordError> {
        // Only commands of one branch have changed it, so its side already contains all their
        // changes. The other side contains what the user has changed since the branches were one.
        // That state must be known: a line that commands have inserted since then is not a line
        // that the user has removed.
        if !self.record.variants().contains_key(made.path()) {
            let Some(base) = sides.base.clone().or_else(|| in_index(self.root, made.path())) else {
                return Ok(None);
            };
            let merged = merge::bytes(made.path(), &base, &sides.ours, &sides.theirs);
            return Ok(merged.filter(|it| !doubles_lines(it, &[&sides.ours, &sides.theirs])));
        }
        let bring = |side: &[u8]| -> Result<Option<Vec<u8>>, RecordError> {
            let bases = self.bases(made.path(), side)?;
            let mut merged =
                bases.iter().filter_map(|it| merge::bytes(made.path(), it, side, made.bytes()));
            Ok(merged.find(|it| !doubles_lines(it, &[side, made.bytes()])))
        };
        let (Some(ours), Some(theirs)) = (bring(&sides.ours)?, bring(&sides.theirs)?) else {
            return Ok(None);
        };
        let merged = merge::bytes(made.path(), made.bytes(), &ours, &theirs);
        Ok(merged.filter(|it| !doubles_lines(it, &[&ours, &theirs])))
    }

    /// Returns the file as the branches have scaffolded it, and as both together have, the one most
    /// similar to `text` first: the branch that it belongs to is not known.
    fn bases(&self, path: &str, text: &[u8]) -> Result<Vec<Vec<u8>>, RecordError> {
        let variants = self.record.variants().get(path).into_iter().flatten();
        let files = variants.chain(self.record.file(path));
        let mut bases = files.map(|it| it.content()).collect::<Result<Vec<_>, _>>()?;
        bases.sort_by_cached_key(|it| n_changed(it, text));
        Ok(bases)
    }
}

/// Returns a file as it was where the branches diverged, if git's index contains it.
fn in_index(root: &Path, path: &str) -> Option<Vec<u8>> {
    let mut git = Command::new("git");
    git.args(["cat-file", "blob", &format!(":1:./{path}")]).current_dir(root);
    let output = git.stdin(Stdio::null()).output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// Returns how many lines two texts do not have in common.
fn n_changed(one: &[u8], other: &[u8]) -> usize {
    let patch = diffy::DiffOptions::new().set_context_len(0).create_patch_bytes(one, other);
    patch.hunks().iter().map(|it| it.lines().len()).sum()
}

/// Whether a line occurs more often in a text than in any of the texts that it was merged from:
/// then a line of a plugin was mistaken for one of the user.
fn doubles_lines(text: &[u8], made_of: &[&[u8]]) -> bool {
    let made_of: Vec<_> = made_of.iter().map(|it| counts(it)).collect();
    counts(text).iter().any(|(line, n)| {
        let before = made_of.iter().filter_map(|it| it.get(line)).max();
        !line.is_empty() && Some(n) > before
    })
}

/// Returns how often each line occurs in a text.
fn counts(text: &[u8]) -> BTreeMap<&[u8], usize> {
    let mut counts = BTreeMap::new();
    for line in text.split(|it| *it == b'\n').map(<[u8]>::trim_ascii) {
        *counts.entry(line).or_default() += 1;
    }
    counts
}
