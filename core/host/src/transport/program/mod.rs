//! Plugins that are programs: run once for each call, in any language.
//!
//! `docs/protocol.md` describes how host and program communicate. The description of a program is
//! requested once and cached, so no program runs for help, listings and resolution.

mod answers;
mod called;
mod command;
mod discovery;
mod endpoint;
mod files;
mod hook;
mod info;
mod scaffolding;
mod strict;
mod surroundings;
mod variables;

pub use discovery::{examine, find, is_executable, is_script};
pub use surroundings::{EventVariables, HookedCommand, Surroundings};
