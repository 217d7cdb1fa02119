//! The store: plugins as they were fetched, each version in a directory of its own.
//!
//! It is the user's plugin directory. `<owner>/<repo>/<version>/` has the files of a version and
//! its [`Receipt`]; a symbolic link beside the owners makes a version visible to the host. All
//! that is being made, or removed, is in `.store/`.
//!
//! Invariants:
//! - Which version of a plugin is in use, and whether one is, depends on its link alone. The link
//!   is replaced in one step, so that every process sees the old version or the new one.
//! - A version's directory gets its name when everything in it is on the disk. From then on, only
//!   its receipt can change, in one step.
//! - Only the holder of the store's lock changes anything. What a process has begun that was
//!   killed, the next holder finishes or undoes.
//! - A directory is the store's if it has the file of its place, and only such directories are
//!   changed. The user may keep anything else beside them.

mod base;
mod change;
mod edit;
pub(crate) mod error;
mod link;
mod names;
mod paths;
pub(crate) mod place;
pub(crate) mod receipt;
mod stage;
mod state;
pub(crate) mod stored;
#[cfg(test)]
mod tests;
mod tree;
mod view;

pub use base::{LockedStore, Store};
pub use error::StoreError;
pub(crate) use link::LinkFault;
pub use place::Place;
pub use receipt::{FileRecord, Receipt, ReceiptError, Target};
pub use stage::Staged;
pub use state::State;
pub use stored::Stored;
pub(crate) use tree::create_own_dirs;
