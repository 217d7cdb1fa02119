//! A plugin manager: plugins are fetched, verified and stored, and each version can be restored.
//!
//! In reading order: where plugins come from ([`source`], [`origin`]), the content of an archive
//! ([`archive`]), the choice of a file from a release ([`asset`]), the trust in its bytes
//! ([`signature`], [`Trust`]), where it is stored ([`store`]), and how it is locked ([`lockfile`]).
//! The search for plugins is separate ([`index`]). `install` combines all of these steps, and the
//! `commands` use it.
//!
//! Invariants: no byte of a plugin is unpacked before its digest and its signature have been
//! verified; no plugin is visible before it has passed every check; a process that is killed leaves
//! either the previous state or the new one.
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod archive;
mod asking;
pub mod asset;
mod commands;
pub mod config;
mod defaults;
mod digest;
mod errors;
pub mod index;
mod install;
pub mod lockfile;
mod manager;
pub mod origin;
mod project;
pub mod signature;
pub mod source;
pub mod store;
mod trust;
mod user_dir;
mod verify;

pub use commands::GROUP;
pub use defaults::Defaults;
pub use digest::{Digest, DigestError};
pub use trust::Trust;
