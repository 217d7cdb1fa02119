//! The PROJECT file, its versions, and the resources it lists.
//!
//! Knows no other room.

mod edit;
mod file;
mod migrate;
mod name;
mod plural;
mod resource;

pub use file::{PROJECT, ProjectError, ProjectFile};
pub use name::{NameError, check_domain, check_project_name, default_project_name};
pub use resource::{Api, Gvk, Resource};
