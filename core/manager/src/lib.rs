//! A plugin manager: plugins are fetched, verified and kept, and each version can be had again.
//!
//! In reading order: where plugins come from ([`source`], [`origin`]), what is in an archive
//! ([`archive`]), which file of a release is meant ([`asset`]), who vouches for it
//! ([`signature`], [`Trust`]), where it is kept ([`store`]), and what keeps it the same
//! ([`lockfile`]). How it is found is beside the way ([`index`]). `install` is the way from the first to the last; the `commands` are on top.
//!
//! Invariants: no byte of a plugin is unpacked before its digest and its signature were compared;
//! no plugin is visible before it has passed every check; a process that is killed leaves what
//! was there before or what is to be.
#![deny(unsafe_code)]

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
