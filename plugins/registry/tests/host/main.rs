//! The plugin as a host calls it.

mod clusters;
mod commands;
mod faults;
mod support;
