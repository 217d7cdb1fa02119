//! The hooks of one command.

use super::dispatch::{Outcome, TimeLimit, dispatch_each};
use crate::services::Services;
use crate::transport::LoadedPlugin;
use pintle_plugin::EventType;
use pintle_plugin::json::{Map, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The plugins with hooks on a command's events, and what they receive besides the event.
#[derive(Clone)]
pub struct Hooks {
    /// The plugins.
    pub plugins: Vec<LoadedPlugin>,
    /// The services of the host for them.
    pub services: Services,
    /// The time limit for each hook.
    pub limit: TimeLimit,
    /// The values of the options that they added to the command.
    pub options: Map<String, Value>,
}

impl Hooks {
    /// Sends an event to the hooks that subscribe to it, and returns the result of each.
    pub fn dispatch<P: Serialize, R: Serialize + DeserializeOwned>(
        &self,
        event: &EventType<P, R>,
        payload: &P,
    ) -> Vec<Outcome<R>> {
        let name = event.name();
        let subscribes = |it: &&LoadedPlugin| it.manifest().events.iter().any(|it| it == name);
        let plugins: Vec<_> = self.plugins.iter().filter(subscribes).cloned().collect();
        dispatch_each(event, payload, &plugins, &self.services, self.limit)
    }

    /// Returns whether any plugin subscribes to the event.
    pub fn has_subscribers(&self, event: &str) -> bool {
        self.plugins.iter().any(|it| it.manifest().events.iter().any(|it| it == event))
    }
}
