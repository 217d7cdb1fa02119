//! `project …`: what the project is, who made which file, and whether it is in order.

mod blame;
mod check;
mod show;
mod upgrade;

use super::scaffold::{current_dir, load_project};
use super::{CliError, Exit, Session, tree};
use crate::project::{PROJECT, ProjectFile};
use crate::scaffold::ScaffoldError;
use clap::{ArgMatches, Command};
use std::path::PathBuf;

/// The host's own verbs under `project`.
pub(super) const VERBS: [&str; 4] = ["show", "blame", "check", "upgrade"];

/// Returns the clap command.
pub(super) fn command() -> Command {
    tree::noun(Command::new("project").about("Show, check and upgrade the project"))
        .subcommand(show::command())
        .subcommand(blame::command())
        .subcommand(check::command())
        .subcommand(upgrade::command())
}

/// Returns whether `verb` is one of the host's own under `project`.
pub(super) fn is_verb(verb: &str) -> bool {
    VERBS.contains(&verb)
}

/// Runs one of the host's own verbs under `project`.
pub(super) fn run(
    session: &Session<'_>,
    verb: &str,
    matches: &ArgMatches,
) -> Result<Exit, CliError> {
    match verb {
        "show" => show::run(session, matches),
        "blame" => blame::run(session, matches),
        "check" => check::run(session, matches),
        _ => upgrade::run(session, matches),
    }
}

/// Returns the project in the current folder.
fn project(session: &Session<'_>) -> Result<(PathBuf, ProjectFile), CliError> {
    let root = current_dir()?;
    match load_project(&root)? {
        Some(project) => Ok((root, project)),
        None => {
            let command = session.host.identity.command_name.clone();
            Err(ScaffoldError::NotInitialized { path: root.join(PROJECT), command }.into())
        }
    }
}
