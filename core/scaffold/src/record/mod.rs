//! How a project was created: the record of its commands, and their repetition.

mod entries;
pub(crate) mod file;
pub(crate) mod memo;
pub(crate) mod replay;
pub(crate) mod replayed;
pub(crate) mod union;
