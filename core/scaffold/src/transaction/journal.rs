//! The changes that a commit is about to make, on disk: enough to finish or to undo it.

use super::error::{TransactionError, disk_error};
use crate::path::{self, HOST_FOLDER};
use crate::project::PROJECT;
use pintle_host::fnv::fnv;
use pintle_host::fs::{self, Dir, Kind, Mode, NO_LIMIT};
use serde::{Deserialize, Serialize};
use std::io;

/// The host's directory of a run; empty between runs.
pub(super) const RUN: &str = ".pintle/run";
/// The journal of a commit that is decided: a process that finds it finishes the commit.
pub(super) const JOURNAL: &str = ".pintle/run/journal";
/// The journal of a commit that has failed: a process that finds it undoes the commit.
pub(super) const UNDO: &str = ".pintle/run/undo";
/// The journal while it is being written.
const DRAFT: &str = ".pintle/run/draft";
/// The format of the journal that this host writes and reads.
const FORMAT: u32 = 1;
/// A host does not write a journal that is larger than this: it has about 200 bytes for each file.
const MAX_BYTES: u64 = 1 << 30;

/// The lock file.
pub(super) const LOCK: &str = ".pintle/run/lock";

/// The changes that a commit is about to make.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    format: u32,
    /// PROJECT is the last one.
    pub(super) entries: Vec<Entry>,
    /// Directories that did not exist before, the outermost first.
    pub(super) made: Vec<String>,
    /// Directories that are replaced by a file, with their modes, the innermost first.
    pub(super) cleared: Vec<(String, u32)>,
}

/// What happens to one path.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) path: String,
    /// The file before; `None` if there was none.
    pub(super) old: Option<Stamp>,
    /// The file after; `None` if there is none.
    pub(super) new: Option<Stamp>,
}

/// What identifies a file: its content and its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    hash: u64,
    len: u64,
    mode: u32,
}

impl Stamp {
    pub(super) fn new(bytes: &[u8], mode: u32) -> Self {
        Self { hash: fnv(bytes), len: bytes.len() as u64, mode }
    }
}

/// Returns the stamp of the regular file at `path`; `None` for everything else.
pub(super) fn stamp(disk: &Dir, path: &str) -> fs::Result<Option<Stamp>> {
    match disk.find(path)? {
        Some(it) if it.kind == Kind::File => {
            let contents = disk.read_regular(path, NO_LIMIT)?;
            Ok(Some(Stamp::new(&contents.bytes, contents.mode())))
        }
        _ => Ok(None),
    }
}

/// Returns the path of the new file of an entry, until it is in place.
pub(super) fn staged(idx: usize) -> String {
    format!("{RUN}/{idx}.new")
}

/// Returns the path of the old file of an entry, as long as the commit may be undone.
pub(super) fn kept(idx: usize) -> String {
    format!("{RUN}/{idx}.old")
}

impl Journal {
    pub(super) fn new(entries: Vec<Entry>, made: Vec<String>, cleared: Vec<(String, u32)>) -> Self {
        Self { format: FORMAT, entries, made, cleared }
    }

    /// Writes the journal. Once it has its name, the commit is decided.
    pub(super) fn save(&self, disk: &Dir) -> Result<(), TransactionError> {
        let bytes = serde_json::to_vec(self).map_err(io::Error::from);
        let bytes = bytes.map_err(disk_error("write", JOURNAL))?;
        disk.create(DRAFT, &bytes, Mode::New(pintle_plugin::MODE_FILE))
            .and_then(|_| disk.sync(RUN))
            .and_then(|()| disk.rename(DRAFT, JOURNAL))
            .map_err(disk_error("write", JOURNAL))
    }

    /// Reads the journal at `path`, and checks that it names only files of a project.
    pub(super) fn load(disk: &Dir, path: &str) -> Result<Self, TransactionError> {
        let fail = |source| TransactionError::Journal { path: path.to_owned(), source };
        let bytes = disk.read_regular(path, MAX_BYTES).map_err(disk_error("read", path))?.bytes;
        let journal: Self =
            serde_json::from_slice(&bytes).map_err(|err| fail(io::Error::from(err)))?;
        if journal.format != FORMAT {
            let text =
                format!("it has format {}, which is not a format of this host", journal.format);
            return Err(fail(io::Error::other(text)));
        }
        let files = journal.entries.iter().map(|it| &it.path).filter(|it| !is_own(it));
        let folders = journal.made.iter().chain(journal.cleared.iter().map(|(it, _)| it));
        for it in files.chain(folders) {
            path::check(it)
                .map_err(|err| fail(io::Error::other(format!("invalid path `{it}`: {err}"))))?;
        }
        Ok(journal)
    }
}

/// Whether the file is one that only the host writes.
pub(super) fn is_own(path: &str) -> bool {
    let state = path.strip_prefix(HOST_FOLDER).and_then(|it| it.strip_prefix('/'));
    path == PROJECT
        || state.is_some_and(|it| {
            !matches!(it, "" | "." | ".." | "run") && !it.contains(['/', '\\', '\0'])
        })
}

/// Whether there is a journal in the directory of the run.
pub(super) fn is_interrupted(disk: &Dir) -> fs::Result<bool> {
    Ok(disk.exists(JOURNAL)? || disk.exists(UNDO)?)
}
