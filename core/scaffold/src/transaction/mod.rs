//! Brings a set of changes to the disk: all of them, or none.
//!
//! The way: everything new is written to `.pintle/run` in the project, then the journal,
//! whose rename is the decision; then each file moves to its place, PROJECT last, and what
//! is replaced or deleted moves to the folder of the run. An error on the way moves
//! everything back. A kill leaves the journal behind, and the next command does what it
//! says.
//!
//! Invariant: at every instant, what is on disk is enough to reach the state before or the
//! state after, and says which.

mod apply;
mod changes;
mod commit;
mod error;
mod journal;
mod lock;
mod plan;
mod recovery;
mod save;
#[cfg(test)]
mod tests;

pub use changes::Transaction;
pub use commit::Committed;
pub use error::TransactionError;
pub use lock::{Lock, recover};
pub use recovery::Recovery;
