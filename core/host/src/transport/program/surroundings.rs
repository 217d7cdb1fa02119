//! The surroundings in which programs are run.

use crate::identity::Identity;
use pintle_plugin::json::Value;

/// Returns the variables that describe an event to a program, besides the payload: the part of
/// their names after the host's prefix, and their values.
pub type EventVariables = fn(event: &str, payload: &Value) -> Vec<(String, String)>;

/// The surroundings in which programs are run.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The host's names.
    pub identity: Identity,
    /// The variables that describe events to programs.
    pub variables: Vec<EventVariables>,
    /// The names of the events that the host has.
    pub events: Vec<&'static str>,
    /// The commands that hooks can add options to.
    pub hooked: Vec<HookedCommand>,
}

/// A command of the host that hooks can add options to.
#[derive(Debug, Clone, Default)]
pub struct HookedCommand {
    /// Its words, for example `ship moor`.
    pub words: String,
    /// The events that it hands to hooks.
    pub events: Vec<String>,
    /// The long names of its own options.
    pub names: Vec<String>,
    /// The letters of its own options.
    pub letters: Vec<char>,
}
