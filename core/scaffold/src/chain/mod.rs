//! The chain of plugins that takes part in one scaffolding command, and the steps that it
//! takes.

pub(crate) mod answers;
pub(crate) mod flags;
pub(crate) mod members;
pub(crate) mod services;
pub(crate) mod staging;
mod staging_folder;
pub(crate) mod steps;
pub(crate) mod tools;
