//! The index: which plugins there are, and where each comes from.
//!
//! A static JSON file, which anyone can publish; `docs/plugin-index.md` has its format. In reading
//! order: what is in it ([`Index`]), what its signature says ([`trusted_comment`]), where it is
//! and what is kept of it ([`Place`]).
//!
//! Invariants: every quantity that the file controls has a limit; no text of it has control
//! characters; with a key, nothing of it is read before its signature was verified.

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
