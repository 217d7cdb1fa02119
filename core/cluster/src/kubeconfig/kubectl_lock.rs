//! The lock on a kubeconfig that kubectl respects: the file `<path>.lock`, which client-go creates
//! exclusively and removes afterwards.
//!
//! The host's own lock is such a file, too, with a record of its owner in it. Neither program
//! therefore works while the other one does. A lock left by a killed host can be distinguished from
//! kubectl's, which has no record and is never removed.

use super::error::KubeconfigError;
use pintle_host::fs::{self, Cause, Dir, Lock, Unowned};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// How long to wait for the lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes the lock on the kubeconfig `name` in a directory, waiting if necessary.
pub(super) fn take(folder: &Path, name: &OsString) -> Result<Lock, KubeconfigError> {
    let mut lock = name.clone();
    lock.push(".lock");
    let path = folder.join(name);
    let take = || {
        let dir = Dir::open(folder)?;
        let attempt = || Lock::attempt(&dir, &lock, Unowned::Held);
        Lock::wait(&folder.join(&lock), PATIENCE, &mut |_| {}, attempt)
    };
    take().map_err(|err: fs::Error| match err.cause {
        Cause::Held(holder) => KubeconfigError::Locked { path, holder },
        cause => KubeconfigError::Io { action: "lock", path, source: cause.into() },
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use pintle_host::fs::Attempt;

    #[test]
    fn only_a_lock_of_this_host_can_be_stale() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("config.lock");
        // A killed host leaves its record, but no process holds the kernel's lock.
        let taken = take(dir.path(), &"config".into()).unwrap();
        let record = std::fs::read(&lock).unwrap();
        drop(taken);
        assert!(!lock.exists());
        std::fs::write(&lock, record).unwrap();
        drop(take(dir.path(), &"config".into()).unwrap());
        assert!(!lock.exists());
        // kubectl's lock is empty.
        std::fs::write(&lock, "").unwrap();
        let opened = Dir::open(dir.path()).unwrap();
        let attempt = Lock::attempt(&opened, "config.lock", Unowned::Held).unwrap();
        assert!(matches!(attempt, Attempt::Held(_)));
        assert!(lock.exists());
    }
}
