//! What a scaffolding command does, or would do, as the user sees it.

use crate::project::PROJECT;
use crate::{Change, Detail, Dump, Prepared, Report};
use clap::ArgMatches;
use pintle_host::cli::{CliError, Exit, Session, output};
use pintle_plugin::host::Stream;
use pintle_plugin::{Level, MODE_FILE, Node};
use serde::Serialize;

/// What a command does, or would do. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Form {
    subcommand: String,
    chain: Vec<String>,
    /// Whether it was not done.
    dry_run: bool,
    changes: Vec<Line>,
    /// The files that should have changed, and did not or not cleanly.
    left: Vec<LeftForm>,
    notices: Vec<String>,
}

#[derive(Serialize)]
struct Line {
    change: &'static str,
    path: String,
    plugin: Option<String>,
}

#[derive(Serialize)]
struct LeftForm {
    path: String,
    reason: String,
    marked: bool,
}

/// How a command is to be shown.
pub(super) struct Seeing {
    dry_run: bool,
    diff: bool,
    dump: Option<Detail>,
}

impl Seeing {
    pub(super) fn new(matches: &ArgMatches) -> Self {
        let dump = matches.get_one::<String>("dump-universe");
        Self {
            dry_run: matches.get_flag("dry-run"),
            diff: matches.get_flag("diff"),
            dump: dump.and_then(|it| Detail::from_name(it)),
        }
    }

    /// Whether nothing is to reach the disk.
    pub(super) fn only_looks(&self) -> bool {
        self.dry_run || self.diff
    }

    /// Prints the universe, if that is wanted.
    pub(super) fn dump(&self, session: &Session<'_>, dump: &Dump) -> Result<(), CliError> {
        if let Some(detail) = self.dump {
            let json = dump.to_json(detail).map_err(|err| {
                CliError::from_error(Exit::Failed, &err).hint_if_known(err.hint())
            })?;
            session.console().println(json);
        }
        Ok(())
    }

    /// Shows what would be done.
    pub(super) fn show(&self, session: &Session<'_>, matches: &ArgMatches, prepared: &Prepared) {
        if self.diff {
            session.console().styled(Stream::Out, &diff(prepared));
        }
        let event = prepared.event();
        let form = Form {
            subcommand: event.subcommand,
            chain: event.chain,
            dry_run: true,
            changes: Lines::new(prepared).0,
            left: prepared.remarks().iter().map(LeftForm::new).collect(),
            notices: prepared.notices().to_vec(),
        };
        // With a diff, the list would say the same once more.
        self.print(session, matches, &form, !self.diff);
    }

    /// Shows what was done.
    pub(super) fn report(
        &self,
        session: &Session<'_>,
        matches: &ArgMatches,
        report: &Report,
        lines: Lines,
    ) {
        let form = Form {
            subcommand: report.subcommand.clone(),
            chain: report.chain.clone(),
            dry_run: false,
            changes: lines.0,
            left: report.remarks.iter().map(LeftForm::new).collect(),
            notices: report.notices.clone(),
        };
        self.print(session, matches, &form, true);
    }

    fn print(&self, session: &Session<'_>, matches: &ArgMatches, form: &Form, with_list: bool) {
        for notice in &form.notices {
            session.console().log(Level::Warn, notice);
        }
        for LeftForm { path, reason, marked } in &form.left {
            let text = match marked {
                true => format!("`{path}` has conflict markers: {reason}"),
                false => format!("`{path}` is left as it is: {reason}"),
            };
            session.console().log(Level::Warn, &text);
        }
        // The universe, or the diff, is the result then.
        if !with_list || self.dump.is_some() || form.changes.is_empty() && output::is_text(matches)
        {
            return;
        }
        output::print(matches, session.console(), form, |form| {
            let line = |it: &Line| format!("{} {}\n", it.mark(), it.path);
            form.changes.iter().map(line).collect()
        });
    }
}

/// What a command is about to change, kept for the report.
pub(super) struct Lines(Vec<Line>);

impl Lines {
    pub(super) fn new(prepared: &Prepared) -> Self {
        let mut lines: Vec<Line> = prepared.changes().iter().map(Line::new).collect();
        lines.extend(project_line(prepared));
        Self(lines)
    }
}

impl Line {
    fn new(change: &Change) -> Self {
        let (change, node) = match change {
            Change::Add(node) => ("add", node),
            Change::Replace { new, .. } => ("replace", new),
            Change::Delete(node) => ("delete", node),
        };
        Self { change, path: node.path().to_owned(), plugin: node.plugin().map(str::to_owned) }
    }

    fn mark(&self) -> &'static str {
        match self.change {
            "add" => "+",
            "replace" => "~",
            _ => "-",
        }
    }
}

impl LeftForm {
    fn new(remark: &crate::Remark) -> Self {
        Self { path: remark.path.clone(), reason: remark.left.to_string(), marked: remark.marked }
    }
}

/// Returns what becomes of PROJECT, if it changes.
fn project_line(prepared: &Prepared) -> Option<Line> {
    let change = match prepared.project_before() {
        None => "add",
        Some(before) if before == prepared.project().to_string() => return None,
        Some(_) => "replace",
    };
    Some(Line { change, path: PROJECT.to_owned(), plugin: None })
}

/// Returns the change of all files as a patch, in colours.
fn diff(prepared: &Prepared) -> String {
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
