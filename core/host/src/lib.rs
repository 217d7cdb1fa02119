//! A native plugin host for any program.
//!
//! [`Cli`] builds a host: its names, the plugins that are part of the program, and
//! [groups](cli::Group) of commands, events and services. The library itself contains only what
//! every host requires: it finds plugins, checks them, calls them, and dispatches commands and
//! hooks. [`clap`] is the version whose types are used in the interface.
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod callables;
pub mod caller;
pub mod catalog;
pub mod causes;
pub mod cli;
pub mod config;
pub mod fnv;
pub mod fs;
mod identity;
pub mod lifecycle;
mod plain;
pub mod process;
pub mod services;
pub mod signals;
pub mod transport;

pub use catalog::{Catalog, Manifest, PluginKey, PluginName, PluginVersion, ProjectVersion};
pub use clap;
pub use cli::Cli;
pub use identity::{Identity, LIBRARY_VERSION, Purpose};
pub use pintle_plugin as plugin;
