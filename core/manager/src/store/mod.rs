//! The store: plugins as they were fetched, with a directory for each version.
//!
//! It is the user's plugin directory. `<owner>/<repo>/<version>/` contains the files of a version
//! and its [`Receipt`]. A symbolic link next to the owners makes a version visible to the host.
//! Everything that is being created or removed is in `.store/`.
//!
//! Invariants:
//! - Only a plugin's link determines which version is in use, if any. The link is replaced in
//!   one step, so every process sees either the old version or the new one.
//! - A version's directory gets its name when its complete content is on disk. From then on,
//!   only its receipt can change, in one step.
//! - Only the holder of the store's lock changes anything. If a process is killed, the next
//!   holder completes or undoes what it has begun.
//! - A directory belongs to the store if it contains the file with its place, and only such
//!   directories are changed. The user may keep any other files next to them.

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
