//! `completion SHELL`, and the answers to what its script asks.
//!
//! The script calls the host at each Tab. Words are completed from manifests alone;
//! only the options of one plugin's command load that plugin.

use super::{CliError, Exit, Host, Session, args, dispatch, global, tree};
use crate::catalog::{Entry, ManifestCommand};
use clap::{Arg, ArgMatches, Command};
use clap_complete::env::Shells;
use std::ffi::OsString;

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "powershell"];

/// Returns the clap command.
pub(super) fn command() -> Command {
    Command::new("completion").about("Print the completion script of a shell").arg(
        Arg::new("shell").value_name("SHELL").required(true).value_parser(SHELLS).help("The shell"),
    )
}

/// Prints the script for the shell in `matches`.
pub(super) fn print_script(session: &Session<'_>, matches: &ArgMatches) -> Result<(), CliError> {
    let shell = matches.get_one::<String>("shell").expect("the argument is required");
    let shells = Shells::builtins();
    let completer = shells.completer(shell).expect("the shells are clap_complete's");
    let name = &session.host.identity.command_name;
    let mut script = Vec::new();
    completer
        .write_registration(&variable(session.host), name, name, name, &mut script)
        .map_err(|err| CliError::from_error(Exit::Failed, &err))?;
    session.console.println(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}

/// Returns the shell whose script asks for completions, if one does.
pub(super) fn requested(host: &Host) -> Option<String> {
    std::env::var(variable(host)).ok().filter(|it| !it.is_empty())
}

fn variable(host: &Host) -> String {
    host.identity.env_var("COMPLETE")
}

/// Returns the words on the line, which stand behind `--` in the script's `args`.
pub(super) fn line(args: Vec<OsString>) -> Vec<OsString> {
    args.into_iter().skip_while(|it| it != "--").skip(1).collect()
}

/// Answers a completion script for the words on the line.
pub(super) fn complete(session: &Session<'_>, shell: &str, line: Vec<OsString>) -> Exit {
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell) else { return Exit::Usage };
    let mut command = tree(session, &line);
    let mut answer = Vec::new();
    let cwd = std::env::current_dir().ok();
    match completer.write_complete(&mut command, line, cwd.as_deref(), &mut answer) {
        Ok(()) => {
            session.console.write(pintle_plugin::host::Stream::Out, &answer);
            Exit::Done
        }
        // An error message would end up in the middle of the user's line.
        Err(_) => Exit::Failed,
    }
}

/// Returns the full tree, with the options of the one plugin command on the line.
fn tree(session: &Session<'_>, line: &[OsString]) -> Command {
    // Only while the first word is typed can it be any plugin's.
    let typed = line.split_last().map_or(&[][..], |(_, typed)| typed);
    if global::words(typed.get(1..).unwrap_or_default()).is_empty() {
        return tree::first_word(session.host, session.catalog());
    }
    let words = global::words(&line[1..]);
    let first = words.first().map(String::as_str);
    let root = tree::full(session.host, session.catalog(), first);
    let described = match session.catalog().find_command(&words) {
        Ok(Some((entry, command))) => {
            described(session, entry, command).map(|it| (command.path.clone(), it))
        }
        _ => {
            #[cfg(feature = "cluster")]
            let of_cluster = super::cluster::complete(session, &words);
            #[cfg(not(feature = "cluster"))]
            let of_cluster = None;
            of_cluster.or_else(|| super::scaffold::complete(session, &words, line))
        }
    };
    match described {
        Some((path, command)) => replace(root, &path, command),
        None => root,
    }
}

/// Returns the command with its options; a plugin that fails has none to complete.
fn described(session: &Session<'_>, entry: &Entry, command: &ManifestCommand) -> Option<Command> {
    let plugin = session.load(entry).ok()?;
    let description = dispatch::describe(session, &plugin, &command.path).ok()?;
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
