//! A library's file while it is read: most of what is asked for is in its first page.

use super::super::file::read_at;
use super::error::{LibraryError, damaged};
use object::read::ReadRef;
use std::borrow::Cow;
use std::fs::File;

/// How much of a file is read at once. Linkers put the program headers and the
/// notes first, so that one page holds both, and one read is enough.
pub(in super::super) const FIRST_PAGE: usize = 4 * 1024;

/// The largest note segment or manifest section that is read, against damaged sizes.
pub(super) const MAX_MANIFESTS: u64 = 1024 * 1024;

/// A file, with its first bytes at hand.
pub(super) struct Source<'a> {
    pub(super) file: &'a File,
    pub(super) head: &'a [u8],
    pub(super) len: u64,
}

impl<'a> Source<'a> {
    /// Returns a part of the file.
    pub(super) fn bytes(&self, offset: u64, size: u64) -> Result<Cow<'a, [u8]>, LibraryError> {
        if let Ok(bytes) = self.head.read_bytes_at(offset, size) {
            return Ok(Cow::Borrowed(bytes));
        }
        let needed = offset.saturating_add(size);
        if needed > self.len {
            return Err(LibraryError::Truncated { needed, len: self.len });
        }
        if size > MAX_MANIFESTS {
            return Err(damaged(format!("a table has {size} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(size).expect("1 MiB fits into memory")];
        match read_at(self.file, &mut bytes, offset)? {
            n_read if n_read == bytes.len() => Ok(Cow::Owned(bytes)),
            n_read => Err(LibraryError::Truncated { needed, len: offset + n_read as u64 }),
        }
    }
}
