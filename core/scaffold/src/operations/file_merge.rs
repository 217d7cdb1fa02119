//! Merges the current changes of a plugin to one file into the user's version of the file.

use super::tidy::Tidy;
use crate::error::ScaffoldError;
use crate::merge::{self, ConflictReason, Verdict};
use crate::universe::Universe;
use pintle_plugin::{ChangeSet, Node, Select};

/// A file that should have changed, but did not, or not cleanly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MergeConflict {
    /// The path of the file.
    pub path: String,
    /// Why it stays as it is.
    pub reason: ConflictReason,
    /// Whether it is written with conflict markers.
    pub marked: bool,
    /// The lines that stay as the user has them, while all others have changed.
    pub lines: Vec<String>,
}

/// One file to be merged into the user's files.
pub(super) struct FileMerge<'a> {
    pub(super) path: &'a str,
    pub(super) base: Option<&'a Node>,
    pub(super) theirs: Option<&'a Node>,
    pub(super) plugin: &'a str,
    pub(super) subcommand: &'a str,
    /// Whether lines that both have changed are written, with markers around them.
    pub(super) with_markers: bool,
}

impl FileMerge<'_> {
    pub(super) fn apply(
        &self,
        universe: &mut Universe,
    ) -> Result<Option<MergeConflict>, ScaffoldError> {
        let ours = universe.nodes(Select::Path(self.path))?.pop();
        let verdict = merge::merge(self.base, ours.as_ref(), self.theirs);
        self.settle(verdict, universe)
    }

    fn settle(
        &self,
        verdict: Verdict,
        universe: &mut Universe,
    ) -> Result<Option<MergeConflict>, ScaffoldError> {
        let path = self.path;
        let conflict = |reason, marked, lines| {
            Some(MergeConflict { path: path.to_owned(), reason, marked, lines })
        };
        let mut changes = ChangeSet::new();
        let mut put = |bytes: Vec<u8>, mode| {
            changes.add_node(Node::new(path, bytes, mode));
        };
        let conflict = match verdict {
            Verdict::Keep => None,
            Verdict::Unresolved(reason) => conflict(reason, false, Vec::new()),
            Verdict::Conflict(found, mode) => {
                put(if self.with_markers { found.marked } else { found.spared }, mode);
                conflict(ConflictReason::SameLines, self.with_markers, found.lines)
            }
            Verdict::Write(bytes, mode) => {
                put(bytes, mode);
                None
            }
            Verdict::Delete => {
                changes.delete(path);
                None
            }
        };
        universe.replace_contents(self.plugin, self.subcommand, changes)?;
        Ok(conflict)
    }
}

/// Merges files into the user's, regardless of the settings that these are formatted with.
pub(super) fn apply_all(
    merges: &[FileMerge<'_>],
    universe: &mut Universe,
    tidy: &Tidy<'_>,
) -> Result<Vec<MergeConflict>, ScaffoldError> {
    let mut conflicts = Vec::new();
    let mut open = Vec::new();
    for merge in merges {
        let ours = universe.nodes(Select::Path(merge.path))?.pop();
        match (merge::merge(merge.base, ours.as_ref(), merge.theirs), ours) {
            (Verdict::Conflict(..) | Verdict::Unresolved(ConflictReason::Changed), Some(ours)) => {
                open.push((merge, ours));
            }
            (verdict, _) => conflicts.extend(merge.settle(verdict, universe)?),
        }
    }
    let paths = open.iter().map(|it| it.0.path.to_owned()).collect();
    let tidied = tidy.project_files(&paths)?;
    for (merge, ours) in open {
        // A file that no tool reads is unchanged by tools.
        let tidied = tidied.get(merge.path).unwrap_or(&ours);
        let verdict = merge::merge_tidied(merge.base, &ours, tidied, merge.theirs);
        conflicts.extend(merge.settle(verdict, universe)?);
    }
    conflicts.sort();
    Ok(conflicts)
}
