//! The directories for copies of a project: only the user can read them, and if this process is
//! killed, the next run removes them.

use std::io;
use std::path::Path;
use tempfile::{Builder, TempDir};

const PREFIX: &str = "pintle-staging-";

/// A directory for a copy of the project; it is removed when the value is dropped.
#[derive(Debug)]
pub(super) struct StagingFolder {
    folder: TempDir,
    /// Held open while the directory is in use: the lock shows that the process is running.
    #[cfg(unix)]
    _lock: Option<std::fs::File>,
}

impl StagingFolder {
    pub(super) fn new() -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    #[cfg(unix)]
    fn new_in(parent: &Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)?;
        unix::remove_leftovers(parent, folder.path(), unix::GRACE);
        // Without the lock, no other process removes the directory.
        let lock = std::fs::File::open(folder.path()).ok().filter(|it| it.try_lock().is_ok());
        Ok(Self { folder, _lock: lock })
    }

    #[cfg(not(unix))]
    fn new_in(parent: &Path) -> io::Result<Self> {
        Ok(Self { folder: Builder::new().prefix(PREFIX).tempdir_in(parent)? })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[cfg(unix)]
mod unix {
    use super::PREFIX;
    use std::fs::{self, DirEntry, File};
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    /// A directory that is younger may belong to a process that has not taken its lock yet.
    pub(super) const GRACE: Duration = Duration::from_secs(60);

    /// Removes the directories of processes that are no longer running, if they belong to the owner
    /// of `own`; what cannot be removed is left to the system.
    pub(super) fn remove_leftovers(parent: &Path, own: &Path, grace: Duration) {
        let Ok(uid) = own.symlink_metadata().map(|it| it.uid()) else { return };
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let is_named = entry.file_name().to_string_lossy().starts_with(PREFIX);
            if is_named && entry.path() != own && is_leftover(&entry, uid, grace) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn is_leftover(entry: &DirEntry, uid: u32, grace: Duration) -> bool {
        // Not followed: a link with this name belongs to someone else.
        let Ok(metadata) = entry.metadata() else { return false };
        let age = metadata.modified().ok().and_then(|it| SystemTime::now().duration_since(it).ok());
        metadata.is_dir()
            && metadata.uid() == uid
            && age.is_some_and(|it| it >= grace)
            && File::open(entry.path()).is_ok_and(|it| it.try_lock().is_ok())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::time::Duration;

    #[test]
    fn only_its_user_can_look_into_a_copy() {
        let parent = tempfile::tempdir().unwrap();
        let folder = StagingFolder::new_in(parent.path()).unwrap();
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn what_a_killed_run_has_left_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        let left = path("pintle-staging-left");
        fs::create_dir_all(left.join("src")).unwrap();
        fs::write(left.join("src/main.rs"), "").unwrap();
        fs::create_dir(path("other")).unwrap();
        fs::write(path("pintle-staging-file"), "").unwrap();
        symlink(path("other"), path("pintle-staging-link")).unwrap();
        let running = StagingFolder::new_in(parent.path()).unwrap();

        // It is young: its process may be about to lock it.
        let own = StagingFolder::new_in(parent.path()).unwrap();
        assert!(left.exists());
        unix::remove_leftovers(parent.path(), own.path(), Duration::ZERO);
        assert!(!left.exists());
        for it in [running.path(), own.path(), &path("other"), &path("pintle-staging-file")] {
            assert!(it.exists(), "{}", it.display());
        }
        assert!(path("pintle-staging-link").is_symlink());
    }
}
