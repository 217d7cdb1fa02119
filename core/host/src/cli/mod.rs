//! The command line: the only module that prints, reads arguments and picks exit codes.
//!
//! A command is one [`Row`] of a [`Group`]; the host's own commands are a group like any
//! other. The way of a line: its words are resolved to a row or to a plugin's command, its
//! rest is parsed once, and the command runs.

pub mod args;
mod builder;
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
mod line;
pub mod output;
pub mod plugin;
mod session;
mod table;
mod tree;
mod version;

pub use crate::lifecycle::Hooks;
pub use builder::{BuildError, Cli, Context, Host};
pub use dispatch::{show_clap, warn_deprecated};
pub use error::CliError;
pub use exit::{Exit, Step};
pub use group::{Bound, Group, Need, Noun, Row, Run};
pub use hint::Hint;
pub use session::Session;

/// The commands that every host has.
static OWN: Group = Group {
    name: "host",
    nouns: &[Noun { word: "plugin", about: "List, inspect, check and run plugins" }],
    rows: &[
        help::ROW,
        version::ROW,
        completion::ROW,
        plugin::LIST,
        plugin::INSPECT,
        plugin::CHECK,
        plugin::RUN,
        plugin::ABI,
        events::ROW,
    ],
    ..Group::EMPTY
};
