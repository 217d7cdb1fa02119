//! What the host offers to plugins: output, log lines, progress, questions.

mod capture;
mod console;
mod plugin;

pub use capture::Capture;
pub use console::{Console, Verbosity};
pub use plugin::PluginServices;
