//! An index that is open.

use crate::catalog::file;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// An index that is open for reading.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
}

impl Handle {
    /// Overwrites a number. A failure is not an error, because the index is only a cache.
    pub(super) fn overwrite(&self, at: u64, number: &[u8]) {
        let Ok(own) = self.file.metadata() else { return };
        let opened = File::options().write(true).open(&self.path);
        // Another process may have put another index there.
        if let Ok(file) = opened
            && let Ok(found) = file.metadata()
            && file::is_same(&own, &found)
        {
            let _ = file::write_at(&file, number, at);
        }
    }
}
