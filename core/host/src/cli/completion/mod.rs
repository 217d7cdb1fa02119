//! `completion SHELL`, and the answers to what its script asks.

mod accepted;
pub(super) mod answer;
mod offer;
mod paths;
mod program_answer;
pub(super) mod script;
mod shell;
mod typed;
pub(super) mod values;
