//! Merges what the records of two branches contain about one command or one file.
//!
//! A union of lines contains those of both branches, and may contain lines that one of them has
//! replaced. The result does not depend on the order of the branches.

use super::entries::{Origin, RecordedCommand, RecordedFile, pack};
use crate::project::resource::Resource;
use pintle_host::{PluginKey, PluginVersion};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The ids of the commands that are in effect, and the position of each.
type Order = BTreeMap<String, usize>;

/// The merged lines of one path.
pub(super) struct FileUnion {
    pub(super) file: RecordedFile,
    /// The versions of the branches, if they differ.
    pub(super) variants: Vec<RecordedFile>,
}

/// Merges two lines with the same id into one command: each branch may since have undone it, in
/// part or as a whole, or replaced a plugin with a newer one.
pub(super) fn command(one: RecordedCommand, other: RecordedCommand) -> RecordedCommand {
    let (mut one, other) = match order(&one) < order(&other) {
        true => (other, one),
        false => (one, other),
    };
    one.undone |= other.undone;
    if let (Ok(mut ours), Ok(theirs)) =
        (Resource::deserialize(&one.resource), Resource::deserialize(&other.resource))
        && ours.webhooks != theirs.webhooks
    {
        ours.webhooks.defaulting &= theirs.webhooks.defaulting;
        ours.webhooks.validation &= theirs.webhooks.validation;
        ours.webhooks.conversion &= theirs.webhooks.conversion;
        ours.webhooks.spoke.retain(|it| theirs.webhooks.spoke.contains(it));
        one.resource = ours.to_value();
    }
    for key in &mut one.plugins {
        let newer = other.plugins.iter().find(|it| is_newer(it, key));
        key.clone_from(newer.unwrap_or(&key.clone()));
    }
    one
}

/// The one with more plugins and more answers contains more; the rest is for a result that is the
/// same on both branches.
fn order(command: &RecordedCommand) -> (usize, usize, String) {
    let text = serde_json::to_string(command).expect("the record has string keys");
    (command.plugins.len(), command.answers.len(), text)
}

/// Merges all lines of a path into one file; `None` if all commands that created it were undone.
pub(super) fn file(
    lines: Vec<RecordedFile>,
    order: &Order,
    undone: &BTreeSet<String>,
) -> Option<FileUnion> {
    let is_undone = |it: &Origin| undone.contains(&it.command);
    let mut lines: Vec<_> = lines
        .into_iter()
        .filter(|it| it.by.is_empty() || !it.by.iter().all(is_undone))
        .map(|it| Variant::new(it, order, undone))
        .collect();
    // A line that another one is derived from was replaced by it.
    let mut idx = 0;
    while idx < lines.len() {
        let is_replaced = lines.iter().enumerate().any(|(other_idx, other)| {
            other_idx != idx
                && (lines[idx].is_before(other) || idx > other_idx && other.file == lines[idx].file)
        });
        match is_replaced {
            true => drop(lines.remove(idx)),
            false => idx += 1,
        }
    }
    lines.sort_by(|one, other| one.key().cmp(&other.key()));
    let variants = lines.iter().map(|it| it.file.clone()).collect();
    let file = lines.into_iter().map(|it| it.file).reduce(|one, other| both(one, other, order))?;
    Some(FileUnion { file, variants })
}

/// A branch's version of a file.
struct Variant {
    /// Without the commands that were undone.
    file: RecordedFile,
    /// Whether the content still contains the work of a command that was undone on another branch.
    has_undone: bool,
    /// The position of its last command.
    last: usize,
}

impl Variant {
    fn new(mut file: RecordedFile, order: &Order, undone: &BTreeSet<String>) -> Self {
        let n_before = file.by.len();
        file.by.retain(|it| !undone.contains(&it.command));
        let has_undone = file.by.len() < n_before;
        let last = file.by.iter().filter_map(|it| place(order, it)).max().unwrap_or(0);
        Self { file, has_undone, last }
    }

    /// Whether `other` is derived from this one.
    fn is_before(&self, other: &Self) -> bool {
        self.is_in(other) && !other.is_in(self)
    }

    /// Whether everything that was done to this one was also done to the other.
    fn is_in(&self, other: &Self) -> bool {
        (self.has_undone || !other.has_undone)
            && self.file.by.iter().all(|it| other.file.by.iter().any(|by| is_done(it, by)))
    }

    /// What determines the order of branches: the order of their last commands.
    fn key(&self) -> (usize, &str) {
        (self.last, &self.file.base)
    }
}

/// Whether `by` includes the work of `origin`.
fn is_done(origin: &Origin, by: &Origin) -> bool {
    origin.command == by.command
        && (origin.plugin == by.plugin || is_newer(&by.plugin, &origin.plugin))
}

/// Returns the file with the lines of both; the lines of `one` are first.
fn both(one: RecordedFile, other: RecordedFile, order: &Order) -> RecordedFile {
    let base = match (one.content(), other.content()) {
        (Ok(one), Ok(other)) if one != other => pack(&all_lines(&one, &other)),
        // Damaged content is reported when it is needed.
        _ => other.base,
    };
    let mut by = one.by;
    for origin in other.by {
        if !by.contains(&origin) {
            by.push(origin);
        }
    }
    by.sort_by_key(|it| place(order, it));
    RecordedFile { path: one.path, mode: one.mode.max(other.mode), by, base }
}

