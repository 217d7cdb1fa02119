//! What programs are run with.

use crate::identity::Identity;
use pintle_plugin::json::Value;

/// Returns what a program is told of an event in variables of its own, beside the payload: the
/// part of their names behind the host's prefix, and their values.
pub type EventVariables = fn(event: &str, payload: &Value) -> Vec<(String, String)>;

/// What programs are run with.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The host's names.
    pub identity: Identity,
    /// What programs are told of events in variables.
    pub variables: Vec<EventVariables>,
    /// The names of the events that the host has.
    pub events: Vec<&'static str>,
    /// The words of the commands that hooks can add options to.
    pub hooked: Vec<String>,
}
