//! The results of earlier searches of plugin directories, so that the files need not be read again.
//!
//! Reading a plugin's manifest takes about four times as long as checking whether its file has
//! changed; and this check takes a hundred times as long for ten thousand files as a command in one
//! of them. The index therefore has a section for each directory, with a record for each library in
//! it, including refused ones; and tables that find the records for a command, an event or a plugin
//! without reading any others.
//!
//! The index is only a cache: it is in the user's cache directory, is rewritten if anything is new,
//! and may be deleted at any time. Before a plugin is loaded, its file is examined as if there were
//! no index.
//!
//! Invariants: a file counts as known if its device, inode, size, and times of modification and
//! status change are the same as before it was read, and are old enough for the clock to
//! distinguish the next change. A section is used in place of its directory if the same is true of
//! the directory, and if all files were checked in the last [`MAX_AGE`]: within that time, the new
//! contents of a file that was overwritten in place may be missed. An index of another build of the
//! host, or with other rules, is ignored; so is a truncated index.

mod base;
mod handle;
mod keys;
mod record;
mod section;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
mod verdict;
mod write;

pub(super) use base::{Index, MAX_AGE, MIN_FILES};
pub use keys::Wanted;
pub(super) use keys::{below, command, name};
pub(super) use record::{Known, Record};
pub(super) use section::{Records, Section};
pub(super) use verdict::LayoutVerdict;
pub(super) use write::{Looked, save};
