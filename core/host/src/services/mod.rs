//! What the host offers to plugins: output, log, progress, questions; and what groups add.

mod capture;
mod console;
mod plugin;
mod text;

pub use capture::Capture;
pub use console::{Console, Verbosity};
pub use plugin::{PluginServices, Service, Services};
pub use text::{Excerpt, escaped};
