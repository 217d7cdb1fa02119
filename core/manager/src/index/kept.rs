//! The cached copy of an index that was fetched: one file, so that its parts always belong
//! together.
//!
//! The first line is JSON, with information about the bytes; the rest is the index as received.

use crate::digest::Digest;
use pintle_host::fs::{self, Mode};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use url::Url;

/// The largest length of the first line.
pub(super) const MAX_HEAD: u64 = 128 * 1024;

/// An index that was fetched.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) head: Head,
    pub(super) bytes: Vec<u8>,
}

/// The information about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    /// When it was current, in seconds since 1970.
    pub(super) at: u64,
    pub(super) etag: Option<String>,
    /// The text of its signature, if that was fetched.
    pub(super) signature: Option<String>,
}

impl Kept {
    /// Reads the cached copy for a URL, of at most `limit` bytes.
    pub(super) fn read(dir: &Path, url: &Url, limit: u64) -> Option<Self> {
        let mut bytes =
            fs::read_regular(&path(dir, url), limit.saturating_add(MAX_HEAD)).ok()?.bytes;
        let end = bytes.iter().position(|it| *it == b'\n')?;
        let head = serde_json::from_slice(&bytes[..end]).ok()?;
        drop(bytes.drain(..=end));
        Some(Self { head, bytes })
    }

    /// Writes the copy. If this fails, it only costs another request, and the command continues.
    pub(super) fn write(&self, dir: &Path, url: &Url) {
        let Ok(mut text) = serde_json::to_vec(&self.head) else { return };
        text.push(b'\n');
        text.extend_from_slice(&self.bytes);
        if std::fs::create_dir_all(dir).is_ok() {
            // The URL may contain a secret, and the response is only for this user.
            let _ = fs::replace(&path(dir, url), &text, Mode::Exact(0o600));
        }
    }

    /// A file from the future is ignored: the clock has changed.
    pub(super) fn is_younger_than(&self, age: Duration) -> bool {
        now().checked_sub(self.head.at).is_some_and(|it| it < age.as_secs())
    }
}

/// Returns the seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

fn path(dir: &Path, url: &Url) -> PathBuf {
    dir.join(Digest::of(url.as_str().as_bytes()).hex())
}
