//! Writes a set of changes to the disk: all of them, or none.
//!
//! Everything new is first written to `.pintle/run` in the project, then the journal, whose rename
//! is the decision; then each file moves to its place, PROJECT last, and replaced and deleted files
//! move to the directory of the run. An error on the way moves everything back. If the process is
//! killed, the journal remains, and the next command follows it.
//!
//! Invariant: at every instant, the disk contains enough to reach the state before or the state
//! after, and shows which of them.

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
