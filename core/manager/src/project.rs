//! The plugins that a project requires: those in its lock file.
//!
//! For each lock file, the store has a directory of links to exactly these versions, named after
//! the digest of the lock file. A command in the project therefore searches for one file in the
//! parent directories, reads it, and has one more directory to search. `plugin sync` creates the
//! directory.

use crate::config::Config;
use crate::errors::{failed, lock_file, refused, unreadable_lock_file};
use crate::lockfile::LockFile;
use crate::store::create_own_dirs;
use crate::user_dir::user_dir;
use pintle_host::cli::{CliError, Session};
use pintle_host::fs::{self, Contents, Mode};
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The path of a project's lock file, relative to the directory of the project.
pub(crate) const FILE: &str = ".pintle/plugins.lock";
/// The directory in the store that contains one directory for each lock file's content.
pub(crate) const VIEWS: &str = ".store/projects";
/// The largest lock file that is read.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// A project's lock file.
pub(crate) struct ProjectLock {
    pub(crate) path: PathBuf,
    pub(crate) lock: LockFile,
}

impl ProjectLock {
    /// Finds the lock file of the project in the current directory. A file that belongs to another
    /// user is refused, because it determines which code runs.
    pub(crate) fn find(session: &Session<'_>) -> Result<Option<Self>, CliError> {
        let Ok(dir) = std::env::current_dir() else { return Ok(None) };
        let Some(dir) = dir.ancestors().find(|it| has_lock_file(it)) else { return Ok(None) };
        let path = dir.join(FILE);
        // Checked before it is read, which its owner may have forbidden, and again for the file
        // that was read.
        if let Ok(found) = path.symlink_metadata() {
            check_owner(session, dir, &path, &found)?;
        }
        let contents = read(&path)?;
        check_owner(session, dir, &path, &contents.metadata)?;
        Self::parse(&path, contents).map(Some)
    }

    /// Reads a lock file.
    pub(crate) fn load(path: &Path) -> Result<Self, CliError> {
        Self::parse(path, read(path)?)
    }

    fn parse(path: &Path, contents: Contents) -> Result<Self, CliError> {
        let text = contents.into_text().map_err(|err| unreadable_lock_file(path, &err))?;
        let lock = text.parse().map_err(|err| lock_file(path, &err))?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Returns a lock file for the project in the current directory, which has none.
    pub(crate) fn empty() -> Result<Self, CliError> {
        let dir = std::env::current_dir()
            .map_err(|err| failed("the current directory does not exist").cause(&err))?;
        Ok(Self { path: dir.join(FILE), lock: LockFile::default() })
    }

    /// Writes the lock file, in one step.
    pub(crate) fn write(&self) -> Result<(), CliError> {
        let failed = |err: &(dyn std::error::Error + 'static)| {
            failed(format!("failed to write lock file `{}`", self.path.display())).cause(err)
        };
        if let Some(parent) = self.path.parent() {
            create_own_dirs(parent).map_err(|err| failed(&err))?;
        }
        let text = self.lock.to_string();
        fs::replace(&self.path, text.as_bytes(), Mode::Keep(0o644)).map_err(|err| failed(&err))
    }

    /// Returns the name of the directory with its plugins, inside the directory for all lock files.
    pub(crate) fn view(&self) -> String {
        self.lock.digest().hex()[..24].to_owned()
    }
}

/// Returns whether a directory has a lock file, or may have one that this user cannot access.
fn has_lock_file(dir: &Path) -> bool {
    let path = dir.join(FILE);
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(err) if fs::is_absent(&err) => false,
        Err(_) => path.parent().is_some_and(|it| it.symlink_metadata().is_ok()),
    }
}

fn read(path: &Path) -> Result<Contents, CliError> {
    fs::read_regular(path, MAX_LEN).map_err(|err| {
        let error = unreadable_lock_file(path, &err.cause);
        match err.kind() {
            ErrorKind::PermissionDenied => error.hint("check that you have permission to read it"),
            _ => error,
        }
    })
}

/// Checks that a lock file belongs to the user or the administrator, or is in a trusted project.
fn check_owner(
    session: &Session<'_>,
    dir: &Path,
    path: &Path,
    metadata: &Metadata,
) -> Result<(), CliError> {
    let Some(owner) = foreign_owner(metadata) else { return Ok(()) };
    let config = Config::load(session.identity())?;
    if config.trusted_projects.iter().any(|it| it == dir) {
        return Ok(());
    }
    let text = format!(
        "lock file `{}` belongs to another user (uid {owner}), who would decide which plugins run",
        path.display()
    );
    let config = Config::path(session.identity());
    let config =
        config.map_or_else(|| "the configuration".to_owned(), |it| it.display().to_string());
    let dir = dir.display();
    Err(refused(text).hint(format!(
        "if you trust it, add `{dir}` to `trusted-projects` in `{config}`; if not, work outside \
         `{dir}`, or add your own `{FILE}` with the line `format = 1` below it"
    )))
}

/// Returns the owner of a file unless that is this user or the administrator.
#[cfg(unix)]
fn foreign_owner(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = metadata.uid();
    (owner != 0 && owner != rustix::process::geteuid().as_raw()).then_some(owner)
}

#[cfg(not(unix))]
fn foreign_owner(_: &Metadata) -> Option<u32> {
    None
}

/// Returns the directory with the plugins that the project requires, once `plugin sync` has created
/// it.
pub(crate) fn directory(session: &Session<'_>) -> Result<Option<PathBuf>, CliError> {
    let Some(found) = ProjectLock::find(session)? else { return Ok(None) };
    let Some(root) = user_dir(session) else { return Ok(None) };
    let path = root.join(VIEWS).join(found.view());
    if path.is_dir() {
        return Ok(Some(path));
    }
    let name = &session.identity().command_name;
    Err(failed(format!("the plugins of `{}` are not installed", found.path.display()))
        .hint(format!("run `{name} plugin sync`")))
}

/// Returns a hint for unknown commands if the project's plugins are not installed.
pub(crate) fn suggest(session: &Session<'_>, words: &[String]) -> Option<String> {
    // The host's own nouns have help, which is more useful.
    if session.is_noun(words) || directory(session).is_ok() {
        return None;
    }
    let name = &session.identity().command_name;
    Some(format!("a plugin of the project may provide it: run `{name} plugin sync`"))
}

/// The lock file, for one run of the host; `None` if it cannot be used.
struct Known(Option<Option<ProjectLock>>);

/// Refuses a plugin in another version than the project requires. While that version is unknown,
/// all plugins are refused.
pub(crate) fn vet(
    session: &Session<'_>,
    entry: &pintle_host::catalog::Entry,
) -> Result<(), CliError> {
    let (Some(key), Some(_)) = (entry.key(), entry.path()) else { return Ok(()) };
    if session.is_named_for_this_run(entry) {
        return Ok(());
    }
    let known = session.shared(|| Known(ProjectLock::find(session).ok()));
    let found = match &known.0 {
        Some(found) => found,
        None => &ProjectLock::find(session)?,
    };
    let Some(found) = found else { return Ok(()) };
    let Some(locked) = found.lock.plugin.get(&key.name().to_string()) else { return Ok(()) };
    if locked.version.parse().ok() == key.exact_version() {
        return Ok(());
    }
    let name = &session.identity().command_name;
    let text = format!(
        "the project requires version {} of plugin `{}`, not `{key}`",
        locked.version,
        key.name()
    );
    Err(refused(text).hint(format!("run `{name} plugin sync`")))
}
