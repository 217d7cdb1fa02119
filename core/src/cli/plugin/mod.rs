//! `plugin …`: what is installed, and what a file is.

mod abi;
mod check;
mod inspect;
mod list;
mod run;

use super::dispatch::Step;
use super::{CliError, Exit, Session, tree};
use crate::catalog::{Entry, PluginKey};
use clap::{Arg, ArgMatches, Command};
use std::path::{Path, PathBuf};

/// The host's own verbs under `plugin`.
pub(super) const VERBS: [&str; 5] = ["list", "inspect", "check", "run", "abi"];

/// Returns the clap command.
pub(super) fn command() -> Command {
    tree::noun(Command::new("plugin").about("List, inspect, check and run plugins"))
        .subcommand(list::command())
        .subcommand(inspect::command())
        .subcommand(check::command())
        .subcommand(run::command())
        .subcommand(abi::command())
}

/// Returns whether `verb` is one of the host's own under `plugin`.
pub(super) fn is_verb(verb: &str) -> bool {
    VERBS.contains(&verb)
}

/// Runs one of the host's own verbs under `plugin`.
pub(super) fn run(
    session: &Session<'_>,
    verb: &str,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    match verb {
        "list" => list::run(session, matches),
        "inspect" => inspect::run(session, matches)?,
        "check" => check::run(session, matches)?,
        "abi" => abi::run(session, matches),
        _ => return run::run(session, matches),
    }
    Ok(Step::Exit(Exit::Done))
}

/// Returns the argument that names a plugin by its file or its key.
fn subject_arg() -> Arg {
    Arg::new("plugin")
        .value_name("FILE|KEY")
        .required(true)
        .value_hint(clap::ValueHint::FilePath)
        .help("A plugin file, or the key of an installed plugin")
}

/// A plugin as the user named it.
enum Subject<'a> {
    File(PathBuf),
    Entry(&'a Entry),
}

/// Returns what the user means: a path that is one by its looks or because a file is
/// there, else a key.
fn subject<'a>(session: &'a Session<'_>, matches: &ArgMatches) -> Result<Subject<'a>, CliError> {
    let text = matches.get_one::<String>("plugin").expect("the argument is required");
    if is_path(text) {
        return Ok(Subject::File(PathBuf::from(text)));
    }
    Ok(Subject::Entry(session.catalog().resolve(&parse_key(text)?, None)?))
}

fn is_path(text: &str) -> bool {
    let path = Path::new(text);
    let has_suffix =
        path.extension().is_some_and(|it| ["so", "dylib", "dll"].iter().any(|ext| it == *ext));
    let is_file = || path.symlink_metadata().is_ok_and(|it| !it.is_dir());
    text.starts_with('.') || path.is_absolute() || has_suffix || is_file()
}

/// Reads a key as the user typed it.
pub(super) fn parse_key(text: &str) -> Result<PluginKey, CliError> {
    text.parse().map_err(|err| {
        CliError::new(Exit::Usage, format!("`{text}` is no plugin key")).cause(&err).hint(
            "a key is `name` or `name/version`, as `rust`, `rust/v1`, `rust.pintle.dev/v1.0.0`"
                .to_owned(),
        )
    })
}
