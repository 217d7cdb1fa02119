//! A plugin manager: plugins are fetched, verified and kept, and each version can be had again.
//!
//! In reading order: where plugins come from ([`source`]), what is in an archive ([`archive`]),
//! who vouches for it ([`signature`]), which file of a release is meant ([`asset`]).
#![deny(unsafe_code)]

pub mod archive;
pub mod asset;
pub mod signature;
pub mod source;
