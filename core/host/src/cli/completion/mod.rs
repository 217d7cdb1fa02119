//! `completion SHELL`, and the answers to what its script asks.

pub(super) mod answer;
mod program_answer;
pub(super) mod script;
