//! The PROJECT file, its versions, and the resources it lists.
//!
//! It does not use any other module of the crate.

mod content;
mod edits;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod gvk;
pub(crate) mod keys;
mod migrate;
pub(crate) mod name;
mod nulls;
mod plural;
mod plurals;
pub(crate) mod resource;
mod rewrite;
mod shape;
#[cfg(test)]
mod tests;
pub(crate) mod union;
mod yaml;

pub use error::ProjectError;
pub use file::{PROJECT, ProjectFile};
pub use gvk::Gvk;
pub use name::{NameError, PluralError, check_domain, check_project_name, default_project_name};
pub use resource::{Api, Resource};
