//! What scaffolding does to a project: a subcommand runs, is undone, or is done again by
//! newer plugins.

pub(crate) mod file_merge;
pub(crate) mod prepared;
pub(crate) mod repair;
pub(crate) mod rework;
pub(crate) mod scaffold;
mod tidy;
