//! A library's file while it is read: the bytes that are read are counted and limited.

use super::super::file::{FileError, read_at};
use super::super::limits::FIRST_PAGE;
use super::error::{LibraryError, damaged};
use object::read::{ReadCache, ReadCacheOps, ReadRef};
use std::cell::Cell;
use std::fs::File;
use std::ops::Range;
use std::rc::Rc;

/// A file, with its first bytes at hand.
pub(in super::super) struct Source<'f> {
    head: &'f [u8],
    len: u64,
    allowance: Rc<Allowance>,
    cache: ReadCache<Metered<'f>>,
}

/// How much of a file may be read.
struct Allowance {
    limit: u64,
    left: Cell<u64>,
    is_exceeded: Cell<bool>,
    /// The error of the system, which the readers of libraries do not report.
    fault: Cell<Option<FileError>>,
}

impl Allowance {
    /// Subtracts bytes from the remaining ones; an error if there are too few.
    fn take(&self, size: u64) -> Result<(), ()> {
        match self.left.get().checked_sub(size).filter(|_| !self.is_exceeded.get()) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.is_exceeded.set(true);
                Err(())
            }
        }
    }
}

impl<'f> Source<'f> {
    /// Reads the first page of a file of a known length into `head`; in all, at most `limit` bytes
    /// are read.
    pub(in super::super) fn open(
        file: &'f File,
        len: u64,
        head: &'f mut [u8; FIRST_PAGE],
        limit: u64,
    ) -> Result<Self, LibraryError> {
        let n_read = read_at(file, head, 0)?;
        let allowance = Rc::new(Allowance {
            limit,
            left: Cell::new(limit.saturating_sub(n_read as u64)),
            is_exceeded: Cell::default(),
            fault: Cell::default(),
        });
        let metered = Metered { file, at: 0, len, allowance: Rc::clone(&allowance) };
        Ok(Self { head: &head[..n_read], len, allowance, cache: ReadCache::new(metered) })
    }

    /// Returns the first bytes of the file.
    pub(in super::super) fn head(&self) -> &'f [u8] {
        self.head
    }

    /// Returns the whole file.
    pub(super) fn whole(&self) -> Part<'_, 'f> {
        Part { source: self, start: 0, len: self.len }
    }

    /// Returns the result of reading the file: a result is invalid if something could not be read,
    /// because something that was not found may exist.
    pub(super) fn judge<T>(&self, res: Result<T, LibraryError>) -> Result<T, LibraryError> {
        match self.allowance.fault.take() {
            Some(fault) => Err(fault.into()),
            None if self.allowance.is_exceeded.get() => {
                Err(LibraryError::TooMuch { limit: self.allowance.limit })
            }
            None => res,
        }
    }
}

/// A part of a file: the file itself, or one of the libraries in it.
#[derive(Clone, Copy)]
pub(super) struct Part<'s, 'f> {
    source: &'s Source<'f>,
    start: u64,
    len: u64,
}

impl<'s> Part<'s, '_> {
    /// Returns where the part ends, counted from its beginning.
    pub(super) fn end(&self) -> u64 {
        self.len
    }

    /// Returns a part of this one.
    pub(super) fn part(self, start: u64, len: u64) -> Result<Self, LibraryError> {
        let needed = start.saturating_add(len);
        match needed <= self.len {
            true => Ok(Self { start: self.start + start, len, ..self }),
            false => Err(LibraryError::Truncated { needed, len: self.len }),
        }
    }

    /// Returns what of the part is at hand.
    pub(super) fn first_page(self) -> Self {
        let at_hand = (self.source.head.len() as u64).saturating_sub(self.start);
        Self { len: self.len.min(at_hand), ..self }
    }

    /// Returns the bytes at an offset.
    pub(super) fn bytes(self, start: u64, len: u64) -> Result<&'s [u8], LibraryError> {
        let part = self.part(start, len)?;
        part.read_bytes_at(0, len).map_err(|()| damaged("part of it cannot be read"))
    }

    /// Returns where in the file something of this part is.
    fn place(&self, start: u64, len: u64) -> Result<u64, ()> {
        let fits = start.checked_add(len).is_some_and(|it| it <= self.len);
        if fits { self.start.checked_add(start).ok_or(()) } else { Err(()) }
    }
}

impl<'s> ReadRef<'s> for Part<'s, '_> {
    fn len(self) -> Result<u64, ()> {
        Ok(self.len)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'s [u8], ()> {
        let start = self.place(offset, size)?;
        let Source { head, allowance, cache, .. } = self.source;
        if let Ok(bytes) = head.read_bytes_at(start, size) {
            return Ok(bytes);
        }
        // The cache allocates memory before it reads.
        if size > allowance.limit {
            allowance.is_exceeded.set(true);
        }
        if allowance.is_exceeded.get() { Err(()) } else { cache.read_bytes_at(start, size) }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'s [u8], ()> {
        let start = self.place(range.start, range.end.checked_sub(range.start).ok_or(())?)?;
        let Source { head, allowance, cache, .. } = self.source;
        let end = start + (range.end - range.start);
        let in_head = start..end.min(head.len() as u64);
        if let Ok(bytes) = head.read_bytes_at_until(in_head, delimiter) {
            return Ok(bytes);
        }
        if allowance.is_exceeded.get() {
            Err(())
        } else {
            cache.read_bytes_at_until(start..end, delimiter)
        }
    }
}

/// The file, which is read as far as that is allowed.
struct Metered<'f> {
    file: &'f File,
    at: u64,
    len: u64,
    allowance: Rc<Allowance>,
}

impl ReadCacheOps for Metered<'_> {
    fn len(&mut self) -> Result<u64, ()> {
        Ok(self.len)
    }

    fn seek(&mut self, at: u64) -> Result<u64, ()> {
        self.at = at;
        Ok(at)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ()> {
        self.allowance.take(buffer.len() as u64)?;
        let n_read = read_at(self.file, buffer, self.at)
            .map_err(|err| self.allowance.fault.set(Some(err)))?;
        self.at += n_read as u64;
        Ok(n_read)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ()> {
        match self.read(buffer)? == buffer.len() {
            true => Ok(()),
            false => Err(()),
        }
    }
}
