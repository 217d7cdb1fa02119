//! A reader that stops a decoder before it has produced too much data.

use super::error::Reason;
use std::cell::Cell;
use std::io::{self, Read};

/// The size to which every archive may unpack, however small it is: tar adds padding, and small
/// files compress well.
const FREE: u64 = 1 << 20;

/// The largest file of a plugin, and the largest size to which an archive may unpack.
pub(crate) const MAX_LEN: u64 = 512 << 20;

/// The limits of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest number of entries, including directories.
    pub n_entries: usize,
    /// The largest size of one file, in bytes.
    pub file: u64,
    /// The largest size of all content together, in bytes, including the headers of a tar archive.
    pub total: u64,
    /// How many times larger than the archive its content may be. The first MiB does not count.
    pub ratio: u64,
}

impl Default for Limits {
    /// Returns limits that are far above what a plugin needs.
    fn default() -> Self {
        Self { n_entries: 2_000, file: 256 << 20, total: MAX_LEN, ratio: 200 }
    }
}

/// The remaining budget for unpacking.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    unpacked: u64,
    total: u64,
    by_ratio: u64,
    ratio: u64,
}

impl Budget {
    pub(super) fn new(n_packed: usize, limits: &Limits) -> Self {
        let by_ratio = (n_packed as u64).saturating_mul(limits.ratio).max(FREE);
        Self { unpacked: 0, total: limits.total, by_ratio, ratio: limits.ratio }
    }

    /// Returns the largest number of bytes that the archive may produce.
    pub(super) fn most(&self) -> u64 {
        self.total.min(self.by_ratio)
    }

    fn spend(&mut self, n: usize) -> Result<(), Reason> {
        self.unpacked = self.unpacked.saturating_add(n as u64);
        if self.unpacked > self.total {
            return Err(Reason::Total { limit: self.total });
        }
        if self.unpacked > self.by_ratio {
            return Err(Reason::Ratio { limit: self.ratio });
        }
        Ok(())
    }
}

/// The output of a decoder, within the budget. Its errors contain a [`Reason`].
pub(super) struct Capped<'a, R> {
    inner: R,
    budget: Budget,
    is_at_end: &'a Cell<bool>,
}

impl<'a, R: Read> Capped<'a, R> {
    /// `is_at_end` is set only when the end has been read.
    pub(super) fn new(inner: R, budget: Budget, is_at_end: &'a Cell<bool>) -> Self {
        Self { inner, budget, is_at_end }
    }

    pub(super) fn is_at_end(&self) -> &'a Cell<bool> {
        self.is_at_end
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl<R: Read> Read for Capped<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf).map_err(|err| io::Error::other(Reason::of(err)))?;
        if n == 0 && !buf.is_empty() {
            self.is_at_end.set(true);
        }
        self.budget.spend(n).map_err(io::Error::other)?;
        Ok(n)
    }
}
