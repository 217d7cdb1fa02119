//! The text of a cluster file that the command line names.

use pintle_host::cli::{CliError, Exit};
use pintle_host::fs::{self, Cause};
use std::error::Error;
use std::io::Read as _;
use std::path::PathBuf;

/// The largest cluster file that is read.
const MAX_FILE: u64 = 16 << 20;

/// Reads a cluster file, and returns the directory that its relative paths start from.
pub(super) fn load(path: &str) -> Result<(String, PathBuf), CliError> {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let read = || -> std::io::Result<(String, PathBuf)> {
        if path == "-" {
            return Ok((read_stdin()?, here.clone()));
        }
        let path = here.join(path);
        let folder = path.parent().unwrap_or(&here).to_owned();
        Ok((fs::read_named(&path, MAX_FILE)?.into_text()?, folder))
    };
    read().map_err(|err| {
        let text = format!("failed to read the cluster file `{path}`");
        CliError::new(Exit::Failed, text).cause(&err)
    })
}

/// Returns the error of a file that requests something impossible.
pub(super) fn invalid(path: &str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> CliError {
    CliError::new(Exit::Usage, format!("invalid cluster file `{path}`")).cause(&*cause.into())
}

fn read_stdin() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().take(MAX_FILE + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MAX_FILE {
        true => Err(Cause::TooLarge { limit: MAX_FILE }.into()),
        false => Ok(text),
    }
}
