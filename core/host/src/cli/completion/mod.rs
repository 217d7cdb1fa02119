//! `completion SHELL`, and the answers to the requests of its script.

mod accepted;
pub(super) mod answer;
mod offer;
mod paths;
mod program_answer;
pub(super) mod script;
mod shell;
mod typed;
pub(super) mod values;
