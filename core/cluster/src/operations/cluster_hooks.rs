//! The hooks of a cluster's events.

use crate::blocking::blocking;
use crate::error::ClusterError;
use crate::spec::AmendmentError;
use pintle_host::lifecycle::{self, HookError, Hooks};
use pintle_plugin::message::HookReply;
use pintle_plugin::{ClusterEvent, ClusterInfo};
use serde::Serialize;
use serde_json::{Map, Value};

/// What the work with clusters does with hooks.
pub(crate) trait ClusterHooks {
    /// Returns the payload of an event of a cluster.
    fn event(&self, cluster: ClusterInfo, config: &Map<String, Value>) -> ClusterEvent;

    /// Hands out a `pre-` event.
    ///
    /// # Errors
    ///
    /// The first veto or failure.
    async fn ask(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Result<Vec<(String, HookReply)>, ClusterError>;

    /// Hands out a `pre-` event that only a veto or a failure can answer.
    async fn ask_for_veto(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Result<(), ClusterError>;

    /// Hands out a `post-` event, and returns all failures.
    async fn tell(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
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

    async fn ask(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Result<Vec<(String, HookReply)>, ClusterError> {
        let outcomes = dispatch(self, event, payload).await;
        let replies = outcomes.into_iter().map(|it| it.result.map(|reply| (it.plugin, reply)));
        Ok(replies.collect::<Result<_, HookError>>()?)
    }

    async fn ask_for_veto(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Result<(), ClusterError> {
        for (plugin, reply) in self.ask(event, payload).await? {
            if !reply.amend.is_empty() {
                return Err(AmendmentError::Event { plugin, event }.into());
            }
        }
        Ok(())
    }

    async fn tell(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Vec<HookError> {
        let outcomes = dispatch(self, event, payload).await;
        outcomes.into_iter().filter_map(|it| it.result.err()).collect()
    }
}

async fn dispatch(
    hooks: &Hooks,
    event: &'static str,
    payload: impl Serialize + Send + 'static,
) -> Vec<lifecycle::Outcome> {
    if !hooks.has_subscribers(event) {
        return Vec::new();
    }
    let hooks = hooks.clone();
    blocking(move || hooks.dispatch(event, &payload)).await
}
