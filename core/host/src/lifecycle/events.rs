//! The facts about an event that are known in advance.

use pintle_plugin::EventType;
use serde::Serialize;

/// An event that hooks can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventInfo {
    /// Its name.
    pub name: &'static str,
    /// When it happens.
    pub about: &'static str,
    /// What a hook can do, besides failing.
    pub may: &'static str,
}

impl EventInfo {
    /// Returns the facts about an event.
    pub const fn of<P, R>(event: &EventType<P, R>) -> Self {
        Self { name: event.name(), about: event.about(), may: event.permits() }
    }
}
