//! A program that is run for a call.

use super::surroundings::Surroundings;
use super::variables::Variables;
use crate::process::JobError;
use pintle_plugin::message::program::ProgramInfo;
use pintle_plugin::message::{CommandDescription, ErrorReply};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// A program with a valid description.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) key: String,
    pub(super) info: ProgramInfo,
    pub(super) around: Arc<Surroundings>,
}

impl Program {
    /// Returns the program as it is run for a call.
    pub(super) fn command(&self, variables: Variables) -> Command {
        let mut command = Command::new(&self.path);
        variables.plugin(&self.key).apply(&mut command, &self.around.identity);
        command
    }

    pub(super) fn description(&self, path: &[String]) -> Result<CommandDescription, ErrorReply> {
        let found = self.info.commands.iter().find(|it| it.path() == path);
        found.map(|it| it.description()).ok_or_else(|| {
            ErrorReply::failed(format!("the program has no command `{}`", path.join(" ")))
        })
    }

    /// Returns the error of a call that failed.
    pub(super) fn failed(&self, err: &JobError) -> ErrorReply {
        let mut reply = failed(&self.path, err);
        // Its standard error has been shown.
        reply.causes.truncate(reply.causes.len() - usize::from(!err.stderr.is_empty()));
        reply
    }
}

/// Returns the error of a program that failed.
fn failed(path: &Path, err: &JobError) -> ErrorReply {
    let mut reply = ErrorReply::failed(format!("program `{}` failed", path.display()));
    reply.causes.push(err.to_string());
    let sources = std::iter::successors(std::error::Error::source(err), |it| it.source());
    reply.causes.extend(sources.map(ToString::to_string));
    if !err.stderr.is_empty() {
        reply.causes.push(stderr(&err.stderr));
    }
    reply
}

/// Returns the last lines of a program's standard error as the cause of an error.
pub(super) fn stderr(lines: &str) -> String {
    format!("its standard error ends with:\n{lines}")
}
