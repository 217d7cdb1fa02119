//! The answers of programs to `metadata`, so that each file is asked only once.
//!
//! The answers are in the user's cache directory, with the stamp of the file that they came from;
//! they may be deleted at any time.

use super::protocol::Response;
use pintle_host::fs::{self, Mode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file in the user's cache directory.
const FILE: &str = "external-plugins.json";

/// This host does not write a cache that is larger than this.
const MAX_BYTES: u64 = 16 << 20;

/// Where answers are stored.
#[derive(Debug)]
pub(super) struct Cache {
    /// `None` if the user has no cache directory.
    file: Option<PathBuf>,
}

/// What a plugin reports about one subcommand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) description: String,
    pub(super) examples: String,
}

/// What is known about one program.
#[derive(Default, Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    /// By the argument that names the subcommand.
    answers: BTreeMap<String, Metadata>,
}

/// Device, inode, size, and the times of the last change of content and of status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

type All = BTreeMap<String, Known>;

impl From<Response> for Metadata {
    fn from(response: Response) -> Self {
        Self { description: response.description, examples: response.examples }
    }
}

impl Cache {
    /// Returns the cache in a directory, which need not exist.
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self { file: dir.map(|it| it.join(FILE)) }
    }

    /// Returns the program's earlier answer, or its answer now.
    pub(super) fn get_or_ask<E>(
        &self,
        program: &Path,
        marker: &str,
        ask: impl FnOnce() -> Result<Metadata, E>,
    ) -> Result<Metadata, E> {
        // Taken before the program runs: it may change its own file.
        let stamp = Stamp::of(program);
        let key = program.display().to_string();
        let known = || {
            let known = self.load().remove(&key)?;
            let mut answers = if Some(known.stamp) == stamp { known.answers } else { return None };
            answers.remove(marker)
        };
        if let Some(metadata) = known() {
            return Ok(metadata);
        }
        let metadata = ask()?;
        if let Some(stamp) = stamp.filter(Stamp::is_settled) {
            self.put(key, stamp, marker, metadata.clone());
        }
        Ok(metadata)
    }

    fn load(&self) -> All {
        let read = || {
            let contents = fs::read_regular(self.file.as_deref()?, MAX_BYTES).ok();
            let contents = contents.filter(fs::Contents::is_private)?;
            serde_json::from_slice(&contents.bytes).ok()
        };
        read().unwrap_or_default()
    }

    /// Stores an answer. A failure is not an error: the program is asked again next time.
    fn put(&self, program: String, stamp: Stamp, marker: &str, metadata: Metadata) {
        let Some(file) = &self.file else { return };
        let mut all = self.load();
        all.retain(|path, _| Path::new(path).exists());
        let known = all.entry(program).or_default();
        if known.stamp != stamp {
            *known = Known { stamp, ..Known::default() };
        }
        known.answers.insert(marker.to_owned(), metadata);
        let bytes = serde_json::to_vec(&all).unwrap_or_default();
        if let Some(dir) = file.parent() {
            let _ = std::fs::create_dir_all(dir);
        }
        let _ = fs::replace(file, &bytes, Mode::Keep(0o600));
    }
}

impl Stamp {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let it = path.metadata().ok()?;
        Some(Self {
            device: it.dev(),
            inode: it.ino(),
            size: it.size(),
            modified: (it.mtime(), it.mtime_nsec()),
            changed: (it.ctime(), it.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Self> {
        None
    }

    /// Whether the next change of the file is certain to change the stamp: the clock of a file
    /// system advances in milliseconds, or in seconds if it has nothing finer.
    fn is_settled(&self) -> bool {
        let is_fine = self.changed.1 != 0 || self.modified.1 != 0;
        let step = if is_fine { 100 } else { 2000 };
        let last = self.changed.max(self.modified);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = i128::try_from(now.unwrap_or_default().as_millis()).unwrap_or_default();
        now - (i128::from(last.0) * 1000 + i128::from(last.1) / 1_000_000) > step
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_file_is_asked_once_and_again_after_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, "one").unwrap();
        let cache = Cache::new(Some(folder.path().join("cache/deep")));
        let n_asked = Cell::new(0);
        let get = |marker: &str| {
            let ask = || {
                n_asked.set(n_asked.get() + 1);
                Ok::<_, ()>(Metadata { description: marker.to_owned(), ..Metadata::default() })
            };
            cache.get_or_ask(&program, marker, ask).unwrap().description
        };
        // A stamp counts once the clock has advanced.
        let is_settled = || Stamp::of(&program).unwrap().is_settled();
        while !is_settled() {
            std::thread::yield_now();
        }
        assert_eq!([get("--init"), get("--init"), get("--api")], ["--init", "--init", "--api"]);
        assert_eq!(n_asked.get(), 2);
        std::fs::write(&program, "other").unwrap();
        assert_eq!(get("--init"), "--init");
        assert_eq!(n_asked.get(), 3);
    }
}
