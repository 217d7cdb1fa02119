//! Files that are fetched over a network, possibly in several attempts.

use super::release::{OriginError, Remote};
use crate::archive::MAX_LEN;
use crate::digest::Digest;
use crate::source::FetchError;
use crate::source::http::Content;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a partial file is kept for a later command.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Removes partial files that no command has resumed for long, and the remains of killed commands.
pub(crate) fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|it| it.modified()).ok();
        if modified.and_then(|it| it.elapsed().ok()).is_some_and(|it| it > MAX_AGE) {
            // It only uses disk space, and the next command tries again.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Returns where a partial file is stored.
pub(super) fn partial_file(folder: &Path, file: &Remote) -> PathBuf {
    let digest = Digest::of(file.url.as_bytes()).hex();
    folder.join(format!("{}.part", &digest[..24]))
}

/// Reads a fetched file. A complete file is not kept.
pub(super) fn bytes_of(content: Content) -> Result<Vec<u8>, OriginError> {
    match content {
        Content::Memory(bytes) => Ok(bytes),
        Content::File(path) => {
            let bytes = pintle_host::fs::read_regular(&path, MAX_LEN)?.bytes;
            // It is only a copy.
            let _ = std::fs::remove_file(&path);
            Ok(bytes)
        }
    }
}

impl From<FetchError> for OriginError {
    fn from(err: FetchError) -> Self {
        let is_interrupted = matches!(err, FetchError::Interrupted { .. });
        Self { hint: err.hint(), is_interrupted, source: Box::new(err) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::time::SystemTime;

    #[test]
    fn only_what_is_old_is_removed() {
        let dir = tempfile::tempdir().expect("there is a temporary directory");
        for (name, age) in [("new.part", 0), ("old.part", 8), (".old.part.origin.1.tmp", 8)] {
            let file = File::create(dir.path().join(name)).expect("the directory is ours");
            let age = Duration::from_secs(age * 24 * 60 * 60);
            file.set_modified(SystemTime::now() - age).expect("the file is ours");
        }
        sweep(dir.path());
        let left = fs::read_dir(dir.path()).expect("it is there").flatten();
        let left: Vec<_> = left.map(|it| it.file_name()).collect();
        assert_eq!(left, ["new.part"]);
    }
}
