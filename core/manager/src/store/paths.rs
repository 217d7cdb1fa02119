//! The names of the store's own files, and their limits.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lock file of the user.
pub(crate) const LOCK_FILE: &str = "plugins.lock";
/// The directory of the store's own files.
pub(super) const OWN: &str = ".store";
/// The lock on the store, among its own files.
pub(super) const LOCK: &str = "lock";
/// What the names of files in the making, and on their way out, begin with.
pub(super) const NEW: &str = ".new-";
/// What the names of plugins that are being removed begin with.
pub(super) const GONE: &str = ".gone-";
/// The way from the view of a project to the store.
pub(super) const UP: &str = "../../..";
/// The largest receipt or state that is read.
pub(super) const MAX_RECORD: u64 = 4 * 1024 * 1024;
/// How long another process may use the store.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);
/// How often in a row a plugin may change while it is read.
pub(super) const MAX_LOOKS: usize = 64;

/// Returns the path of one of the store's own files.
pub(super) fn own(name: &str) -> PathBuf {
    Path::new(OWN).join(name)
}
