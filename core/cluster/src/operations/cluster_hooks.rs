//! The hooks for a cluster's events.

use crate::blocking::blocking;
use crate::error::ClusterError;
use pintle_host::lifecycle::{Answer, HookError, Hooks, Outcome};
use pintle_plugin::{ClusterEvent, ClusterInfo, EventType, NodeEvent, NodeInfo};
use serde::Serialize;
use serde_json::{Map, Value};

/// The hooks, as the operations on clusters use them.
pub(crate) trait ClusterHooks {
    /// Returns the payload of an event of a cluster.
    fn event(&self, cluster: ClusterInfo, config: &Map<String, Value>) -> ClusterEvent;

    /// Returns the payload of an event of some nodes of a cluster.
    fn node_event(&self, cluster: ClusterInfo, nodes: Vec<NodeInfo>) -> NodeEvent;

    /// Sends a `pre-` event.
    ///
    /// # Errors
    ///
    /// The first veto or failure.
    async fn ask<P: Serialize + Send + 'static>(
        &self,
        event: EventType<P>,
        payload: P,
    ) -> Result<Vec<(String, Answer)>, ClusterError>;

    /// Sends a `post-` event, and returns all failures.
    async fn tell<P: Serialize + Send + 'static>(
        &self,
        event: EventType<P>,
        payload: P,
    ) -> Vec<HookError>;
}

impl ClusterHooks for Hooks {
    fn event(&self, cluster: ClusterInfo, config: &Map<String, Value>) -> ClusterEvent {
        let mut event = ClusterEvent::default();
        event.cluster = cluster;
        event.options.clone_from(&self.options);
        event.config.clone_from(config);
        event
    }

    fn node_event(&self, cluster: ClusterInfo, nodes: Vec<NodeInfo>) -> NodeEvent {
        let mut event = NodeEvent::default();
        event.cluster = cluster;
        event.nodes = nodes;
        event.options.clone_from(&self.options);
        event
    }

    async fn ask<P: Serialize + Send + 'static>(
        &self,
        event: EventType<P>,
        payload: P,
    ) -> Result<Vec<(String, Answer)>, ClusterError> {
        let outcomes = dispatch(self, event, payload).await;
        let replies = outcomes.into_iter().map(|it| it.result.map(|answer| (it.plugin, answer)));
        Ok(replies.collect::<Result<_, HookError>>()?)
    }

    async fn tell<P: Serialize + Send + 'static>(
        &self,
        event: EventType<P>,
        payload: P,
    ) -> Vec<HookError> {
        let outcomes = dispatch(self, event, payload).await;
        outcomes.into_iter().filter_map(|it| it.result.err()).collect()
    }
}

async fn dispatch<P: Serialize + Send + 'static>(
    hooks: &Hooks,
    event: EventType<P>,
    payload: P,
) -> Vec<Outcome> {
    if !hooks.has_subscribers(event.name()) {
        return Vec::new();
    }
    let hooks = hooks.clone();
    blocking(move || hooks.dispatch(&event, &payload)).await
}
