//! The Pintle host as a library.
//!
//! [`Cli`] builds a host of your own: another name, plugins that are part of the
//! program, commands of its own. [`clap`] is the one whose types it takes.
#![deny(unsafe_code)]

pub mod catalog;
pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "cluster")]
pub mod engine;
pub mod fs;
mod identity;
pub mod lifecycle;
pub mod project;
pub mod scaffold;
pub mod services;
pub mod transport;

pub use catalog::{Catalog, Manifest, PluginKey, PluginName, PluginVersion};
pub use clap;
pub use cli::Cli;
pub use identity::{Identity, LIBRARY_VERSION};
pub use pintle_plugin::ChangeSet;
pub use project::{Gvk, ProjectFile, ProjectVersion, Resource};
pub use scaffold::{Transaction, Universe};
