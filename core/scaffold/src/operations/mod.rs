//! Scaffolding operations on a project: a subcommand runs, is undone, or is rerun with newer
//! plugins.

pub(crate) mod file_merge;
pub(crate) mod prepared;
pub(crate) mod repair;
pub(crate) mod rework;
pub(crate) mod scaffold;
mod tidy;
