//! How a plugin is called: from a file that was checked ([`load`]), or as part of the program
//! ([`link`]).
//!
//! Invariants: a [`LoadedPlugin`] has passed every check, and there is no other way
//! to call a plugin. Libraries are never unloaded.

mod called;
mod descriptors;
mod error;
mod layout;
mod linked;
mod loaded;
mod native;
pub mod program;

pub use error::{CallError, LoadError, NoInterface};
pub use linked::{adapt, link};
pub use loaded::LoadedPlugin;
pub use native::{load, load_listed};
