//! The command line: the one room that prints, reads arguments and picks exit codes.

mod args;
mod builder;
#[cfg(feature = "cluster")]
mod cluster;
mod completion;
mod dispatch;
mod error;
mod events;
mod exit;
mod global;
mod output;
mod plugin;
mod project;
mod scaffold;
mod session;
mod tree;
mod version;

pub use builder::{BuildError, Cli, Context, Host};

use error::CliError;
use exit::Exit;
use session::Session;
