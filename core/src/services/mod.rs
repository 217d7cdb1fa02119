//! What the host offers to plugins: output, log, progress, questions, containers.

mod capture;
mod console;
mod plugin;

pub use capture::Capture;
pub use console::{Console, Verbosity};
pub use plugin::{ContainerService, PluginServices, Services};
