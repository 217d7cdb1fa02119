//! The content that has been read from an archive. The entries of all formats are added here.

use super::capped::Limits;
use super::error::{Fault, Reason};
use super::paths::{self, Tree};
use std::cmp::Ordering;
use std::fmt;
use std::io::Read;

/// A file of an archive.
#[derive(Clone, PartialEq, Eq)]
pub struct UnpackedFile {
    /// The path in the archive: relative, with `/` between its components, valid on all systems.
    pub path: String,
    /// Whether anyone can execute it. No other part of its mode is kept.
    pub is_executable: bool,
    /// The content.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for UnpackedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.is_executable { "executable" } else { "plain" };
        write!(f, "{} ({mode}, {} B)", self.path, self.bytes.len())
    }
}

/// The entries so far.
pub(super) struct Contents {
    limits: Limits,
    n_entries: usize,
    tree: Tree,
    files: Vec<UnpackedFile>,
}

impl Contents {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, n_entries: 0, tree: Tree::default(), files: Vec::new() }
    }

    /// Counts an entry, before any of it is examined.
    pub(super) fn count(&mut self) -> Result<(), Reason> {
        self.n_entries += 1;
        let limit = self.limits.n_entries;
        if self.n_entries > limit { Err(Reason::Entries { limit }) } else { Ok(()) }
    }

    /// Adds a directory that has been counted.
    pub(super) fn add_directory(&mut self, path: &[u8], size: u64) -> Result<(), Fault> {
        let mut add = || {
            if size != 0 {
                return Err(Reason::DirectoryContent);
            }
            let path = path.strip_suffix(b"/").unwrap_or(path);
            match path {
                // The directory that was packed.
                b"." => Ok(()),
                _ => self.tree.claim(&paths::normalise(path)?, true),
            }
        };
        add().map_err(|it| it.at(path))
    }

    /// Adds a file that has been counted. `size` is the size in its header, and `most` the largest
    /// size that the source can provide.
    pub(super) fn add_file(
        &mut self,
        path: &[u8],
        is_executable: bool,
        size: u64,
        most: u64,
        reader: impl Read,
    ) -> Result<(), Fault> {
        let limit = self.limits.file;
        let add = || {
            let normalised = paths::normalise(path)?;
            self.tree.claim(&normalised, false)?;
            let bytes = read_whole(reader, size, limit, most)?;
            self.files.push(UnpackedFile { path: normalised, is_executable, bytes });
            Ok(())
        };
        add().map_err(|it: Reason| it.at(path))
    }

    pub(super) fn into_files(self) -> Vec<UnpackedFile> {
        self.files
    }
}

/// Reads a file of a size that the reader may not provide.
fn read_whole(reader: impl Read, size: u64, limit: u64, most: u64) -> Result<Vec<u8>, Reason> {
    if size > limit {
        return Err(Reason::FileSize { limit });
    }
    // As much as is required, and no more than the source can provide, so the bytes are not moved
    // while they arrive.
    let capacity = usize::try_from(size.min(most)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(capacity);
    reader.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(Reason::of)?;
    match (bytes.len() as u64).cmp(&size) {
        Ordering::Less => Err(Reason::Truncated),
        Ordering::Equal => Ok(bytes),
        Ordering::Greater => Err(Reason::damaged("the file is larger than its header says")),
    }
}
