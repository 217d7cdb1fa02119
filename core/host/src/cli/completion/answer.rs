//! What a completion script is answered.
//!
//! Words are completed from manifests alone; only the options of one plugin's command load
//! that plugin.

use super::script::variable;
use crate::catalog::{Entry, ManifestCommand};
use crate::cli::builder::Host;
use crate::cli::exit::Exit;
use crate::cli::group::{Row, Run};
use crate::cli::line::Line;
use crate::cli::session::Session;
use crate::cli::table::Target;
use crate::cli::{args, global, hooked, plugin_command, tree};
use clap::Command;
use clap_complete::env::Shells;
use std::ffi::OsString;

/// Returns the shell whose script asks for completions, if one does.
pub(in crate::cli) fn requested(host: &Host) -> Option<String> {
    std::env::var(variable(&host.settings.identity)).ok().filter(|it| !it.is_empty())
}

/// Returns the words on the line, which stand behind `--` in the script's `args`.
pub(in crate::cli) fn line(args: Vec<OsString>) -> Vec<OsString> {
    args.into_iter().skip_while(|it| it != "--").skip(1).collect()
}

/// Answers a completion script for the words on the line.
pub(in crate::cli) fn complete(
    host: &Host,
    session: &Session<'_>,
    shell: &str,
    line: Vec<OsString>,
) -> Exit {
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell) else { return Exit::Usage };
    let mut command = tree(host, session, &line);
    let mut answer = Vec::new();
    let cwd = std::env::current_dir().ok();
    match completer.write_complete(&mut command, line, cwd.as_deref(), &mut answer) {
        Ok(()) => {
            session.console().write(pintle_plugin::host::Stream::Out, &answer);
            Exit::Done
        }
        // An error message would end up in the middle of the user's line.
        Err(_) => Exit::Failed,
    }
}

/// Returns the full tree, with the options of the one command on the line.
fn tree(host: &Host, session: &Session<'_>, line: &[OsString]) -> Command {
    // Only while the first word is typed can it be any plugin's.
    let typed = line.split_last().map_or(&[][..], |(_, typed)| typed);
    if Line::new(typed.get(1..).unwrap_or_default()).words().is_empty() {
        return tree::first_word(host, session.catalog());
    }
    let line = Line::new(&line[1..]);
    let words = line.words();
    let first = words.first().map(String::as_str);
    let root = tree::full(host, session.catalog(), first);
    let described = match host.table.find(&words) {
        Some((Target::Row(row), n)) => of_row(session, row, &line.rest(n)),
        Some((Target::Extra(_), _)) => None,
        None => match session.catalog().find_command(&words) {
            Ok(Some((entry, command))) => {
                of_plugin(session, entry, command).map(|it| (command.path.clone(), it))
            }
            _ => None,
        },
    };
    match described {
        Some((path, command)) => replace(root, &path, command),
        None => root,
    }
}

/// Returns a row's command with its options.
fn of_row(session: &Session<'_>, row: &Row, rest: &[OsString]) -> Option<(Vec<String>, Command)> {
    let command = match &row.run {
        Run::Plain(_) => global::add_to(row.command()),
        Run::Hooked { events, .. } => hooked::describe(session, row, events).ok()?.command,
        Run::Late(bind) => global::add_to(bind(session, row.command(), rest).ok()?.command),
    };
    Some((row.path.iter().copied().map(str::to_owned).collect(), command))
}

/// Returns the command with its options; a plugin that fails has none to complete.
fn of_plugin(session: &Session<'_>, entry: &Entry, command: &ManifestCommand) -> Option<Command> {
    let plugin = session.load(entry).ok()?;
    let description = plugin_command::describe(session, &plugin, &command.path).ok()?;
    args::command(command.path.last()?.clone(), &description).ok()
}

/// Returns `root` with another command at `path`.
fn replace(root: Command, path: &[String], command: Command) -> Command {
    match path {
        [] => root,
        [word] => root.mut_subcommand(word, |_| command),
        [word, rest @ ..] => root.mut_subcommand(word, |it| replace(it, rest, command)),
    }
}
