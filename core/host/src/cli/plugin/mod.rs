//! `plugin …`: what is installed, and what a file is.

pub(super) mod abi;
pub(super) mod check;
pub(super) mod inspect;
pub(super) mod list;
pub(super) mod run;
mod subject;

pub use subject::parse_key;
