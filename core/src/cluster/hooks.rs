//! The hooks of a cluster's events.

use super::error::ClusterError;
use crate::lifecycle::{self, HookError, TimeLimit};
use crate::services::Services;
use crate::transport::LoadedPlugin;
use pintle_plugin::message::HookReply;
use pintle_plugin::{ClusterEvent, ClusterInfo};
use serde::Serialize;
use serde_json::{Map, Value};

/// The plugins with hooks on a command's events, and what they are told beside the cluster.
#[derive(Clone)]
pub struct Hooks {
    /// The plugins.
    pub plugins: Vec<LoadedPlugin>,
    /// What they get from the host.
    pub services: Services,
    /// How long each hook may take.
    pub limit: TimeLimit,
    /// The values of the options that they added to the command.
    pub options: Map<String, Value>,
}

impl Hooks {
    /// Returns the payload of an event of a cluster.
    pub(crate) fn event(&self, cluster: ClusterInfo, config: &Map<String, Value>) -> ClusterEvent {
        let mut event = ClusterEvent::default();
        event.cluster = cluster;
        event.options.clone_from(&self.options);
        event.config.clone_from(config);
        event
    }

    /// Hands out a `pre-` event.
    ///
    /// # Errors
    ///
    /// The first veto or failure.
    pub(crate) async fn ask(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Result<Vec<(String, HookReply)>, ClusterError> {
        let outcomes = self.dispatch(event, payload).await;
        let replies = outcomes.into_iter().map(|it| it.result.map(|reply| (it.plugin, reply)));
        Ok(replies.collect::<Result<_, HookError>>()?)
    }

    /// Hands out a `pre-` event that only a veto or a failure can answer.
    pub(crate) async fn ask_for_veto(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Result<(), ClusterError> {
        for (plugin, reply) in self.ask(event, payload).await? {
            if !reply.amend.is_empty() {
                let text = format!("plugin `{plugin}` amends `{event}`, which cannot be amended");
                return Err(ClusterError::Amendment(text));
            }
        }
        Ok(())
    }

    /// Hands out a `post-` event, and returns all failures.
    pub(crate) async fn tell(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Vec<HookError> {
        let outcomes = self.dispatch(event, payload).await;
        outcomes.into_iter().filter_map(|it| it.result.err()).collect()
    }

    async fn dispatch(
        &self,
        event: &'static str,
        payload: impl Serialize + Send + 'static,
    ) -> Vec<lifecycle::Outcome> {
        let subscribes = |it: &&LoadedPlugin| it.manifest().events.iter().any(|it| it == event);
        let plugins: Vec<_> = self.plugins.iter().filter(subscribes).cloned().collect();
        if plugins.is_empty() {
            return Vec::new();
        }
        let (services, limit) = (self.services.clone(), self.limit);
        let work = move || lifecycle::dispatch_each(event, &payload, &plugins, &services, limit);
        tokio::task::spawn_blocking(work).await.expect("the dispatch of hooks does not panic")
    }
}
