//! `completion SHELL`, and the answers to what its script asks.

pub(super) mod answer;
pub(super) mod script;