/// Returns the lines of both texts; if they are not text, the later one.
fn all_lines(one: &[u8], other: &[u8]) -> Vec<u8> {
    if one.contains(&0) || other.contains(&0) {
        return other.to_vec();
    }
    let mut options = diffy::DiffOptions::new();
    let n_lines = |it: &[u8]| it.iter().filter(|it| **it == b'\n').count() + 1;
    options.set_context_len(n_lines(one) + n_lines(other));
    let patch = options.create_patch_bytes(one, other);
    let mut all = Vec::new();
    for line in patch.hunks().iter().flat_map(|it| it.lines()) {
        let (diffy::Line::Context(line) | diffy::Line::Delete(line) | diffy::Line::Insert(line)) =
            line;
        if !all.is_empty() && all.last() != Some(&b'\n') {
            all.push(b'\n');
        }
        all.extend_from_slice(line);
    }
    all
}

fn place(order: &Order, origin: &Origin) -> Option<usize> {
    order.get(&origin.command).copied()
}

/// Whether a plugin is a higher version of another.
pub(crate) fn is_newer(plugin: &str, other: &str) -> bool {
    let parse = |text: &str| -> Option<(String, PluginVersion)> {
        let key: PluginKey = text.parse().ok()?;
        Some((key.name().to_string(), key.exact_version()?))
    };
    match (parse(plugin), parse(other)) {
        (Some((name, version)), Some((other, before))) => name == other && version > before,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn origin(plugin: &str, command: &str) -> Origin {
        Origin { plugin: plugin.to_owned(), command: command.to_owned() }
    }

    /// Returns a file of the commands `1`, `2`, …, of which `3` was undone.
    fn line(commands: &str, text: &str) -> RecordedFile {
        let by = commands.chars().map(|it| origin("a.io/v1.0.0", &it.to_string())).collect();
        let base = pack(text.as_bytes());
        RecordedFile { path: "a".to_owned(), mode: "644".to_owned(), by, base }
    }

    /// Returns the merged lines, regardless of their order.
    #[track_caller]
    fn union(mut lines: Vec<RecordedFile>) -> String {
        let order = ["1", "2", "4", "5"].iter().enumerate();
        let order = order.map(|(idx, id)| ((*id).to_owned(), idx + 1)).collect();
        let undone = BTreeSet::from(["3".to_owned()]);
        let of = |lines: Vec<RecordedFile>| match file(lines, &order, &undone) {
            None => "nothing".to_owned(),
            Some(union) => {
                let by: String = union.file.by.iter().map(|it| it.command.as_str()).collect();
                let text = String::from_utf8_lossy(&union.file.content().unwrap()).into_owned();
                format!("{by} {}", text.replace('\n', " ").trim())
            }
        };
        let one = of(lines.clone());
        lines.reverse();
        assert_eq!(of(lines), one, "the order matters");
        one
    }

    #[test]
    fn of_two_lines_the_one_that_was_made_of_the_other_counts() {
        assert_eq!(union(vec![line("1", "a\n"), line("12", "b\n")]), "12 b");
        let upgraded = RecordedFile { by: vec![origin("a.io/v1.1.0", "1")], ..line("1", "b\n") };
        assert_eq!(union(vec![line("1", "a\n"), upgraded]), "1 b");
        // The one without the work of the undone command.
        assert_eq!(union(vec![line("13", "a\nc\n"), line("1", "a\n")]), "1 a");
        assert_eq!(union(vec![line("13", "a\nc\n")]), "1 a c");
        assert_eq!(union(vec![line("3", "c\n"), line("3", "d\n")]), "nothing");
    }

    #[test]
    fn of_two_branches_all_lines_count_in_the_order_of_the_commands() {
        let lines = || vec![line("14", "a\nd\nz\n"), line("12", "a\nb\nz\n"), line("1", "a\nz\n")];
        assert_eq!(union(lines()), "124 a b d z");
        let three = [lines(), vec![line("15", "a\ne\nz\n")]].concat();
        assert_eq!(union(three), "1245 a b d e z");
        assert_eq!(union(vec![line("12", "a\nb"), line("14", "a\nd")]), "124 a b d");
        // There are no lines, so the later one counts.
        assert_eq!(union(vec![line("14", "\0d"), line("12", "\0b")]), "124 \0d");
        let mut damaged = line("12", "");
        damaged.base = "!".to_owned();
        assert_eq!(union(vec![line("14", "d"), damaged]), "124 d");
    }

    #[test]
    fn of_a_command_what_is_left_on_both_branches_counts() {
        let of = |plugin: &str, webhooks: serde_json::Value, undone| RecordedCommand {
            plugins: vec![plugin.to_owned(), "b.io/v1.0.0".to_owned()],
            resource: json!({ "group": "g", "version": "v1", "kind": "A", "webhooks": webhooks }),
            undone,
            ..RecordedCommand::default()
        };
        let one = || of("a.io/v1.0.0", json!({"defaulting": true, "validation": true}), false);
        let other = || of("a.io/v1.10.0", json!({"defaulting": true}), false);
        let expected =
            of("a.io/v1.10.0", json!({"defaulting": true, "webhookVersion": "v1"}), false);
        for both in [command(one(), other()), command(other(), one())] {
            assert_eq!(both.plugins, expected.plugins);
            assert_eq!(both.resource["webhooks"], expected.resource["webhooks"]);
        }
        let undone = || of("a.io/v1.0.0", json!({}), true);
        assert!(command(one(), undone()).undone && command(undone(), one()).undone);
    }
}
