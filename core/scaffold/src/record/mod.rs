//! How a project was made: the record of its commands, and their repetition.

pub(crate) mod file;
pub(crate) mod memo;
pub(crate) mod replay;
