//! What was found in plugin directories before, so that they need not be read again.
//!
//! Reading a plugin's manifest takes some four times as long as asking the system whether its
//! file is the one of last time; and asking that of each of ten thousand files takes a hundred
//! times as long as a command that is in one of them. So the index has a section for each
//! directory, with a record for each library in it, refused ones too; and tables by which the
//! records of a command, of an event or of a plugin are found without looking at any others.
//!
//! The index is a cache and nothing more: it is in the user's cache directory, is written again
//! when there is something new, and may be deleted at any time. Before a plugin is loaded, its
//! file is examined as if there were no index.
//!
//! Invariants: a file counts as known if its device, inode, size, and times of modification and
//! status change are those that were seen before it was read, and lie far enough in the past for
//! the clock to tell the next change. A section answers for its directory if the same is true of
//! the directory itself, and if all files were looked at in the last [`MAX_AGE`]: within that
//! time, a file that was overwritten in place may go on without what is new in it. An index of
//! another build of the host, or of other rules, is ignored; so is one that is cut off.

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
