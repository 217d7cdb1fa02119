//! The plugins that a project demands: those of the lock file in it.
//!
//! For each lock file, the store has a directory of links to just those versions, named by the
//! digest of the lock file. So a command that runs in the project looks for one file upwards,
//! reads it, and has one more directory to search. `plugin sync` makes the directory.

use crate::errors::{failed, lock_file, refused};
use crate::lockfile::LockFile;
use crate::user_dir::user_dir;
use pintle_host::cli::{CliError, Session};
use pintle_host::fs::{self, Mode};
use std::path::{Path, PathBuf};

/// Where a project's lock file is, from the directory of the project.
pub(crate) const FILE: &str = ".pintle/plugins.lock";
/// The directory of the store that has one directory for each content of a lock file.
pub(crate) const VIEWS: &str = ".store/projects";
/// The largest lock file that is read.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// A project's lock file.
pub(crate) struct ProjectLock {
    pub(crate) path: PathBuf,
    pub(crate) lock: LockFile,
}

impl ProjectLock {
    /// Finds the lock file of the project that the current directory is in.
    pub(crate) fn find() -> Result<Option<Self>, CliError> {
        let Ok(dir) = std::env::current_dir() else { return Ok(None) };
        let found =
            dir.ancestors().map(|it| it.join(FILE)).find(|it| it.symlink_metadata().is_ok());
        found.map(|path| Self::load(&path)).transpose()
    }

    /// Reads a lock file.
    pub(crate) fn load(path: &Path) -> Result<Self, CliError> {
        let contents = fs::read_regular(path, MAX_LEN);
        let failed = |err: &(dyn std::error::Error + 'static)| {
            let text = format!("failed to read lock file `{}`", path.display());
            failed(text).cause(err)
        };
        let text = contents.map_err(|err| failed(&err))?.into_text().map_err(|err| failed(&err))?;
        let lock = text.parse().map_err(|err| lock_file(path, &err))?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Returns a lock file for the project in the current directory, which has none.
    pub(crate) fn empty() -> Result<Self, CliError> {
        let dir = std::env::current_dir()
            .map_err(|err| failed("the current directory is not there").cause(&err))?;
        Ok(Self { path: dir.join(FILE), lock: LockFile::default() })
    }

    /// Writes the lock file, in one step.
    pub(crate) fn write(&self) -> Result<(), CliError> {
        let failed = |err: &(dyn std::error::Error + 'static)| {
            failed(format!("failed to write lock file `{}`", self.path.display())).cause(err)
        };
        if let Some(parent) = self.path.parent() {
            std::fs::create_dir_all(parent).map_err(|err| failed(&err))?;
        }
        let text = self.lock.to_string();
        fs::replace(&self.path, text.as_bytes(), Mode::Keep(0o644)).map_err(|err| failed(&err))
    }

    /// Returns the name of the directory of its plugins, below that of all lock files.
    pub(crate) fn view(&self) -> String {
        self.lock.digest().hex()[..24].to_owned()
    }
}

/// Returns the directory of the plugins that the project demands, once `plugin sync` has made it.
pub(crate) fn directory(session: &Session<'_>) -> Result<Option<PathBuf>, CliError> {
    let Some(found) = ProjectLock::find()? else { return Ok(None) };
    let Some(root) = user_dir(session) else { return Ok(None) };
    let path = root.join(VIEWS).join(found.view());
    if path.is_dir() {
        return Ok(Some(path));
    }
    let name = &session.identity().command_name;
    Err(failed(format!("the plugins of `{}` are not installed", found.path.display()))
        .hint(format!("type `{name} plugin sync`")))
}

/// The lock file, for one run of the host.
struct Known(Option<ProjectLock>);

/// Refuses a plugin in another version than the project demands.
pub(crate) fn vet(
    session: &Session<'_>,
    entry: &pintle_host::catalog::Entry,
) -> Result<(), CliError> {
    let (Some(key), Some(_)) = (entry.key(), entry.path()) else { return Ok(()) };
    // What cannot be read was reported when the catalog was made. No other plugin changes it.
    let found = session.shared(|| Known(ProjectLock::find().ok().flatten()));
    let Some(found) = &found.0 else { return Ok(()) };
    let Some(locked) = found.lock.plugin.get(&key.name().to_string()) else { return Ok(()) };
    let is_it = locked.version.parse().ok() == key.exact_version();
    if is_it || session.is_named_for_this_run(entry) {
        return Ok(());
    }
    let name = &session.identity().command_name;
    let text = format!(
        "the project demands version {} of plugin `{}`, not `{key}`",
        locked.version,
        key.name()
    );
    Err(refused(text).hint(format!("type `{name} plugin sync`")))
}
