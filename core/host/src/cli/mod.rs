//! The command line: the only module that prints, reads arguments and selects exit codes.
//!
//! A command is one [`Row`] of a [`Group`]; the host's own commands are a group like any other. A
//! line is processed as follows: its words are resolved to a row or to a plugin's command, the rest
//! is parsed once, and the command runs.

pub mod args;
mod builder;
mod callable;
mod completion;
mod dispatch;
mod error;
mod events;
mod exit;
mod explain;
pub mod global;
mod group;
mod help;
mod hint;
mod hooked;
mod interface_info;
mod interfaces;
mod line;
mod manual;
pub mod output;
mod overview;
mod own;
mod parse;
pub mod plugin;
mod plugin_command;
mod provenance;
mod raised;
mod required;
mod rows;
mod session;
mod settings;
mod table;
mod tree;
mod version;

pub use crate::lifecycle::Hooks;
pub use builder::{BuildError, Cli, Host};
pub use completion::values::{Values, completed_by, plugin_keys};
pub use error::CliError;
pub use exit::{Exit, Step};
pub use group::{
    Bound, FindDirectory, FindPlugins, FindProvenance, Group, MadeBy, MakeService, Need, Noun, Row,
    Run, Suggest, SuggestOption, Vet,
};
pub use hint::Hint;
pub use interface_info::InterfaceInfo;
pub use plugin::{Checked, FileKind};
pub use plugin_command::warn_deprecated;
pub use provenance::Provenance;
pub use raised::check_trusted;
pub use session::Session;
pub use settings::Settings;
pub use table::Context;
