//! The index: which plugins exist, and the source of each.
//!
//! A static JSON file, which anyone can publish; `docs/plugin-index.md` describes its format. In
//! reading order: its content ([`Index`]), the content of its signature ([`trusted_comment`]), and
//! its location and cached copy ([`Place`]).
//!
//! Invariants: every quantity that the file controls has a limit; none of its texts contains
//! control characters; with a key, nothing in it is read before its signature has been verified.

mod error;
mod kept;
mod list;
mod place;
mod signed;

pub use error::{IndexError, Invalid};
pub use list::{FORMAT, Index, MAX_LEN, Match, Plugin};
pub use place::{Loaded, Place};
pub use signed::trusted_comment;

#[cfg(test)]
mod tests;
