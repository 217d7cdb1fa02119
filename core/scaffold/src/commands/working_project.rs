//! The project of the current directory: found, locked, and repaired after an interruption.

use crate::error::ScaffoldError;
use crate::project::error::ProjectError;
use crate::project::file::{PROJECT, ProjectFile};
use crate::transaction::{Lock, Recovery, recover};
use pintle_host::cli::{CliError, Exit, Need, Session};
use pintle_host::fs::Dir;
use pintle_plugin::Level;
use std::path::{Path, PathBuf};

/// The project of the current directory, in a consistent state: an interrupted run is repaired
/// before anything is read.
pub(super) const PROJECT_TO_READ: Need = Need {
    check: |session| {
        lock(session, &project_root()?, true)?;
        open_project().map(drop)
    },
};

/// Opens the project's directory.
pub(super) fn open_directory(root: &Path) -> Result<Dir, CliError> {
    Dir::open(root).map_err(|err| CliError::from_error(Exit::Failed, &err))
}

/// Returns the project of the current directory.
pub(super) fn open_project() -> Result<(PathBuf, ProjectFile), CliError> {
    let root = project_root()?;
    match load_project(&root)? {
        Some(project) => Ok((root, project)),
        None => Err(ScaffoldError::NotInitialized { path: root.join(PROJECT) }.into()),
    }
}

/// Reads PROJECT; `None` if it does not exist.
pub(super) fn load_project(root: &Path) -> Result<Option<ProjectFile>, CliError> {
    match ProjectFile::load(&root.join(PROJECT)) {
        Ok(project) => Ok(Some(project)),
        Err(ProjectError::Missing { .. }) => Ok(None),
        Err(err) => Err(err.into()),
    }
}

/// Takes the lock of the project in the directory `root`, before anything is read there. A command
/// that only reads does not take the lock, but an interrupted run is still repaired.
pub(super) fn lock(
    session: &Session<'_>,
    root: &Path,
    only_looks: bool,
) -> Result<Option<Lock>, CliError> {
    let console = session.console();
    if root != current_dir()? {
        let text = format!("the project is in `{}`; all paths are relative to it", root.display());
        console.log(Level::Info, &text);
    }
    if only_looks {
        let recovery = recover(root)?;
        tell_recovery(session, &recovery);
        return Ok(None);
    }
    let lock = Lock::acquire(root, &mut |it| console.log(Level::Info, it))
        .map_err(ScaffoldError::Transaction)?;
    tell_recovery(session, lock.recovery());
    Ok(Some(lock))
}

fn tell_recovery(session: &Session<'_>, recovery: &Recovery) {
    if *recovery != Recovery::Nothing {
        session.console().log(Level::Warn, &recovery.to_string());
    }
}

/// Returns the directory of the project that the current directory is in; if there is no project,
/// the current directory.
pub(super) fn project_root() -> Result<PathBuf, CliError> {
    let here = current_dir()?;
    // Anything called PROJECT in this directory is meant, and rejected if it is not a file.
    if here.join(PROJECT).symlink_metadata().is_ok() {
        return Ok(here);
    }
    Ok(surrounding_project(&here).unwrap_or(&here).to_owned())
}

/// Returns the directory of the nearest project around the directory `here`, not including `here`
/// itself.
pub(super) fn surrounding_project(here: &Path) -> Option<&Path> {
    here.ancestors().skip(1).find(|it| it.join(PROJECT).is_file())
}

pub(super) fn current_dir() -> Result<PathBuf, CliError> {
    std::env::current_dir().map_err(|err| {
        CliError::new(Exit::Failed, "failed to find the current directory")
            .cause(&err)
            .hint("check that the current directory still exists")
    })
}
