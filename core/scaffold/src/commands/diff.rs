//! The changes of a scaffolding command, as a patch.

use crate::operations::prepared::Prepared;
use crate::project::file::PROJECT;
use crate::universe::Change;
use pintle_plugin::{MODE_FILE, Node};

/// Returns the changes of all files as a coloured patch.
pub(super) fn diff(prepared: &Prepared) -> String {
    let mut text = String::new();
    for change in prepared.changes() {
        match change {
            Change::Add(new) => text += &file_diff(new.path(), None, Some(new)),
            Change::Delete(old) => text += &file_diff(old.path(), Some(old), None),
            Change::Replace { old, new } => text += &file_diff(new.path(), Some(old), Some(new)),
        }
    }
    let before = prepared.project_before().map(|it| Node::new(PROJECT, it, MODE_FILE));
    let after = Node::new(PROJECT, prepared.project().to_string(), MODE_FILE);
    if before.as_ref().is_none_or(|it| it.bytes() != after.bytes()) {
        text += &file_diff(PROJECT, before.as_ref(), Some(&after));
    }
    text
}

fn file_diff(path: &str, old: Option<&Node>, new: Option<&Node>) -> String {
    let mut text = String::new();
    if let (Some(old), Some(new)) = (old, new)
        && old.mode() != new.mode()
    {
        text = format!("mode of {path}: {:o} -> {:o}\n", old.mode(), new.mode());
        if old.bytes() == new.bytes() {
            return text;
        }
    }
    let name = |side: &str, node: Option<&Node>| match node {
        Some(_) => format!("{side}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let (old_name, new_name) = (name("a", old), name("b", new));
    let content =
        |node: Option<&Node>| node.map_or(Some(""), |it| it.text().ok()).map(str::to_owned);
    match (content(old), content(new)) {
        (Some(old), Some(new)) if !old.contains('\0') && !new.contains('\0') => {
            let mut options = diffy::DiffOptions::new();
            options.set_original_filename(old_name).set_modified_filename(new_name);
            let patch = options.create_patch(&old, &new);
            let patch = diffy::PatchFormatter::new().with_color().fmt_patch(&patch).to_string();
            text + &patch
        }
        _ => format!("{text}Binary files {old_name} and {new_name} differ\n"),
    }
}
