//! The lock on a kubeconfig that kubectl respects.

use super::error::KubeconfigError;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the lock is waited for.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// The lock on a kubeconfig: the file `<path>.lock`, which client-go makes exclusively and
/// removes again, with the kernel's lock on it, which client-go does not take.
///
/// So neither works while the other does; and what a killed run of ours has left, which
/// nobody holds a lock on and which says that it is ours, is told from kubectl's.
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    const MARK: &'static str = "pintle\n";

    pub(super) fn take(target: &Path) -> Result<Self, KubeconfigError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match Self::try_take(&path) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) if start.elapsed() > LOCK_LIMIT => {
                    return Err(KubeconfigError::Locked { path: target.to_owned(), lock: path });
                }
                Ok(None) => std::thread::sleep(pause),
                Err(source) => {
                    return Err(KubeconfigError::Io {
                        action: "lock",
                        path: target.to_owned(),
                        source,
                    });
                }
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn try_take(path: &Path) -> io::Result<Option<Self>> {
        if path.symlink_metadata().is_ok() {
            remove_stale(path, File::try_lock)?;
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".kubeconfig-").tempfile_in(folder)?;
        file.write_all(Self::MARK.as_bytes())?;
        match file.as_file().try_lock() {
            // Where a file system has no locks, the file alone keeps others out.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
        }
        // It gets its name when it has the mark and the lock, so that it is never taken for
        // a stale one, or for kubectl's.
        match file.persist_noclobber(path) {
            Ok(file) => Ok(Some(Self { path: path.to_owned(), _file: file })),
            Err(err) if err.error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(err) => Err(err.error),
        }
    }
}

/// Removes the lock of a run of ours that was killed: it has the mark, and the kernel gives
/// its lock away. Where `try_lock` cannot tell, the run may be alive.
fn remove_stale(
    path: &Path,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> io::Result<()> {
    let Ok(file) = File::options().read(true).write(true).open(path) else { return Ok(()) };
    if try_lock(&file).is_err() || fs::read_to_string(path).is_ok_and(|it| it != Lock::MARK) {
        return Ok(());
    }
    if is_same(&file, path) {
        // Under its lock: no other run is at this point with the same file.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same(_file: &File, path: &Path) -> bool {
    path.exists()
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_lock_of_a_killed_run_does_not_hold() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let lock = dir.path().join("config.lock");
        fs::write(&lock, Lock::MARK).unwrap();
        drop(Lock::take(&path).unwrap());
        assert!(!lock.exists());
        // kubectl's own, which is empty, does.
        fs::write(&lock, "").unwrap();
        assert!(Lock::try_take(&lock).unwrap().is_none());
        assert!(lock.exists());
    }

    #[test]
    fn a_lock_that_the_kernel_knows_nothing_of_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("config.lock");
        fs::write(&lock, Lock::MARK).unwrap();
        let unsupported = || TryLockError::Error(io::ErrorKind::Unsupported.into());
        remove_stale(&lock, |_| Err(unsupported())).unwrap();
        assert!(lock.exists());
        remove_stale(&lock, File::try_lock).unwrap();
        assert!(!lock.exists());
    }
}
