//! What the user and the system have configured for a host, in `config.toml`.
//!
//! Nothing is read before a command needs it, and each file once in a run.

mod contents;
mod edit;
mod toml_text;

pub use contents::{Config, Requirement, user_path};
pub use edit::{EditError, disable, enable};
pub use toml_text::{ConfigError, parse, read};
