//! Commands that are programs on the search path.

use super::error::CliError;
use super::exit::Exit;
use super::line::Line;
use super::output;
use super::session::Session;
use crate::callables::{self, Callable, Completion, Found};
use crate::catalog::{State, has_raised_privileges};
use clap::{Arg, ArgAction, Command};
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::Path;

/// The exit code for a program that is found and cannot be run, by the convention of shells.
const CANNOT_RUN: u8 = 126;

/// Returns the search path for commands. A process with raised privileges has none: what its
/// caller could choose is not run.
pub(super) fn search() -> OsString {
    match has_raised_privileges() {
        true => OsString::new(),
        false => std::env::var_os("PATH").unwrap_or_default(),
    }
}

/// Returns the program that a line means, if no command and no noun is meant.
pub(super) fn find(session: &Session<'_>, line: &Line<'_>) -> Option<Callable> {
    let words = line.leading_words();
    let host = &session.identity().command_name;
    callables::find(host, &words, &search(), |words| {
        let words: Vec<_> = words.iter().map(|it| (*it).to_owned()).collect();
        session.is_noun(&words) || session.set_aside(&words).is_some()
    })
}

/// Returns the error of a line that means a file which cannot be run.
pub(super) fn not_executable(session: &Session<'_>, line: &Line<'_>) -> Option<CliError> {
    let words = line.leading_words();
    let host = &session.identity().command_name;
    let is_meant =
        |it: &Found| !it.is_executable && it.words.iter().eq(words.iter().take(it.words.len()));
    let found = callables::list(host, &search()).into_iter().find(is_meant)?;
    let path = output::path(&found.path);
    let text = format!("`{path}` is not executable");
    Some(CliError::new(Exit::Code(CANNOT_RUN), text).hint(format!("run `chmod +x {path}`")))
}

/// Runs the program that a line means.
pub(super) fn run(line: &Line<'_>, found: &Callable) -> Result<Exit, CliError> {
    let _ = io::stdout().flush();
    let code = callables::run(&found.path, line.after(found.n_words));
    code.map(Exit::Code).map_err(|err| {
        let text = format!("failed to run `{}`", found.path.display());
        CliError::new(Exit::Code(CANNOT_RUN), text).cause(&err).hint(hint(&err, &found.path))
    })
}

fn hint(err: &io::Error, path: &Path) -> String {
    match err.kind() {
        io::ErrorKind::ArgumentListTooLong => "pass fewer arguments".to_owned(),
        io::ErrorKind::NotFound => format!(
            "check that the interpreter in the first line of `{}` is installed",
            path.display()
        ),
        _ => format!("check that `{}` is a program for this machine", path.display()),
    }
}

/// Returns the commands that programs on the search path are: first words, each with the
/// program.
pub(super) fn first_words(session: &Session<'_>) -> Vec<(String, String)> {
    let found = callables::list(&session.identity().command_name, &search());
    let found = found.into_iter().filter(|it| it.is_executable && it.shadowed_by.is_none());
    let mut words: Vec<(String, String)> = Vec::new();
    for callable in found {
        let is_own = session.is_command(&callable.words);
        let word = callable.words.into_iter().next().unwrap_or_default();
        if !is_own && words.iter().all(|it| it.0 != word) {
            words.push((word, output::path(&callable.path)));
        }
    }
    words
}

/// A program on the search path, and what became of it.
pub(super) struct CallableState {
    pub(super) path: String,
    pub(super) words: String,
    pub(super) state: State,
    pub(super) reason: Option<String>,
}

/// Returns the programs on the search path that have the name of a callable.
pub(super) fn listed(session: &Session<'_>) -> Vec<CallableState> {
    let found = callables::list(&session.identity().command_name, &search());
    let state = |it: Found| {
        let words = it.words.join(" ");
        let (state, reason) = match &it.shadowed_by {
            _ if !it.is_executable => (State::Refused, Some("it is not executable".to_owned())),
            Some(first) => {
                let first = output::path(first);
                (State::Shadowed, Some(format!("`{first}` is found before it")))
            }
            None if session.is_command(&it.words) => {
                (State::Shadowed, Some(format!("`{words}` is a command")))
            }
            None => (State::Ok, None),
        };
        CallableState { path: output::path(&it.path), words, state, reason }
    };
    found.into_iter().map(state).collect()
}

/// Returns a command to complete `word` with, behind the rest of a line that means a callable.
pub(super) fn completion(
    session: &Session<'_>,
    line: &Line<'_>,
    found: &Callable,
    word: &OsStr,
) -> Command {
    let variable = session.identity().env_var("COMPLETE");
    offering(callables::complete(&found.path, line.after(found.n_words), word, &variable))
}

/// Returns a command that takes what is to be offered.
fn offering(completion: Completion) -> Command {
    let command = Command::new("host").disable_help_flag(true).disable_help_subcommand(true);
    let values = Arg::new("values").num_args(0..);
    let (words, files) = match completion {
        Completion::Words(words, files) => (words, files),
        Completion::Directories => {
            return command.arg(values.add(ArgValueCompleter::new(PathCompleter::dir())));
        }
        Completion::Files(extensions) => {
            let has_extension = move |path: &Path| {
                let extension = path.extension().unwrap_or_default();
                extensions.iter().any(|it| extension == it.trim_start_matches('.'))
            };
            let files = PathCompleter::file().filter(has_extension);
            return command.arg(values.add(ArgValueCompleter::new(files)));
        }
    };
    if words.is_empty() && files {
        return command.arg(values.add(ArgValueCompleter::new(PathCompleter::any())));
    }
    let (flags, words): (Vec<_>, Vec<_>) = words.into_iter().partition(|it| it.0.starts_with("--"));
    let flag = |(idx, (name, about)): (usize, (String, String))| {
        let name = name.trim_start_matches('-').trim_end_matches('=').to_owned();
        Arg::new(idx.to_string()).long(name).help(about).action(ArgAction::SetTrue)
    };
    let command = flags.into_iter().enumerate().map(flag).fold(command, Command::arg);
    command.arg(values.add(ArgValueCompleter::new(Words(words))))
}

/// Words to offer, with their descriptions.
struct Words(Vec<(String, String)>);

impl ValueCompleter for Words {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(current) = current.to_str() else { return Vec::new() };
        let fits = self.0.iter().enumerate().filter(|it| it.1.0.starts_with(current));
        fits.map(|(idx, (word, about))| {
            let about = Some(output::plain(about).into_owned()).filter(|it| !it.is_empty());
            CompletionCandidate::new(output::plain(word).into_owned())
                .help(about.map(Into::into))
                .display_order(Some(idx))
        })
        .collect()
    }
}
