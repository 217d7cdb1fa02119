//! Whether plugins are unrelated. This is determined once for an index: most plugins are unrelated
//! and need not be compared in each run.

use super::commands;
use super::entry::Entry;
use std::collections::HashSet;

/// Returns whether no two plugins have the same file, the same name, or commands that conflict with
/// each other or with those of the host.
pub(super) fn are_distinct<'e>(
    entries: impl Iterator<Item = &'e Entry> + Clone,
    core_commands: &[Vec<String>],
) -> bool {
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    let is_new = |it: &'e Entry| {
        let is_new_file = it.id.as_ref().is_none_or(|it| ids.insert(it));
        is_new_file && it.raw_name().is_none_or(|it| names.insert(it))
    };
    entries.clone().all(is_new) && !commands::collide(entries, core_commands)
}
