//! The contract between a Pintle host and its plugins, and the kit for writing a plugin.
//!
//! A plugin is a library crate that uses [`export_plugin!`] once and implements [`Command`],
//! [`Scaffold`] or [`Hook`], or an [interface](mod@crate::interface) of its host. Built as a
//! `cdylib`, it can be opened by any host with the same major version of this crate. Built as an
//! `rlib`, it can be linked into a host of your own.
//!
//! ```
//! use pintle_plugin::{prelude::*, testing};
//!
//! pintle_plugin::export_plugin! {
//!     name: "hello.example.org",
//!     description: "Says hello",
//!     project_versions: ["3"],
//!     commands: [Hello],
//! }
//!
//! #[derive(Default)]
//! struct Hello;
//!
//! impl Command for Hello {
//!     const PATH: &'static [&'static str] = &["hello"];
//!     const ABOUT: &'static str = "Greet someone";
//!
//!     fn args(&self) -> Vec<Arg> {
//!         vec![Arg::positional("name").default_value("world")]
//!     }
//!
//!     fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
//!         host.println(format!("hello, {}", call.args.get::<String>("name")?));
//!         Ok(Outcome::done())
//!     }
//! }
//!
//! # fn main() -> Result<(), testing::Error> {
//! // In a test:
//! let run = testing::command(plugin(), &["hello"]).arg("name", "Ada").run()?;
//! assert_eq!(run.to_string(), "hello, Ada\n[exit 0]\n");
//! # Ok(())
//! # }
//! ```
//!
//! The modules [`manifest`], [`message`] and [`raw`] are the contract itself. Plugins rarely need
//! them.
//!
//! # Evolution
//!
//! This crate stays at 1.x. Messages grow by fields with defaults. The root module and the numbers
//! of entries and services grow at their end. What the other side lacks is absent, and the caller
//! manages without it. Everything else in [`raw`] is frozen.
//!
//! # Features
//!
//! With `tracing` and `log`, the events and records that the plugin creates with these crates are
//! sent to the host's log, with target, level and fields. Neither is enabled by default. A
//! subscriber or logger that the plugin or the program sets up before the first call is kept.
//!
//! # Scope
//!
//! No I/O and no policy: the host decides what a plugin may do, and which plugin is meant.

mod args;
mod buffer;
mod cancel;
mod cluster;
pub mod containers;
mod draft;
mod error;
mod event_type;
pub mod events;
#[doc(hidden)]
pub mod export;
mod guard;
mod handle;
pub mod host;
pub mod interface;
pub mod manifest;
pub mod message;
mod node;
mod plugin;
pub mod prelude;
pub mod raw;
#[cfg(any(feature = "log", feature = "tracing"))]
mod records;
pub mod rules;
#[cfg(feature = "schema")]
#[doc(hidden)]
pub mod schema;
mod services;
mod streams;
pub mod testing;
mod universe;
mod view;

pub use anyhow;
pub use serde_json as json;

pub use args::{Arg, ArgGroup, ArgKind, Args, ValueType};
pub use buffer::Buffer;
pub use cancel::Cleanup;
pub use cluster::{
    AmendedFile, AmendedMount, Amendment, ClusterEvent, ClusterInfo, NodeEvent, NodeInfo,
};
pub use containers::{ContainerInfo, ContainerSpec, Containers};
pub use draft::{Draft, Place};
pub use error::{ErrorExt, Hint, Result, UsageError};
pub use event_type::EventType;
pub use export::LinkedPlugin;
pub use handle::HostHandle;
pub use host::{Host, Level, Progress};
pub use interface::{Interface, Remote};
pub use manifest::Noun;
pub use message::{
    Candidate, Directories, HookReply, ProjectInfo, Prompt, Resource, Terminal, Tool, Webhooks,
};
pub use node::{ChangeKind, MODE_EXECUTABLE, MODE_FILE, Node, Select};
pub use plugin::{Call, Command, Event, Hook, Outcome, Scaffold, ScaffoldCall, Stop};
pub use universe::{ChangeSet, Universe};
pub use view::{Table, View};
