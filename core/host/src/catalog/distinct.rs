//! Whether plugins have nothing to do with each other, which is found out once for an index: most
//! plugins have not, and then none need be compared with the others at each run.

use super::commands;
use super::entry::Entry;
use std::collections::HashSet;

/// Returns whether no two plugins are one file, or have one name, or commands that collide with
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
