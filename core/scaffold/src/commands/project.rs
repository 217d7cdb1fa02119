//! The project that a command works in.

use super::scaffold::{current_dir, load_project};
use crate::ScaffoldError;
use crate::project::{PROJECT, ProjectFile};
use pintle_host::cli::{CliError, Exit, Session};
use pintle_host::fs::Dir;
use std::path::{Path, PathBuf};

/// Opens the project's folder.
pub(super) fn open(root: &Path) -> Result<Dir, CliError> {
    Dir::open(root).map_err(|err| CliError::from_error(Exit::Failed, &err))
}

/// Returns the project in the current folder.
pub(super) fn project(session: &Session<'_>) -> Result<(PathBuf, ProjectFile), CliError> {
    let root = current_dir()?;
    match load_project(&root)? {
        Some(project) => Ok((root, project)),
        None => {
            let command = session.identity().command_name.clone();
            Err(ScaffoldError::NotInitialized { path: root.join(PROJECT), command }.into())
        }
    }
}
