//! The configuration of a host by the user and the system, in `config.toml`.
//!
//! A file is read when a command first requires it, and once in a run.

mod contents;
mod edit;
mod toml_text;

pub use contents::{Config, Requirement, user_path};
pub use edit::{EditError, disable, enable};
pub use toml_text::{ConfigError, parse, read};
