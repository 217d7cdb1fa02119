//! A cache of the programs' descriptions, so that each program is queried once.
//!
//! The file is in the user's cache directory, and may be deleted at any time. An answer is used as
//! long as the program's file is unchanged in device, inode, size and times, and as long as the
//! host has the same version.

use super::info::Refused;
use crate::fs;
use crate::identity::LIBRARY_VERSION;
use pintle_plugin::message::program::ProgramInfo;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A larger file was not written by this host.
const MAX_BYTES: u64 = 64 << 20;
/// The minimum age of a change, so that the file system's clock can distinguish it from the next
/// change.
const MIN_AGE: u64 = 2;

/// The answers of all programs that the user's hosts of this version have queried.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Answers {
    /// The version of the host.
    host: String,
    programs: BTreeMap<PathBuf, Kept>,
    #[serde(skip)]
    is_changed: bool,
}

/// The answer of a program.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    stamp: Stamp,
    answer: Answer,
}

/// The result of the query.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "refusals are few")]
pub(super) enum Answer {
    Info(ProgramInfo),
    Refused(Refused),
}

/// What distinguishes a file from all others and from its earlier states: device, inode, size, and
/// the seconds and nanoseconds of its modification and of its status change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp([u64; 7]);

impl Stamp {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let number = |it: i64| u64::try_from(it).ok();
        Some(Self([
            metadata.dev(),
            metadata.ino(),
            metadata.size(),
            number(metadata.mtime())?,
            number(metadata.mtime_nsec())?,
            number(metadata.ctime())?,
            number(metadata.ctime_nsec())?,
        ]))
    }

    /// Returns nothing: this platform has no stamps, and programs are queried each time.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// Whether a later change of the file is certain to change the stamp.
    pub(super) fn is_settled(self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.as_secs() > self.0[3].max(self.0[5]) + MIN_AGE
    }
}

impl Answers {
    /// Reads the answers; those of another version of the host are ignored, and so is a file that
    /// others wrote or could write.
    pub(super) fn load(path: Option<&Path>) -> Self {
        let read = |path| fs::read_regular(path, MAX_BYTES).ok().filter(fs::Contents::is_private);
        let found = path.and_then(read).and_then(|it| serde_json::from_slice(&it.bytes).ok());
        let found = found.filter(|it: &Self| it.host == LIBRARY_VERSION);
        found.unwrap_or_else(|| Self { host: LIBRARY_VERSION.to_owned(), ..Self::default() })
    }

    /// Returns what the program has answered.
    pub(super) fn find(&self, path: &Path, stamp: Stamp) -> Option<&Answer> {
        self.programs.get(path).filter(|it| it.stamp == stamp).map(|it| &it.answer)
    }

    /// Keeps an answer. The stamp was settled before the program was queried; otherwise, the file
    /// could have changed unnoticed.
    pub(super) fn keep(&mut self, path: &Path, stamp: Stamp, answer: Answer) {
        // The file is JSON, which cannot contain other names: such a program is queried each time.
        if path.to_str().is_none() {
            return;
        }
        self.programs.insert(path.to_owned(), Kept { stamp, answer });
        self.is_changed = true;
    }

    /// Writes the answers if there are new ones. A failure is not an error: the programs are then
    /// queried again.
    pub(super) fn save(mut self, path: Option<&Path>) {
        let Some(path) = path.filter(|_| self.is_changed) else { return };
        self.programs.retain(|path, _| path.exists());
        let Ok(json) = serde_json::to_vec(&self) else { return };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        if std::fs::create_dir_all(folder).is_ok() {
            let _ = fs::replace(path, &json, fs::Mode::Keep(0o600));
        }
    }
}
