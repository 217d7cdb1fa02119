//! The names of the store's own files, and their limits.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The user's lock file.
pub(crate) const LOCK_FILE: &str = "plugins.lock";
/// The directory of the store's own files.
pub(super) const OWN: &str = ".store";
/// The lock on the store, among its own files.
pub(super) const LOCK: &str = "lock";
/// The prefix of files that are being created or removed.
pub(super) const NEW: &str = ".new-";
/// The prefix of plugins that are being removed.
pub(super) const GONE: &str = ".gone-";
/// The relative path from the view of a project to the store.
pub(super) const UP: &str = "../../..";
/// The largest receipt or state that is read.
pub(super) const MAX_RECORD: u64 = 4 * 1024 * 1024;
/// How long to wait while another process uses the store.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);
/// How often in a row a plugin may change while it is read.
pub(super) const MAX_LOOKS: usize = 64;

/// Returns the path of one of the store's own files.
pub(super) fn own(name: &str) -> PathBuf {
    Path::new(OWN).join(name)
}
