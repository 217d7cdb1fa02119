//! The changes that a scaffolding command makes, or would make, as the user sees them.
//!
//! With `-q`, the list of changes is not shown, because the user has not requested this report.
//! Requested results are still shown: a listing, the changes that would be made, the universe, and
//! the report in a form for programs.

use super::diff::diff;
use crate::dump::{Detail, Dump};
use crate::error::listed;
use crate::operations::file_merge::MergeConflict;
use crate::operations::prepared::{Dropped, Prepared, Report};
use crate::path::HOST_FOLDER;
use crate::project::file::PROJECT;
use crate::record::file::FILE as RECORD;
use crate::universe::Change;
use clap::ArgMatches;
use pintle_host::cli::{CliError, Session, output};
use pintle_host::services::{Console, Verbosity};
use pintle_plugin::Level;
use pintle_plugin::host::Stream;
use serde::Serialize;

/// The changes that a command makes, or would make. The names of the fields are part of the
/// interface.
#[derive(Serialize)]
struct Summary {
    subcommand: String,
    chain: Vec<String>,
    /// Whether the changes were only shown.
    dry_run: bool,
    changes: Vec<ChangeRow>,
    /// The files that should have changed, but did not, or not cleanly.
    left: Vec<ConflictRow>,
    /// What the user wrote and a forced command removes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<Dropped>,
    notices: Vec<String>,
}

#[derive(Serialize)]
struct ChangeRow {
    change: &'static str,
    path: String,
    plugin: Option<String>,
}

#[derive(Serialize)]
struct ConflictRow {
    path: String,
    reason: String,
    marked: bool,
    /// The lines that are kept as the user has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<String>,
}

/// How a command is to be shown.
pub(super) struct ShowOptions {
    dry_run: bool,
    diff: bool,
    dump: Option<Detail>,
}

impl ShowOptions {
    pub(super) fn new(matches: &ArgMatches) -> Self {
        let dump = matches.get_one::<String>("dump-universe");
        Self {
            dry_run: matches.get_flag("dry-run"),
            diff: matches.get_flag("diff"),
            dump: dump.and_then(|it| Detail::from_name(it)),
        }
    }

    /// Whether nothing is to be written to the disk.
    pub(super) fn changes_nothing(&self) -> bool {
        self.dry_run || self.diff
    }

    /// Prints the universe, if requested.
    pub(super) fn dump(&self, session: &Session<'_>, dump: &Dump) -> Result<(), CliError> {
        if let Some(detail) = self.dump {
            session.console().println(dump.to_json(detail)?);
        }
        Ok(())
    }

    /// Lists what the user will lose, before it is lost.
    pub(super) fn warn_of_losses(&self, session: &Session<'_>, prepared: &Prepared) {
        for Dropped { path, lines } in prepared.dropped() {
            let text = match lines.is_empty() {
                true => format!("`{path}` is replaced, and all of its content is lost"),
                false => format!("`{path}` is replaced, and these lines of yours are lost:"),
            };
            session.console().log(Level::Warn, &(text + &listed(lines)));
        }
    }

    /// Shows the changes that would be made.
    pub(super) fn show(&self, session: &Session<'_>, matches: &ArgMatches, prepared: &Prepared) {
        if self.diff {
            session.console().styled(Stream::Out, &diff(prepared));
        }
        let event = prepared.event();
        let summary = Summary {
            subcommand: event.subcommand,
            chain: event.chain,
            dry_run: true,
            changes: ChangeList::new(prepared).0,
            left: prepared.conflicts().iter().map(ConflictRow::new).collect(),
            dropped: prepared.dropped().to_vec(),
            notices: prepared.notices().to_vec(),
        };
        // With a diff, the list would repeat the same information.
        self.print(session, matches, &summary, !self.diff);
    }

    /// Shows the changes that were made.
    pub(super) fn report(
        &self,
        session: &Session<'_>,
        matches: &ArgMatches,
        report: &Report,
        changes: ChangeList,
    ) {
        let summary = Summary {
            subcommand: report.subcommand.clone(),
            chain: report.chain.clone(),
            dry_run: false,
            changes: changes.0,
            left: report.conflicts.iter().map(ConflictRow::new).collect(),
            dropped: report.dropped.clone(),
            notices: report.notices.clone(),
        };
        self.print(session, matches, &summary, true);
    }

    fn print(
        &self,
        session: &Session<'_>,
        matches: &ArgMatches,
        summary: &Summary,
        with_list: bool,
    ) {
        for notice in &summary.notices {
            session.console().log(Level::Warn, notice);
        }
        summary.left.iter().for_each(|it| it.log(session.console()));
        // In this case, the universe or the diff is the result.
        if !with_list || self.dump.is_some() {
            return;
        }
        let is_report = output::is_text(matches) && !summary.dry_run;
        let is_quiet = session.console().verbosity() == Verbosity::Quiet;
        if output::is_text(matches) && summary.changes.is_empty() || is_report && is_quiet {
            return;
        }
        output::print(matches, session.console(), summary, |summary| {
            let line = |it: &ChangeRow| format!("{} {}\n", it.mark(), output::plain(&it.path));
            summary.changes.iter().map(line).collect()
        });
    }
}

/// What a command is about to change, kept for the report.
pub(super) struct ChangeList(Vec<ChangeRow>);

impl ChangeList {
    pub(super) fn new(prepared: &Prepared) -> Self {
        let mut changes: Vec<ChangeRow> = prepared.changes().iter().map(ChangeRow::new).collect();
        if prepared.lists_record() {
            let path = format!("{HOST_FOLDER}/{RECORD}");
            changes.push(ChangeRow { change: "replace", path, plugin: None });
        }
        changes.extend(project_row(prepared));
        Self(changes)
    }
}

impl ChangeRow {
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

impl ConflictRow {
    fn log(&self, console: &Console) {
        let Self { path, reason, marked, lines } = self;
        let text = match (marked, lines.is_empty()) {
            // This makes the command fail.
            (true, _) => {
                return console
                    .log(Level::Error, &format!("`{path}` contains conflict markers: {reason}"));
            }
            (false, true) => format!("`{path}` is left as it is: {reason}"),
            (false, false) => {
                format!("these lines of `{path}` are kept, because you have changed them:")
            }
        };
        console.log(Level::Warn, &(text + &listed(lines)));
    }

    fn new(conflict: &MergeConflict) -> Self {
        Self {
            path: conflict.path.clone(),
            reason: conflict.reason.to_string(),
            marked: conflict.marked,
            lines: conflict.lines.clone(),
        }
    }
}

/// Returns the change of PROJECT, if there is one.
fn project_row(prepared: &Prepared) -> Option<ChangeRow> {
    let change = match prepared.project_before() {
        None => "add",
        Some(before) if before == prepared.project().to_string() => return None,
        Some(_) => "replace",
    };
    Some(ChangeRow { change, path: PROJECT.to_owned(), plugin: None })
}
