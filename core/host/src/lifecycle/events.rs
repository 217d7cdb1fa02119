//! What is known of an event before it happens.

use serde::Serialize;

/// An event that hooks can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventInfo {
    /// Its name.
    pub name: &'static str,
    /// When it happens.
    pub about: &'static str,
    /// What a hook may do, beside failing.
    pub may: &'static str,
}

impl EventInfo {
    /// Returns the event `name`, which happens as `about` says, and of which a hook `may`
    /// do something beside failing, for example `veto`.
    pub const fn new(name: &'static str, about: &'static str, may: &'static str) -> Self {
        Self { name, about, may }
    }
}
