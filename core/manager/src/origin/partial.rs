//! Files that come over a network, perhaps in several attempts.

use super::release::{OriginError, Remote};
use crate::archive::MAX_LEN;
use crate::digest::Digest;
use crate::source::FetchError;
use crate::source::http::Content;
use std::path::{Path, PathBuf};

/// Returns where a file is kept that has come only in part.
pub(super) fn partial_file(folder: &Path, file: &Remote) -> PathBuf {
    let digest = Digest::of(file.url.as_bytes()).hex();
    folder.join(format!("{}.part", &digest[..24]))
}

/// Reads what was fetched; a file that has come whole is not kept.
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
