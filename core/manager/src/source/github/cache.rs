//! Caches answers of the API on disk, because anonymous users have only 60 requests per hour.
//!
//! Anonymous and authorized answers are stored separately. A failure here costs one more request,
//! but never stops the command.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use pintle_host::fs::{self, Mode};
use reqwest::header::{ETAG, LINK};
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::http::{Answer, MAX_JSON};
use crate::digest::{hex, sha256};

/// The cached answers of the API.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) dir: PathBuf,
    pub(super) max_age: Duration,
}

/// A cached answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// When it was current, in seconds since 1970.
    pub(super) at: u64,
    pub(super) etag: Option<String>,
    pub(super) has_next: bool,
    pub(super) body: String,
}

impl Kept {
    pub(super) fn of(answer: Answer) -> Self {
        let text = |name| answer.headers.get(name).and_then(|it| it.to_str().ok());
        Self {
            at: now(),
            etag: text(ETAG).map(str::to_owned),
            has_next: text(LINK).is_some_and(|it| it.contains("rel=\"next\"")),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        }
    }

    /// An answer from the future is ignored: the clock has changed.
    pub(super) fn is_younger_than(&self, age: Duration) -> bool {
        now().checked_sub(self.at).is_some_and(|it| it < age.as_secs())
    }
}

/// A failure costs one more request, and nothing else.
impl Cache {
    pub(super) fn read(&self, url: &Url, is_authorized: bool) -> Option<Kept> {
        let path = self.path(url, is_authorized);
        let contents = fs::read_regular(&path, 2 * MAX_JSON).ok()?;
        serde_json::from_slice(&contents.bytes).ok()
    }

    pub(super) fn write(&self, url: &Url, is_authorized: bool, kept: &Kept) {
        let Ok(json) = serde_json::to_vec(kept) else { return };
        if std::fs::create_dir_all(&self.dir).is_ok() {
            // Answers about private repositories are only for this user.
            let _ = fs::replace(&self.path(url, is_authorized), &json, Mode::Exact(0o600));
        }
    }

    fn path(&self, url: &Url, is_authorized: bool) -> PathBuf {
        let kind = if is_authorized { "authorized" } else { "anonymous" };
        let name = hex(&sha256(format!("{kind} {url}").as_bytes()));
        self.dir.join(format!("{name}.json"))
    }
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs())
}
