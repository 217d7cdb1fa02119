//! `init` and `create api`.
use super::{CliError, Exit, Session};
use clap::Command;
use std::ffi::OsString;

pub(super) fn run(
    _session: &Session<'_>,
    subcommand: &str,
    _args: Vec<OsString>,
) -> Result<Exit, CliError> {
    Err(CliError::new(Exit::Failed, format!("`{subcommand}` is on its way")))
}

pub(super) fn complete(
    _session: &Session<'_>,
    root: Command,
    _words: &[String],
    _line: &[OsString],
) -> Command {
    root
}
