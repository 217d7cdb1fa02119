//! Programs on the search path as commands, with the lowest precedence.

use super::error::CliError;
use super::exit::{Exit, Step};
use super::explain;
use super::line::Line;
use super::output;
use super::required;
use super::session::Session;
use crate::callables::{self, Callable, Fault, RunError};
use crate::catalog::State;
use std::path::{Path, PathBuf};

/// Returns the program that a line calls, and how many of its words are the program's name.
///
/// The longest name takes precedence. Words that belong to the host or a plugin call no program.
pub(super) fn find(session: &Session<'_>, line: &Line<'_>) -> Option<(PathBuf, usize)> {
    let words = line.program_words();
    let mut found = session.callables().find(&words);
    found.find(|(n, _)| session.owner(&words[..*n]).is_none()).map(|(n, path)| (path, n))
}

/// Returns the programs that can be called.
pub(super) fn all(session: &Session<'_>) -> Vec<Callable> {
    let mut found = session.callables().list();
    found.retain(|it| it.fault.is_none() && session.owner(&it.words).is_none());
    found
}

/// A file with the name of a program, and its state.
pub(super) struct Judgement {
    pub(super) words: Vec<String>,
    pub(super) path: PathBuf,
    pub(super) state: State,
    /// Why it is not run.
    pub(super) reason: Option<String>,
}

/// Returns all files with the name of a program, including those that are not run.
pub(super) fn judged(session: &Session<'_>) -> Vec<Judgement> {
    let judge = |it: Callable| {
        let (state, reason) = match (session.owner(&it.words), it.fault) {
            (_, Some(Fault::NotExecutable)) => {
                (State::Refused, Some("it is not executable".to_owned()))
            }
            (Some(owner), _) => {
                let words = it.words.join(" ");
                (State::Shadowed, Some(format!("`{words}` is {owner}")))
            }
            (None, Some(Fault::Shadowed { by })) => {
                (State::Shadowed, Some(format!("`{}` takes precedence", output::path(&by))))
            }
            (None, None) => (State::Ok, None),
        };
        Judgement { words: it.words, path: it.path, state, reason }
    };
    session.callables().list().into_iter().map(judge).collect()
}

/// Returns the programs that are called with `words` and at least one more word.
pub(super) fn below(session: &Session<'_>, words: &[String]) -> Vec<Callable> {
    let mut found = all(session);
    found.retain(|it| it.words.len() > words.len() && it.words.starts_with(words));
    found
}

/// Returns an error if a line calls a program that is not executable.
pub(super) fn not_executable(session: &Session<'_>, line: &Line<'_>) -> Option<CliError> {
    let words = line.program_words();
    let mut files = session.callables().list().into_iter();
    let file = files.find(|it| {
        it.fault == Some(Fault::NotExecutable)
            && words.starts_with(&it.words)
            && session.owner(&it.words).is_none()
    })?;
    Some(RunError::NotExecutable { path: file.path }.into())
}

/// Runs a program in place of the host; the first `n` words of the line are its name.
///
/// # Errors
///
/// When it cannot be run.
pub(super) fn run(
    session: &Session<'_>,
    path: &Path,
    line: &Line<'_>,
    n: usize,
) -> Result<Step, CliError> {
    // An output format after the words belongs to the program.
    session.show_errors_as_text();
    let words = line.program_words();
    let words: Vec<_> = words.iter().take(n).map(String::as_str).collect();
    // Its help comes from the program, and therefore has the same requirements.
    required::check(session, &words, &[])?;
    let code = callables::run(path, line.behind_program(n))?;
    Ok(Exit::Code(u8::try_from(code).unwrap_or(1)).into())
}

impl From<RunError> for CliError {
    fn from(err: RunError) -> Self {
        Self::from_error(Exit::NotRun, &err).hint_if_known(explain::program(&err))
    }
}
