//! Scaffolding: a chain of plugins creates the files of a project.
//!
//! A file passes from the plugin through its change set, the [`Universe`] and the [`Transaction`]
//! to the disk. Each step covers the whole chain before the next one begins. The [`Record`]
//! contains what was done, so that it can be repeated: without a command ([`Rework::undo`]), or
//! with newer plugins ([`Rework::upgrade`]).
//!
//! Invariant: nothing touches the project before the last step of the last plugin; programs that
//! plugins run work in a copy.

#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod chain;
mod commands;
mod conflict;
mod dump;
mod error;
mod kubebuilder;
mod line_merge;
mod manifests;
mod merge;
mod operations;
mod path;
pub mod project;
mod record;
#[cfg(test)]
mod test_plugin;
#[cfg(test)]
mod tests;
mod transaction;
mod universe;

pub use chain::flags::{Flag, FlagError, Flags};
pub use chain::members::Chain;
pub use chain::tools::ToolError;
pub use commands::GROUP;
pub use dump::{Detail, Dump};
pub use error::{ScaffoldError, StepError, StepName};
pub use merge::ConflictReason;
pub use operations::file_merge::MergeConflict;
pub use operations::prepared::{Dropped, Failure, Prepared, Report};
pub use operations::rework::{Part, Rework};
pub use operations::scaffold::{Job, prepare, run};
pub use path::PathError;
pub use record::file::{Answer, Origin, Record, RecordError, RecordedCommand, RecordedFile};
pub use record::memo::Memo;
pub use record::replay::Plugins;
pub use transaction::{Committed, Lock, Recovery, Transaction, TransactionError, recover};
pub use universe::{Change, Universe, UniverseError};
